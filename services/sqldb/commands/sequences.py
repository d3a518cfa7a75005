"""CREATE, ALTER SEQUENCE, and the sequences that serial and identity columns bring along."""

from __future__ import annotations

from dataclasses import replace

from services.sqldb import errors
from services.sqldb.catalog.definitions import Schema, Sequence, Table
from services.sqldb.catalog.lookup import undefined_relation
from services.sqldb.catalog.type_names import resolve_type
from services.sqldb.commands.default_privileges import give_defaults
from services.sqldb.commands.names import relation_name
from services.sqldb.errors import SqlError
from services.sqldb.session.results import Result
from services.sqldb.session.session import Session
from services.sqldb.syntax import nodes
from services.sqldb.types import INT2, INT4, INT8, SqlType

_LIMITS = {INT2.oid: 2**15, INT4.oid: 2**31, INT8.oid: 2**63}


def create_sequence(session: Session, node: nodes.CreateSequence) -> Result:
    lookup = session.lookup
    is_temporary = node.persistence is nodes.Persistence.TEMPORARY
    schema = session.creation_schema(node.relation, is_temporary=is_temporary)
    if session.refuse_taken_name(schema, node.relation.name, if_not_exists=node.if_not_exists):
        return Result("CREATE SEQUENCE")
    sequence, restart = _defined(session, _blank(session, schema, node.relation.name), node.options)
    sequence = replace(sequence, is_temporary=is_temporary)
    lookup.view.put(sequence)
    if not is_temporary:
        give_defaults(session, sequence)
    start = sequence.start if restart is None else restart
    session.engine.storage.create_sequence(
        session.expect_transaction(), sequence.oid, start, sequence.name
    )
    return Result("CREATE SEQUENCE")


def sequence_of_default(session: Session, node: nodes.Expression) -> int:
    """The oid of the sequence in nextval('s'::regclass), as a dump writes it; 0: another default.

    So the default follows the sequence to another name, and goes with it.
    """
    match node:
        case nodes.FunctionCall(name=(*_, "nextval"), arguments=(argument,)):
            if isinstance(argument, nodes.Cast) and argument.type_name.names[-1] == "regclass":
                argument = argument.operand
            if isinstance(argument, nodes.Literal):
                oid = session.object_oid("regclass", str(argument.value))
                found = None if oid is None else session.lookup.view.state.get(oid)
                return found.oid if isinstance(found, Sequence) else 0
    return 0


def _blank(session: Session, schema: Schema, name: str, type_: SqlType = INT8) -> Sequence:
    limit = _LIMITS[type_.oid]
    oid = session.lookup.view.new_oid()
    return Sequence(oid, schema.oid, name, type_.oid, 1, 1, 1, limit - 1, owner=session.role.oid)


def create_owned_sequence(
    session: Session,
    schema: Schema,
    table: str,
    column: str,
    type_: SqlType,
    options: tuple[nodes.SequenceOption, ...] = (),
    *,
    is_identity: bool = False,
) -> Sequence:
    """The sequence of a serial or identity column; `own` ties it to the column later."""
    named = next((one.value for one in options if one.name == "sequence_name"), None)
    name = named[-1] if named else relation_name(
        session.lookup, schema.oid, table, [column], "seq"
    )  # fmt: skip
    options = tuple(one for one in options if one.name != "sequence_name")
    sequence, restart = _defined(session, _blank(session, schema, name, type_), options)
    sequence = replace(sequence, is_identity=is_identity)
    session.lookup.view.put(sequence)
    start = sequence.start if restart is None else restart
    session.engine.storage.create_sequence(
        session.expect_transaction(), sequence.oid, start, sequence.name
    )
    return sequence


def own(session: Session, sequence: Sequence, table: Table, column: int) -> None:
    """From here on the sequence goes when the column goes."""
    owned = replace(sequence, owner_table_oid=table.oid, owner_column=column)
    session.lookup.view.put(owned)


def alter_sequence(session: Session, node: nodes.AlterSequence) -> Result:
    written = node.relation
    lookup = session.lookup
    if node.if_exists and lookup.relation(written.schema, written.name) is None:
        session.notice(f'relation "{written.name}" does not exist, skipping')
        return Result("ALTER SEQUENCE")
    old = lookup.expect_sequence(written.schema, written.name)
    change_sequence(session, old, node.options)
    return Result("ALTER SEQUENCE")


def change_sequence(
    session: Session, old: Sequence, options: tuple[nodes.SequenceOption, ...]
) -> None:
    changed, restart = _defined(session, old, options, is_new=False)
    session.lookup.view.put(changed)
    if restart is not None:
        state = session.engine.storage.sequence(changed.oid)
        state.restart(session.expect_transaction(), restart)


def _defined(
    session: Session,
    sequence: Sequence,
    options: tuple[nodes.SequenceOption, ...],
    *,
    is_new: bool = True,
) -> tuple[Sequence, int | None]:
    """The sequence with the options in place, and where to restart, if anywhere."""
    given = _by_name(options)
    old_limit = _LIMITS[sequence.type_oid]
    if "as" in given:
        sequence = _with_type(session, sequence, given["as"])
    limit = _LIMITS[sequence.type_oid]
    increment = _number(given, "increment", sequence.increment)
    if increment == 0:
        raise SqlError(errors.INVALID_PARAMETER_VALUE, "INCREMENT must not be zero")
    is_up = increment > 0
    # What was the old type's limit becomes the new one's; other values stay.
    takes_least = not is_new and old_limit != limit and sequence.minimum == -old_limit
    takes_most = not is_new and old_limit != limit and sequence.maximum == old_limit - 1
    smallest = -limit if not is_up or takes_least else 1
    largest = limit - 1 if is_up or takes_most else -1
    kept_least = smallest if is_new or takes_least else sequence.minimum
    kept_most = largest if is_new or takes_most else sequence.maximum
    minimum = _limit(given, "minvalue", kept_least, smallest)
    maximum = _limit(given, "maxvalue", kept_most, largest)
    _expect_of_type(session, sequence, "MAXVALUE", maximum)
    _expect_of_type(session, sequence, "MINVALUE", minimum)
    if minimum >= maximum:
        message = f"MINVALUE ({minimum}) must be less than MAXVALUE ({maximum})"
        raise SqlError(errors.INVALID_PARAMETER_VALUE, message)
    start = _number(given, "start", (minimum if is_up else maximum) if is_new else sequence.start)
    _expect_between("START", start, minimum, maximum)
    restart = None
    if "restart" in given:
        restart = start if given["restart"] is None else given["restart"]
        _expect_between("RESTART", restart, minimum, maximum)
    cache = _number(given, "cache", sequence.cache)
    if cache <= 0:
        message = f"CACHE ({cache}) must be greater than zero"
        raise SqlError(errors.INVALID_PARAMETER_VALUE, message)
    sequence = replace(
        sequence,
        increment=increment,
        minimum=minimum,
        maximum=maximum,
        start=start,
        cache=cache,
        cycles=bool(given.get("cycle", sequence.cycles)),
    )
    if "owned_by" in given:
        sequence = _with_owner(session, sequence, given["owned_by"])
    return sequence, restart


def _by_name(options: tuple[nodes.SequenceOption, ...]) -> dict[str, object]:
    given: dict[str, object] = {}
    for option in options:
        if option.name in given:
            message = "conflicting or redundant options"
            raise SqlError(errors.SYNTAX_ERROR, message, position=option.position)
        given[option.name] = option.value
    return given


def _number(given: dict[str, object], name: str, default: int) -> int:
    value = given.get(name)
    return default if value is None else value


def _limit(given: dict[str, object], name: str, default: int, standard: int) -> int:
    """NO MINVALUE is what the type and the direction give."""
    if name not in given:
        return default
    return standard if given[name] is None else given[name]


def _expect_of_type(session: Session, sequence: Sequence, word: str, value: int) -> None:
    limit = _LIMITS[sequence.type_oid]
    if not -limit <= value < limit:
        type_ = session.lookup.types.by_oid(sequence.type_oid)
        message = f"{word} ({value}) is out of range for sequence data type {type_}"
        raise SqlError(errors.INVALID_PARAMETER_VALUE, message)


def _expect_between(word: str, value: int, minimum: int, maximum: int) -> None:
    if value < minimum:
        message = f"{word} value ({value}) cannot be less than MINVALUE ({minimum})"
        raise SqlError(errors.INVALID_PARAMETER_VALUE, message)
    if value > maximum:
        message = f"{word} value ({value}) cannot be greater than MAXVALUE ({maximum})"
        raise SqlError(errors.INVALID_PARAMETER_VALUE, message)


def _with_type(session: Session, sequence: Sequence, written: nodes.TypeName) -> Sequence:
    type_, _ = resolve_type(session.lookup, written)
    if type_.oid not in _LIMITS:
        message = "sequence type must be smallint, integer, or bigint"
        raise SqlError(errors.INVALID_PARAMETER_VALUE, message)
    return replace(sequence, type_oid=type_.oid)


def _with_owner(session: Session, sequence: Sequence, names: tuple[str, ...]) -> Sequence:
    if names == ("none",):
        return replace(sequence, owner_table_oid=0, owner_column=-1)
    if len(names) < 2:
        message = "invalid OWNED BY option"
        hint = "Specify OWNED BY table.column or OWNED BY NONE."
        raise SqlError(errors.SYNTAX_ERROR, message, hint=hint)
    *schema, table_name, column_name = names
    table = session.lookup.table(schema[0] if schema else None, table_name)
    if table is None:
        raise undefined_relation(schema[0] if schema else None, table_name)
    column = table.column_index(column_name)
    if column is None:
        message = f'column "{column_name}" of relation "{table.name}" does not exist'
        raise SqlError(errors.UNDEFINED_COLUMN, message)
    return replace(sequence, owner_table_oid=table.oid, owner_column=column)
