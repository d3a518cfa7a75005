"""oid's relatives: regclass, regtype, regproc …, which are numbers that read and show as names.

'pg_class'::regclass is 1259, and 1259::regclass shows as pg_class. Only the catalog knows which
name is which number, so the work is asked of the session: `object_oid` and `object_name`. Where
the session has neither (tests of types alone), numbers and the names of built-in types remain.
"""

from __future__ import annotations

from collections.abc import Callable

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.types.context import SessionContext
from services.sqldb.types.numbers import receive_uint4, send_uint4
from services.sqldb.types.sql_type import SqlType

REG_TYPES = {
    # name: (oid, array oid)
    "regproc": (24, 1008),
    "regprocedure": (2202, 2207),
    "regoper": (2203, 2208),
    "regoperator": (2204, 2209),
    "regclass": (2205, 2210),
    "regtype": (2206, 2211),
    "regnamespace": (4089, 4090),
    "regrole": (4096, 4097),
    "regcollation": (4191, 4192),
    "regconfig": (3734, 3735),
}

_UNDEFINED = {
    "regclass": (errors.UNDEFINED_TABLE, 'relation "{}" does not exist'),
    "regtype": (errors.UNDEFINED_OBJECT, 'type "{}" does not exist'),
    "regnamespace": (errors.INVALID_SCHEMA_NAME, 'schema "{}" does not exist'),
    "regrole": (errors.UNDEFINED_OBJECT, 'role "{}" does not exist'),
    "regproc": (errors.UNDEFINED_FUNCTION, 'function "{}" does not exist'),
    "regprocedure": (errors.UNDEFINED_FUNCTION, 'function "{}" does not exist'),
}


def undefined_object(kind: str, text: str) -> SqlError:
    sqlstate, message = _UNDEFINED.get(
        kind, (errors.UNDEFINED_OBJECT, 'object "{}" does not exist')
    )
    return SqlError(sqlstate, message.format(text))


def make_reg_type(
    name: str, builtin_oid: Callable[[str], int | None], builtin_name: Callable[[int], str | None]
) -> SqlType:
    """`builtin_oid` and `builtin_name` answer for what needs no catalog: the built-in types."""
    oid, array_oid = REG_TYPES[name]

    def parse(text: str, typmod: int, context: SessionContext) -> int:
        stripped = text.strip()
        if stripped == "-":
            return 0
        if stripped.isdecimal() and len(stripped) <= 10:
            return int(stripped)
        lookup = getattr(context, "object_oid", None)
        found = lookup(name, stripped) if lookup is not None else builtin_oid(stripped)
        if found is None:
            raise undefined_object(name, stripped)
        return found

    def format_(value: int, context: SessionContext) -> str:
        if value == 0:
            return "-"
        lookup = getattr(context, "object_name", None)
        found = lookup(name, value) if lookup is not None else builtin_name(value)
        return str(value) if found is None else found

    return SqlType(
        oid=oid,
        name=name,
        category="N",
        parse=parse,
        format=format_,
        receive=receive_uint4,
        send=send_uint4,
        length=4,
        array_oid=array_oid,
    )
