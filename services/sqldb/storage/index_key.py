"""Keys of indexes: values of columns made comparable, so that a B+tree needs to know no types.

A key is what its column holds, where Python already compares that as SQL does, or a tuple of such
parts where an index has several columns (tuples compare part by part, as the index should). The
rest is made so:

    NULL                   NULL_LAST or NULL_FIRST, which are greater or less than everything
    DESC                   Descending(part), which compares the other way round
    types whose values     sort_key(value): numeric with NaN, char(n) without its blanks, jsonb …
    don't compare

    CREATE INDEX ON t (name, born DESC)        (NULLs: of name last, of born first, as is usual)

    rows      ('ann', 4018)           ('ann', 311)           ('bob', NULL)         (NULL, 90)
    keys      ('ann', ▽4018)    <     ('ann', ▽311)    <     ('bob', NULL_FIRST) < (NULL_LAST, ▽90)
                                                             ▽ is Descending

A condition such as name = 'ann' AND born < 4000 becomes two cuts in this order (`KeyRange`).
# Real: _bt_compare() and ScanKeys in nbtree
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter

from services.sqldb.storage.btree import AFTER_ALL, Cut


class _Extreme:
    """Less than everything (a negative rank), or greater; among themselves by rank."""

    __slots__ = ("_name", "_rank")

    def __init__(self, name: str, rank: int):
        self._name = name
        self._rank = rank

    def __lt__(self, other: object) -> bool:
        return self._rank < (other._rank if isinstance(other, _Extreme) else 0)

    def __gt__(self, other: object) -> bool:
        return self._rank > (other._rank if isinstance(other, _Extreme) else 0)

    def __repr__(self) -> str:
        return self._name


NULL_FIRST = _Extreme("NULL_FIRST", -1)
NULL_LAST = _Extreme("NULL_LAST", 1)
_TOP = _Extreme("TOP", 2)
_NULLS = (NULL_FIRST, NULL_LAST)


def is_null(part: object) -> bool:
    """Whether a part of a key stands for NULL."""
    return part is NULL_LAST or part is NULL_FIRST


class Descending:
    """A part of a key that compares the other way round."""

    __slots__ = ("part",)

    def __init__(self, part: object):
        self.part = part

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, Descending):
            return NotImplemented
        return other.part < self.part

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Descending) and self.part == other.part

    def __hash__(self) -> int:
        return hash(self.part)

    def __repr__(self) -> str:
        return f"Descending({self.part!r})"


@dataclass(frozen=True, slots=True)
class KeyColumn:
    """How one column of an index is ordered. `sort_key` is that of its type, if it has one."""

    sort_key: Callable[[object], object] | None = None
    is_descending: bool = False
    nulls_first: bool = False
    is_nullable: bool = True

    def part(self, value: object) -> object:
        if value is None:
            return NULL_FIRST if self.nulls_first else NULL_LAST
        if self.sort_key is not None:
            value = self.sort_key(value)
        return Descending(value) if self.is_descending else value

    @property
    def is_plain(self) -> bool:
        """Whether each part is the value itself."""
        return self.sort_key is None and not self.is_descending and not self.is_nullable


@dataclass(frozen=True, slots=True)
class Bound:
    value: object
    is_inclusive: bool


@dataclass(frozen=True, slots=True)
class KeyRange:
    """What of an index is asked for: its first columns equal these values (None: IS NULL), and the
    next one, if there is a bound, is not NULL and between the two. `is_not_null` without a bound:
    it is not NULL."""

    equals: tuple = ()
    lower: Bound | None = None
    upper: Bound | None = None
    is_not_null: bool = False


class IndexKey:
    """Makes the keys of one index."""

    __slots__ = ("columns", "is_single", "of_row", "takes_plain_values")

    def __init__(
        self,
        columns: Sequence[KeyColumn],
        positions: Sequence[int] | None = None,
        extract: Callable[[tuple], tuple] | None = None,
    ):
        """`positions` of the columns in a row, or `extract`, which computes the values."""
        self.columns = tuple(columns)
        self.is_single = len(self.columns) == 1
        self.takes_plain_values = not any(c.sort_key or c.is_descending for c in self.columns)
        """Whether values that aren't NULL are parts of keys as they are."""
        self.of_row: Callable[[tuple], object] = self._row_function(positions, extract)
        """The key of a row's values."""

    def _row_function(
        self, positions: Sequence[int] | None, extract: Callable[[tuple], tuple] | None
    ) -> Callable[[tuple], object]:
        if positions is not None:
            if all(column.is_plain for column in self.columns):
                return itemgetter(*positions)  # 30 ns instead of 300.
            extract = itemgetter(*positions) if len(positions) > 1 else _one_of(positions[0])
        return lambda values: self.of_values(extract(values))

    def of_values(self, values: tuple) -> object:
        """The key of the values of all columns."""
        parts = tuple([c.part(v) for c, v in zip(self.columns, values, strict=True)])
        return parts[0] if self.is_single else parts

    def has_null(self, key: object) -> bool:
        if self.is_single:
            return key in _NULLS
        return any(part in _NULLS for part in key)

    def cuts(self, asked: KeyRange) -> tuple[Cut | None, Cut | None]:
        """Where the range begins and ends in the order of the index."""
        parts = tuple([c.part(v) for c, v in zip(self.columns, asked.equals, strict=False)])
        if asked.lower is None and asked.upper is None and not asked.is_not_null:
            return self._cut(parts, is_behind=False), self._cut(parts, is_behind=True)
        column = self.columns[len(parts)]
        first, last = asked.lower, asked.upper
        if column.is_descending:
            first, last = last, first
        start = self._bound_cut(parts, column, first, is_start=True)
        return start, self._bound_cut(parts, column, last, is_start=False)

    def _bound_cut(
        self, parts: tuple, column: KeyColumn, bound: Bound | None, *, is_start: bool
    ) -> Cut | None:
        if bound is not None:
            part = column.part(bound.value)
            return self._cut((*parts, part), is_behind=bound.is_inclusive != is_start)
        if column.nulls_first == is_start:
            # NULL satisfies no comparison: begin behind the NULLs, or end before them.
            null = NULL_FIRST if column.nulls_first else NULL_LAST
            return self._cut((*parts, null), is_behind=is_start)
        return self._cut(parts, is_behind=not is_start)

    def _cut(self, parts: tuple, *, is_behind: bool) -> Cut | None:
        """Before or behind all keys that begin with these parts."""
        if not parts:
            return None
        if self.is_single:
            return parts[0], AFTER_ALL if is_behind else -1
        # A tuple is less than all that are longer and begin with it.
        return ((*parts, _TOP) if is_behind else parts), -1


def _one_of(position: int) -> Callable[[tuple], tuple]:
    return lambda values: (values[position],)
