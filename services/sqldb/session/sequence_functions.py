"""nextval, currval, setval, and the sequence of a serial column."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.sqldb import errors
from services.sqldb.catalog.definitions import Sequence
from services.sqldb.catalog.privileges import protected
from services.sqldb.catalog.texts import full_name
from services.sqldb.errors import SqlError
from services.sqldb.functions import Definitions
from services.sqldb.session.database import next_value
from services.sqldb.session.permissions import expect_any_right
from services.sqldb.session.session_settings import split_names

if TYPE_CHECKING:
    from services.sqldb.session.session import Session

define = Definitions()
_STABLE = {"context": True, "volatility": "s"}
_VOLATILE = {"context": True, "volatility": "v"}


def _sequence(session: Session, oid: int, letters: str) -> Sequence:
    """The sequence, if one of these rights is there. Raises SqlError 42809, 42501."""
    found = session.lookup.view.state.get(oid)
    if not isinstance(found, Sequence):
        name = getattr(found, "name", str(oid))
        raise SqlError(errors.WRONG_OBJECT_TYPE, f'"{name}" is not a sequence')
    if not session.role.is_superuser:
        expect_any_right(session, protected(found), letters)
    return found


@define.function("nextval(regclass) -> int8", **_VOLATILE)
def nextval(session: Session, oid: int) -> int:
    session.refuse_if_read_only("nextval()")
    return next_value(session, _sequence(session, oid, "wU"))


@define.function("currval(regclass) -> int8", **_VOLATILE)
def currval(session: Session, oid: int) -> int:
    sequence = _sequence(session, oid, "rU")
    if oid not in session.sequence_values:
        message = f'currval of sequence "{sequence.name}" is not yet defined in this session'
        raise SqlError(errors.OBJECT_NOT_IN_PREREQUISITE_STATE, message)
    return session.sequence_values[oid]


@define.function("lastval() -> int8", **_VOLATILE)
def lastval(session: Session) -> int:
    if session.last_sequence_oid not in session.sequence_values:
        message = "lastval is not yet defined in this session"
        raise SqlError(errors.OBJECT_NOT_IN_PREREQUISITE_STATE, message)
    return session.sequence_values[session.last_sequence_oid]


@define.function(
    "setval(regclass, int8) -> int8", "setval(regclass, int8, bool) -> int8", **_VOLATILE
)
def setval(session: Session, oid: int, value: int, is_called: bool = True) -> int:
    session.refuse_if_read_only("setval()")
    sequence = _sequence(session, oid, "w")
    if not sequence.minimum <= value <= sequence.maximum:
        message = (
            f'setval: value {value} is out of bounds for sequence "{sequence.name}" '
            f"({sequence.minimum}..{sequence.maximum})"
        )
        raise SqlError(errors.NUMERIC_VALUE_OUT_OF_RANGE, message)
    session.engine.storage.sequence(oid).set(value, is_called=is_called)
    if is_called:
        session.sequence_values[oid] = value
    return value


@define.function("pg_get_serial_sequence(text, text) -> text", **_STABLE)
def pg_get_serial_sequence(session: Session, table_name: str, column_name: str) -> str | None:
    lookup = session.lookup
    names = split_names(table_name.replace(".", ","))
    *schema, name = names
    table = lookup.expect_table(schema[0] if schema else None, name)
    column = table.column_index(column_name)
    if column is None:
        message = f'column "{column_name}" of relation "{name}" does not exist'
        raise SqlError(errors.UNDEFINED_COLUMN, message)
    for sequence in lookup.view.state.parts(table.oid, Sequence):
        if sequence.owner_column == column:
            return full_name(lookup, sequence)
    return None
