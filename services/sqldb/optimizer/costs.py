"""What work costs: the units in which plans are compared.

A page read in sequence costs 1; all other figures are proportions to it, and each can be set
(`SET random_page_cost = 1.1`). Nothing here reads pages, since rows live in memory, but the
proportions of work are alike, and EXPLAIN's figures look as one knows them.

What `enable_…` switches off is not forbidden, only so dear that it is taken where nothing else can
be done. # Real: costsize.c; disable_cost is gone since version 18
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

DISABLE_COST = 1e10
PAGE_BYTES = 8192
# Header of a page and what is left free; header and pointer of a row.
USABLE_PAGE_BYTES = 8168
ROW_HEADER_BYTES = 28
# An entry of an index: header, pointer; pages are filled to 90 % when it is built.
ENTRY_BYTES = 12
INDEX_FILL = 0.9


class Estimate(NamedTuple):
    """What EXPLAIN shows: (cost=startup..total rows=rows width=width)."""

    startup: float
    total: float
    rows: float
    width: int


@dataclass(frozen=True, slots=True)
class Costs:
    """The settings of a session that plans depend on."""

    seq_page: float = 1.0
    random_page: float = 4.0
    cpu_tuple: float = 0.01
    cpu_index_tuple: float = 0.005
    cpu_operator: float = 0.0025
    cache_pages: float = 524288.0
    work_mem_bytes: int = 4 << 20
    # hashjoin, seqscan …: what SET enable_… = off names.
    disabled: frozenset[str] = frozenset()

    def penalty(self, method: str) -> float:
        return DISABLE_COST if method in self.disabled else 0.0


# Average bytes of a value, by the name of its type.
WIDTHS = {"bool": 1, "int2": 2, "int4": 4, "int8": 8, "float4": 4, "float8": 8, "oid": 4}
WIDTHS |= {"date": 4, "timestamp": 8, "timestamptz": 8, "time": 8, "uuid": 16, "interval": 16}
DEFAULT_WIDTH = 32


def clamp(rows: float) -> float:
    """A whole number, at least one."""
    return max(1.0, float(round(rows)))


def aligned(size: float) -> int:
    return (int(size) + 7) & ~7


def pages_for(rows: float, width: float) -> float:
    """The pages that rows of this width fill."""
    per_page = max(1, USABLE_PAGE_BYTES // (aligned(width) + ROW_HEADER_BYTES))
    return max(1.0, math.ceil(rows / per_page))


def index_pages_for(entries: float, key_width: float) -> float:
    per_page = max(1.0, USABLE_PAGE_BYTES * INDEX_FILL / (aligned(key_width) + ENTRY_BYTES))
    # The root's page is there in any case, and a page that describes the whole.
    return max(1.0, math.ceil(entries / per_page)) + 1


def pages_fetched(rows: float, pages: float, cache: float) -> float:
    """How many different pages so many random rows lie on, some of them read more than once.

    # Real: index_pages_fetched(), by Mackert and Lohman
    """
    pages = max(pages, 1.0)
    if pages <= cache:
        return min(math.ceil(2 * pages * rows / (2 * pages + rows)), pages)
    limit = 2 * pages * cache / (2 * pages - cache)
    if rows <= limit:
        return math.ceil(2 * pages * rows / (2 * pages + rows))
    return math.ceil(cache + (rows - limit) * (pages - cache) / pages)
