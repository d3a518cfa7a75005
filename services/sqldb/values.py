"""SQL values as Python holds them: what is not a plain Python value already.

    boolean bool · smallint integer bigint oid int · real double float · numeric Decimal · text str
    bytea bytes · date days since 2000-01-01 · time microseconds of the day · timestamp, timestamptz
    microseconds since 2000-01-01 00:00 (UTC) · uuid uuid.UUID · json str · NULL None

Dates are numbers, because PostgreSQL's calendar is wider than `datetime` (4713 BC to 294276 AD, and
infinity), and because numbers compare, hash and go over the wire without any work.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple


class Interval(NamedTuple):
    """Months, days and microseconds apart: a month has no fixed length, a day may have 23 hours."""

    months: int
    days: int
    microseconds: int


class TimeTz(NamedTuple):
    """Microseconds of the day, and the zone in seconds west of Greenwich, as the wire has it."""

    microseconds: int
    zone_seconds_west: int


class EnumValue(float):
    """A place in the order of an enum's labels (a fraction, where one came in between).

    The place alone is the value, and what is compared: `label` is what it was called when the
    value was made, and ALTER TYPE … RENAME VALUE may have given the place another name since.
    """

    __slots__ = ("label",)

    def __new__(cls, order: float, label: str) -> EnumValue:
        made = super().__new__(cls, order)
        made.label = label
        return made

    @property
    def order(self) -> float:
        return float(self)

    def __repr__(self) -> str:
        return f"EnumValue({self.order!r}, {self.label!r})"


class Array(NamedTuple):
    """Elements (tuples in tuples for more dimensions), and where each dimension begins."""

    elements: tuple
    lower_bounds: tuple[int, ...]


class Row(tuple):
    """A composite value: ROW(1, 'a'), or a whole row of a table."""

    __slots__ = ()


class FieldedRow(Row):
    """The row of a function that returns a record, whose fields no plan knows.

    They are (name, type, typmod) for each value.
    """

    fields: tuple

    def __new__(cls, values: Iterable, fields: tuple):
        made = super().__new__(cls, values)
        made.fields = fields
        return made


class Jsonb:
    """A jsonb value; wrapped, so that the JSON null is not SQL's NULL.

    `value` is made of dict, tuple, str, Decimal, bool and None; equal values are equal objects.
    """

    __slots__ = ("_hash", "value")

    def __init__(self, value: object):
        self.value = value
        self._hash: int | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Jsonb) and self.value == other.value

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(_frozen(self.value))
        return self._hash

    def __repr__(self) -> str:
        return f"Jsonb({self.value!r})"


def _frozen(value: object) -> object:
    if isinstance(value, dict):
        return frozenset((key, _frozen(item)) for key, item in value.items())
    if isinstance(value, tuple):
        return tuple(_frozen(item) for item in value)
    # True == 1 in Python, not in JSON.
    return (type(value).__name__, value)


class _FloatNaN(float):
    """SQL's NaN of real and double precision: equal to itself, greater than all other numbers.

    Python asks the operand of the subclass first, so `1.0 < NAN` is answered here as well.
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return other is self or (isinstance(other, float) and float.__ne__(other, other))

    def __ne__(self, other: object) -> bool:
        return not self.__eq__(other)

    def __lt__(self, other: object) -> bool:
        return False

    def __le__(self, other: object) -> bool:
        return self.__eq__(other)

    def __gt__(self, other: object) -> bool:
        return not self.__eq__(other)

    def __ge__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 7


class _NumericNaN(Decimal):
    """The same for numeric, where Python's NaN cannot even be compared."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return other is self or (isinstance(other, Decimal) and Decimal.is_nan(other))

    def __ne__(self, other: object) -> bool:
        return not self.__eq__(other)

    def __lt__(self, other: object) -> bool:
        return False

    def __le__(self, other: object) -> bool:
        return self.__eq__(other)

    def __gt__(self, other: object) -> bool:
        return not self.__eq__(other)

    def __ge__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 7


NAN = _FloatNaN("nan")
NUMERIC_NAN = _NumericNaN("NaN")


def sql_float(value: float) -> float:
    """A float from outside: NaN becomes the one that compares as SQL says."""
    return value if value == value else NAN


def sql_numeric(value: Decimal) -> Decimal:
    """A Decimal from outside, or from arithmetic that may give NaN."""
    return value if value == value else NUMERIC_NAN
