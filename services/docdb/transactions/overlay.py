"""Overlays: records and index entries as a snapshot sees them, over those of now.

    now          1: a    2: B    3: c                  others have changed 2 and added 3 since
    overlay              2: b    3: —     4: d         what was before, and what is our own
    seen         1: a    2: b             4: d

An overlay has what differs, and nothing else: it costs what has changed since the snapshot, and
not what there is. Both classes offer what the structure below them does, so that plans read
either without knowing.
# Real: the update chains and the history store of WiredTiger, which keep versions with the data.
"""

import heapq
from collections.abc import Iterator

from services.docdb.storage.collection import Record
from services.docdb.storage.sorted_blocks import TOP, Entry, SortedBlocks


class OverlayRecords:
    """Records by number, in the manner of a dict."""

    __slots__ = ("_below", "_own")

    def __init__(self, below: dict[int, Record]):
        self._below = below
        self._own: dict[int, Record | None] = {}

    def keep(self, record_id: int, record: Record | None) -> None:
        """Others are about to change a record: only what it was at first is of interest."""
        self._own.setdefault(record_id, record)

    def get(self, record_id: int, default: Record | None = None) -> Record | None:
        if record_id in self._own:
            found = self._own[record_id]
            return default if found is None else found
        return self._below.get(record_id, default)

    def __getitem__(self, record_id: int) -> Record:
        found = self.get(record_id)
        if found is None:
            raise KeyError(record_id)
        return found

    def __setitem__(self, record_id: int, record: Record) -> None:
        self._own[record_id] = record

    def __delitem__(self, record_id: int) -> None:
        self._own[record_id] = None

    def __contains__(self, record_id: int) -> bool:
        return self.get(record_id) is not None

    def __iter__(self) -> Iterator[int]:
        return (record.id for record in self.values())

    def values(self) -> Iterator[Record]:
        own = self._own
        for record_id, record in self._below.items():
            if record_id not in own:
                yield record
            elif own[record_id] is not None:
                yield own[record_id]
        for record_id, record in own.items():
            if record is not None and record_id not in self._below:
                yield record

    def items(self) -> Iterator[tuple[int, Record]]:
        return ((record.id, record) for record in self.values())

    def __len__(self) -> int:
        count = len(self._below)
        for record_id, record in self._own.items():
            count += (record is not None) - (record_id in self._below)
        return count


class OverlayEntries:
    """Entries of an index in their order, in the manner of `SortedBlocks`.

    `add` and `remove` say how the overlay differs from what is below it from now on. That is the
    same whether a transaction adds an entry of its own or others take one away that was there:
    either way it is seen here, and not there.
    """

    __slots__ = ("_added", "_below", "_hidden")

    def __init__(self, below: SortedBlocks):
        self._below = below
        self._added = SortedBlocks()
        self._hidden = SortedBlocks()

    def add(self, entry: Entry) -> None:
        (self._hidden.remove if _has(self._hidden, entry) else self._added.add)(entry)

    def remove(self, entry: Entry) -> None:
        (self._added.remove if _has(self._added, entry) else self._hidden.add)(entry)

    def __len__(self) -> int:
        return len(self._below) + len(self._added) - len(self._hidden)

    def first_from(self, low: Entry) -> Entry | None:
        return next(self.between(low, (TOP,)), None)

    def between(self, low: Entry, high: Entry) -> Iterator[Entry]:
        below, added = self._below.between(low, high), self._added.between(low, high)
        return self._seen(heapq.merge(below, added))

    def between_downwards(self, low: Entry, high: Entry) -> Iterator[Entry]:
        below = self._below.between_downwards(low, high)
        added = self._added.between_downwards(low, high)
        return self._seen(heapq.merge(below, added, reverse=True))

    def _seen(self, entries: Iterator[Entry]) -> Iterator[Entry]:
        last = None
        for entry in entries:
            # An entry that moves into the overlay while it is read would come twice.
            if entry != last and not _has(self._hidden, entry):
                yield entry
            last = entry


def _has(entries: SortedBlocks, entry: Entry) -> bool:
    return len(entries) > 0 and entries.first_from(entry) == entry
