"""How much memory tables and indexes take, estimated: a few rows are measured, and multiplied.

Rows are Python objects, so nobody keeps a count of their bytes, and to measure all of them would
take as long as a scan. A table of equal rows is told exactly; one whose first rows are short and
last ones long is off by what the sample misses. Objects that several rows share (small numbers,
equal strings that came from one statement) are counted in each.
# Real: the size of a relation's files, which pg_relation_size() asks the file system for
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import islice

from services.sqldb.storage.heap import Heap
from services.sqldb.storage.heap_index import HeapIndex
from services.sqldb.transactions.mvcc import FREE, Version

SAMPLE = 64
_POINTER_BYTES = 8
_NO_ROW = Version((), 0, 0, 0)
_VERSION_BYTES = sys.getsizeof(_NO_ROW)


def heap_bytes(heap: Heap) -> int:
    """The rows of a table, with the old versions that nobody has freed yet."""
    rows = heap.rows
    step = max(1, len(rows) // SAMPLE)
    sizes = [_version_bytes(head) for head in rows[::step] if head is not FREE]
    versions = len(rows) - len(heap.free) + heap.counts.dead
    return len(rows) * _POINTER_BYTES + _multiplied(sizes, versions)


def index_bytes(index: HeapIndex) -> int:
    """The entries of an index; keys of one column are the row's own values, and cost a pointer."""
    keys: Iterable[object] = (key for chunk, _ in index.tree.chunks() for key in chunk)
    sizes = [2 * _POINTER_BYTES + _key_bytes(key) for key in islice(keys, SAMPLE)]
    return _multiplied(sizes, index.tree.count)


def _multiplied(sizes: list[int], count: int) -> int:
    return sum(sizes) * count // len(sizes) if sizes else 0


def _version_bytes(version: Version) -> int:
    values = version.values
    return _VERSION_BYTES + sys.getsizeof(values) + sum(map(_value_bytes, values))


def _value_bytes(value: object) -> int:
    return 0 if value is None or isinstance(value, bool) else sys.getsizeof(value)


def _key_bytes(key: object) -> int:
    return sys.getsizeof(key) if isinstance(key, tuple) else 0
