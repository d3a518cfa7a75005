"""Syntax nodes of expressions: what was written, before anybody knows what the names mean.

`position` is where PostgreSQL's error cursor would stand: for an operator the operator's own sign,
for most others the first character.
"""

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.sqldb.syntax.nodes.queries import Query, SortItem, WindowDefinition


class LiteralKind(Enum):
    INTEGER = "integer"  # value: int, fits int4 or int8 or not (the binder picks the type)
    NUMERIC = "numeric"  # value: str, the digits as written
    STRING = "string"  # value: str, of type unknown until used
    BIT = "bit"  # value: str, 'b1010' or 'x1F'
    BOOLEAN = "boolean"
    NULL = "null"


@dataclass(frozen=True, slots=True)
class Literal:
    kind: LiteralKind
    value: int | str | bool | None
    position: int = -1


@dataclass(frozen=True, slots=True)
class Parameter:
    """$1: numbers count from 1."""

    number: int
    position: int = -1


@dataclass(frozen=True, slots=True)
class ColumnReference:
    """a, t.a, s.t.a or d.s.t.a. Subscripts and further fields are nodes around it."""

    names: tuple[str, ...]
    position: int = -1


@dataclass(frozen=True, slots=True)
class Star:
    """`*` or `t.*` in a select list (and count(*) has none: FunctionCall.is_star)."""

    qualifier: tuple[str, ...] = ()
    position: int = -1


@dataclass(frozen=True, slots=True)
class OperatorCall:
    """left OP right; a prefix operator has left None. name is ("+",) or ("pg_catalog", "+")."""

    name: tuple[str, ...]
    left: "Expression | None"
    right: "Expression"
    position: int = -1


@dataclass(frozen=True, slots=True)
class And:
    """a AND b AND c is one node of three operands, as the parser flattens the chain."""

    operands: tuple["Expression", ...]
    position: int = -1


@dataclass(frozen=True, slots=True)
class Or:
    operands: tuple["Expression", ...]
    position: int = -1


@dataclass(frozen=True, slots=True)
class Not:
    operand: "Expression"
    position: int = -1


@dataclass(frozen=True, slots=True)
class IsNull:
    operand: "Expression"
    is_negated: bool
    position: int = -1


@dataclass(frozen=True, slots=True)
class IsTruth:
    """x IS [NOT] TRUE / FALSE / UNKNOWN; truth None is UNKNOWN."""

    operand: "Expression"
    truth: bool | None
    is_negated: bool
    position: int = -1


@dataclass(frozen=True, slots=True)
class IsDistinct:
    """left IS [NOT] DISTINCT FROM right."""

    left: "Expression"
    right: "Expression"
    is_negated: bool
    position: int = -1


class LikeKind(Enum):
    LIKE = "LIKE"
    ILIKE = "ILIKE"
    SIMILAR = "SIMILAR TO"


@dataclass(frozen=True, slots=True)
class Like:
    kind: LikeKind
    operand: "Expression"
    pattern: "Expression"
    escape: "Expression | None"
    is_negated: bool
    position: int = -1


@dataclass(frozen=True, slots=True)
class Between:
    operand: "Expression"
    low: "Expression"
    high: "Expression"
    is_symmetric: bool
    is_negated: bool
    position: int = -1


@dataclass(frozen=True, slots=True)
class InList:
    operand: "Expression"
    items: tuple["Expression", ...]
    is_negated: bool
    position: int = -1


@dataclass(frozen=True, slots=True)
class QuantifiedArray:
    """left OP ANY (array) or left OP ALL (array); is_all tells which."""

    left: "Expression"
    operator: tuple[str, ...]
    array: "Expression"
    is_all: bool
    position: int = -1


class SubqueryKind(Enum):
    SCALAR = "scalar"  # (SELECT …) as a value, or as a row where a row is compared
    EXISTS = "exists"
    ANY = "any"  # left OP ANY (SELECT …); IN is = ANY
    ALL = "all"
    ARRAY = "array"  # ARRAY(SELECT …)


@dataclass(frozen=True, slots=True)
class Subquery:
    """A query inside an expression. NOT IN comes as ANY with is_negated."""

    kind: SubqueryKind
    query: "Query"
    left: "Expression | None" = None
    operator: tuple[str, ...] = ()
    is_negated: bool = False
    # IN and = ANY are the same to the binder; the deparser writes what was written.
    is_in: bool = False
    position: int = -1


@dataclass(frozen=True, slots=True)
class CaseWhen:
    condition: "Expression"
    result: "Expression"
    position: int = -1


@dataclass(frozen=True, slots=True)
class Case:
    """operand is set in CASE x WHEN 1 THEN …, None in CASE WHEN x = 1 THEN …"""

    operand: "Expression | None"
    whens: tuple[CaseWhen, ...]
    default: "Expression | None"
    position: int = -1


@dataclass(frozen=True, slots=True)
class TypeName:
    """A type as written. The SQL spellings come as their system names: integer = pg_catalog.int4.

    modifiers: the expressions in the parentheses, numeric(10, 2). array_bounds: one item for each
    [n], -1 for []. interval_fields: "day to second" in the words of the statement, or "".
    """

    names: tuple[str, ...]
    modifiers: tuple["Expression", ...] = ()
    array_bounds: tuple[int, ...] = ()
    is_setof: bool = False
    is_percent_type: bool = False
    interval_fields: str = ""
    position: int = -1


@dataclass(frozen=True, slots=True)
class Cast:
    """x::t, CAST(x AS t), t 'literal': position is where the type or the sign stands."""

    operand: "Expression"
    type_name: TypeName
    position: int = -1


@dataclass(frozen=True, slots=True)
class Collate:
    operand: "Expression"
    collation: tuple[str, ...]
    position: int = -1


@dataclass(frozen=True, slots=True)
class NamedArgument:
    """make_interval(days => 3)."""

    name: str
    value: "Expression"
    position: int = -1


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """A call of a function, aggregate or window function.

    has_sql_syntax: written in one of the standard's own forms, EXTRACT(year FROM x); then name is
    ("pg_catalog", …) and the arguments are in the order of the function.
    over: a window's definition; with a `name`, just the name of one in the WINDOW clause.
    """

    name: tuple[str, ...]
    arguments: tuple["Expression", ...]
    is_star: bool = False
    is_distinct: bool = False
    is_variadic: bool = False
    order_by: tuple["SortItem", ...] = ()
    is_within_group: bool = False
    filter: "Expression | None" = None
    over: "WindowDefinition | None" = None
    has_sql_syntax: bool = False
    position: int = -1


@dataclass(frozen=True, slots=True)
class Coalesce:
    arguments: tuple["Expression", ...]
    position: int = -1


@dataclass(frozen=True, slots=True)
class NullIf:
    left: "Expression"
    right: "Expression"
    position: int = -1


@dataclass(frozen=True, slots=True)
class MinMax:
    """GREATEST and LEAST."""

    is_greatest: bool
    arguments: tuple["Expression", ...]
    position: int = -1


class CurrentValueKind(Enum):
    CURRENT_DATE = "current_date"
    CURRENT_TIME = "current_time"
    CURRENT_TIMESTAMP = "current_timestamp"
    LOCALTIME = "localtime"
    LOCALTIMESTAMP = "localtimestamp"
    CURRENT_ROLE = "current_role"
    CURRENT_USER = "current_user"
    SESSION_USER = "session_user"
    USER = "user"
    CURRENT_CATALOG = "current_catalog"
    CURRENT_SCHEMA = "current_schema"


@dataclass(frozen=True, slots=True)
class CurrentValue:
    """The words that are functions without parentheses; precision is for the times alone."""

    kind: CurrentValueKind
    precision: int | None = None
    position: int = -1


@dataclass(frozen=True, slots=True)
class ArrayConstructor:
    """ARRAY[a, b]; the elements of ARRAY[[1], [2]] are ArrayConstructors."""

    elements: tuple["Expression", ...]
    position: int = -1


@dataclass(frozen=True, slots=True)
class RowConstructor:
    """ROW(a, b), or (a, b) with is_explicit false."""

    items: tuple["Expression", ...]
    is_explicit: bool
    position: int = -1


@dataclass(frozen=True, slots=True)
class FieldSelection:
    """(x).field"""

    operand: "Expression"
    field: str
    position: int = -1


@dataclass(frozen=True, slots=True)
class RowExpansion:
    """(x).*"""

    operand: "Expression"
    position: int = -1


@dataclass(frozen=True, slots=True)
class Subscript:
    """x[lower] or, when is_slice, x[lower:upper] where either may be missing.

    In a plain subscript the index is `lower`. One that `continues` belongs to the one before it:
    a[1:2][1] has two subscripts, (a[1:2])[1] twice one.
    """

    operand: "Expression"
    lower: "Expression | None"
    upper: "Expression | None"
    is_slice: bool
    position: int = -1
    continues: bool = False


@dataclass(frozen=True, slots=True)
class Grouping:
    """GROUPING(a, b)"""

    arguments: tuple["Expression", ...]
    position: int = -1


@dataclass(frozen=True, slots=True)
class Default:
    """The word DEFAULT where a value is assigned."""

    position: int = -1


@dataclass(frozen=True, slots=True)
class CurrentOf:
    """WHERE CURRENT OF cursor"""

    cursor: str
    position: int = -1


Expression = (
    Literal
    | Parameter
    | ColumnReference
    | Star
    | OperatorCall
    | And
    | Or
    | Not
    | IsNull
    | IsTruth
    | IsDistinct
    | Like
    | Between
    | InList
    | QuantifiedArray
    | Subquery
    | Case
    | Cast
    | Collate
    | NamedArgument
    | FunctionCall
    | Coalesce
    | NullIf
    | MinMax
    | CurrentValue
    | ArrayConstructor
    | RowConstructor
    | FieldSelection
    | RowExpansion
    | Subscript
    | Grouping
    | Default
    | CurrentOf
)
