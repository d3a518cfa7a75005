"""What a type is: its place in pg_type, how its values look as text and bytes, how they sort.

    'abc'::varchar(2)                              SELECT column
          │                                              │
    parse(text, typmod, context) → value → format(value, context)      text format of the protocol
    receive(data)                → value → send(value)                 binary format
                                   value → sort_key(value)             order, equality, hash

A type knows nothing of functions and operators; those are the tables of `services.sqldb.functions`.
A column's type is a `SqlType` and a typmod: one number that holds the 20 of varchar(20) or both
numbers of numeric(10,2), -1 for none.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from services.sqldb.types.context import SessionContext

NO_TYPMOD = -1

Parse = Callable[[str, int, SessionContext], Any]
Format = Callable[[Any, SessionContext], str]


@dataclass(frozen=True, slots=True, eq=False)
class TypeModifier:
    """varchar(n), numeric(p,s), timestamp(p): the numbers in brackets, and what they do to values.

    `coerce(value, typmod, is_explicit)` brings a value of the same type into the given shape; an
    explicit cast cuts a text silently where an assignment raises 22001.
    """

    from_numbers: Callable[[list[int]], int]
    to_text: Callable[[int], str]
    coerce: Callable[[Any, int, bool], Any]


@dataclass(frozen=True, slots=True, eq=False)
class SqlType:
    """One row of pg_type. Two types are equal when their oids are."""

    oid: int
    name: str  # pg_type.typname: "int4"
    # pg_type.typcategory: N number, S string, D date or time, B boolean, A array, T timespan,
    # E enum, C composite, P pseudo-type, U other, X unknown.
    category: str
    parse: Parse
    format: Format
    receive: Callable[[bytes], Any]
    send: Callable[[Any], bytes]
    # The name in the SQL standard: "integer". What format_type and error messages say.
    sql_name: str = ""
    is_preferred: bool = False
    length: int = -1  # pg_type.typlen: bytes, -1 varying, -2 a C string
    alignment: str = "i"
    # b base, c composite, e enum, p pseudo, d domain
    kind: str = "b"
    array_oid: int = 0
    element: SqlType | None = None  # of an array (also of oidvector and int2vector)
    fields: tuple[tuple[str, SqlType, int], ...] | None = None  # of a composite: name, type, typmod
    labels: tuple[str, ...] = ()  # of an enum
    # Has < and =; json, point or xml have not: no ORDER BY, GROUP BY, DISTINCT.
    is_comparable: bool = True
    # None: the values themselves compare and hash as SQL says.
    sort_key: Callable[[Any], Hashable] | None = None
    # For types whose text depends on no setting: the whole of `format`, without a context.
    plain_format: Callable[[Any], str] | None = None
    modifier: TypeModifier | None = None
    delimiter: str = ","
    is_collatable: bool = False
    schema: str = "pg_catalog"
    # Of a domain: the type below with its typmod, and check(context, value) -> value.
    base: SqlType | None = None
    base_typmod: int = NO_TYPMOD
    check: Callable[[SessionContext, Any], Any] | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SqlType) and self.oid == other.oid

    def __hash__(self) -> int:
        return self.oid

    def __repr__(self) -> str:
        return f"<{self.name}>"

    def __str__(self) -> str:
        return self.sql_name or self.name

    @property
    def is_array(self) -> bool:
        """A real array, with dimensions and bounds; oidvector and int2vector count as well."""
        return self.element is not None

    @property
    def plain(self) -> SqlType:
        """The type itself, or what is below a domain."""
        return self if self.base is None else self.base.plain

    @property
    def is_pseudo(self) -> bool:
        return self.kind == "p"

    @property
    def is_polymorphic(self) -> bool:
        return self.name in POLYMORPHIC_NAMES

    def formatter(self, context: SessionContext) -> Callable[[Any], str]:
        """`format` with the settings of the session filled in: one call per value of a column."""
        if self.plain_format is not None:
            return self.plain_format
        formats = self.format
        return lambda value: formats(value, context)

    def key_of(self, value: Any) -> Hashable:
        """What compares and hashes natively as the value does in SQL; None stays None."""
        if value is None or self.sort_key is None:
            return value
        return self.sort_key(value)


POLYMORPHIC_NAMES = frozenset(
    {
        "anyelement",
        "anyarray",
        "anynonarray",
        "anyenum",
        "anyrange",
        "anycompatible",
        "anycompatiblearray",
        "anycompatiblenonarray",
    }
)


def format_type(type_: SqlType, typmod: int = NO_TYPMOD) -> str:
    """ "character varying(20)": the type as DDL writes it. # Real: format_type_extended()"""
    if type_.is_array and type_.category == "A" and type_.name.startswith("_"):
        return format_type(type_.element, typmod) + "[]"
    if typmod < 0 or type_.modifier is None:
        # A bare "character" in SQL means character(1), so the unlimited type goes by its own name.
        return "bpchar" if type_.name == "bpchar" and typmod == NO_TYPMOD else str(type_)
    name, modifier = str(type_), type_.modifier.to_text(typmod)
    # timestamp(3) with time zone: the modifier stands inside the name.
    first, space, rest = name.partition(" ")
    if space and first in ("timestamp", "time"):
        return f"{first}{modifier} {rest}"
    return name + modifier
