"""ANALYZE: what is worth knowing of a table's columns, from a sample of its rows.

    null_fraction   the share of NULLs
    distinct        how many different values; negative: as a share of the rows
    most_common     the values that come clearly more often than the average, with their shares
    histogram       bounds that cut the rest into parts of equal size
    correlation     how far the rows lie in the order of the values: 1 as they were inserted

    ages 20 20 20 20 31 35 40 44 60 71        most common: 20 (0.4)   histogram: 31 40 71

    age < 40 then lets through 0.4 + half of the remaining 0.6.
# Real: analyze.c, compute_scalar_stats(); the estimator of Haas and Stokes
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from services.sqldb.catalog.definitions import Statistics, Table
from services.sqldb.types import SqlType

TARGET = 100
"""How many most common values and histogram bounds. # Real: default_statistics_target"""
SAMPLE_ROWS = 300 * TARGET
SAMPLE_BYTES = 64


def analyze(
    table: Table,
    types: list[SqlType],
    rows: list[tuple],
    row_count: float,
    check: Callable[[], None] = lambda: None,
) -> list[Statistics]:
    """Statistics of all columns, and (column -1) of the table, from a sample of its rows.

    Oids are for the catalog to give. `check` is called for each column: it may raise what
    interrupts the statement.
    """
    found = [Statistics(0, table.oid, -1, row_count)]
    for at, _ in table.live_columns():
        check()
        values = [row[at] for row in rows]
        found.append(column_statistics(table.oid, at, types[at], values, row_count))
    return found


def column_statistics(
    table_oid: int, column: int, type_: SqlType, values: list, row_count: int
) -> Statistics:
    """What one column's sample says of all its rows."""
    present = [value for value in values if value is not None]
    size = len(values)
    nulls = (size - len(present)) / size if size else 0.0
    width = _width(present)
    if not present or not type_.is_comparable:
        return Statistics(0, table_oid, column, float(row_count), nulls, width=width)
    key = type_.sort_key
    keys = present if key is None else list(map(key, present))
    shown = {} if key is None else dict(zip(keys, present, strict=True))
    counts = Counter(keys)
    distinct = _distinct(counts, len(keys), row_count * (1 - nulls))
    common = _most_common(counts, size, distinct)
    places = sorted(range(len(keys)), key=keys.__getitem__)
    bounds = _bounds([value for place in places if (value := keys[place]) not in common])
    if key is not None:
        bounds = [shown[bound] for bound in bounds]
    return Statistics(
        0,
        table_oid,
        column,
        float(row_count),
        nulls,
        # As a share of the rows, if it seems to grow with them. # Real: stadistinct < 0
        -distinct / row_count if row_count and distinct > 0.1 * row_count else distinct,
        tuple((shown.get(value, value), times / size) for value, times in common.items()),
        tuple(bounds),
        width,
        _correlation(places),
    )


def _correlation(places: list[int]) -> float:
    """Of the ranks of values with their places, from 1 (ascending) to -1.

    `places` of the values in their order; equal values stand in the order of the table.
    """
    count = len(places)
    if count < 2:
        return float(count)
    # Both sides are the numbers from 0 to count - 1, so their sums are known.
    total = count * (count - 1) / 2
    squares = (count - 1) * count * (2 * count - 1) / 6
    products = sum(rank * place for rank, place in enumerate(places))
    return (count * products - total * total) / (count * squares - total * total)


def _width(values: list) -> int:
    """Bytes of an average value, roughly."""
    if not values:
        return 0
    some = values[:SAMPLE_BYTES]
    sizes = [len(value) if isinstance(value, str | bytes) else 8 for value in some]
    return max(1, round(sum(sizes) / len(sizes)))


def _distinct(counts: Counter, sampled: int, rows: float) -> float:
    """How many values all rows have, from how many the sample has just once."""
    once = sum(1 for times in counts.values() if times == 1)
    seen = len(counts)
    if once == 0 or sampled >= rows:
        return float(seen)
    if once == sampled:
        return rows
    estimate = sampled * seen / (sampled - once + once * sampled / rows)
    return min(max(estimate, float(seen)), rows)


def _most_common(counts: Counter, size: int, distinct: float) -> dict[object, int]:
    """Values that come more than 1.25 times as often as the average; all, if there are few."""
    if len(counts) <= TARGET and len(counts) >= distinct * 0.99:
        return {value: times for value, times in counts.most_common() if times > 1}
    least = max(2.0, 1.25 * size / max(distinct, 1.0))
    return {value: times for value, times in counts.most_common(TARGET) if times >= least}


def _bounds(rare: list) -> list:
    """At most TARGET + 1 values that cut the sorted list into equal parts."""
    if len(rare) < 2:
        return []
    parts = min(TARGET, len(rare) - 1)
    return [rare[place * (len(rare) - 1) // parts] for place in range(parts + 1)]
