"""The oplog: what has happened, operation by operation, for those who want to follow.

        ┌ begins_at                                     next operation ┐
        ▼                                                              ▼
    … │ 7: insert a │ 8: update a │ 9: commit of three │ 10: drop c │
        ▲                              ▲
        └ a change stream that         └ a change stream that has
          has fallen behind              read up to here

Each operation has a time of its own (`clock`); the operations of one transaction share theirs
and are told apart by their place in it. A change stream is a position in this list. The oldest
operations go when the list has grown beyond its limit, and a stream that still needed them is
told that its history is lost.

An entry refers to the document before and after, which costs nothing as long as the collection
has them as well: what exactly an update changed is found when somebody looks (`update_diff`).
It survives a restart. The journal has a stamp (time, wall clock, session) before each change, and
replay makes the entries anew; a snapshot has them as they are.
# Real: local.oplog.rs, a capped collection that secondaries copy and apply. Here nobody does.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from services.docdb.bson.decoder import decode_document
from services.docdb.bson.encoder import RawDocument
from services.docdb.bson.types import Binary, Date, Document, Int64, Timestamp
from services.docdb.errors import MongoError
from services.docdb.replication.clock import ClusterClock

INSERT, UPDATE, REPLACE, DELETE, COMMAND, NOOP = "i", "u", "r", "d", "c", "n"
Position = tuple[Timestamp, int]
"""A time, and the place within the transaction of that time."""
_OWN_BYTES = 200


class Record(Protocol):
    """What the oplog has to know of a collection's record."""

    document: Document
    raw: RawDocument


@dataclass(frozen=True, slots=True)
class Entry:
    """One operation."""

    time: Timestamp
    place: int
    kind: str
    namespace: str
    uuid: Binary | None
    wall_ms: int
    before: RawDocument | None = None
    after: RawDocument | None = None
    command: Document | None = None
    session: Document | None = None
    """lsid and txnNumber of the transaction that it belongs to."""
    has_images: bool = False
    """The collection keeps what was before: `changeStreamPreAndPostImages`."""

    @property
    def position(self) -> Position:
        return self.time, self.place

    @property
    def size_bytes(self) -> int:
        return _OWN_BYTES + len(self.before or b"") + len(self.after or b"")


@dataclass(slots=True)
class _Group:
    """Operations that have one time: a transaction that is being committed."""

    time: Timestamp
    session: Document
    count: int = 0


@dataclass(slots=True)
class Oplog:
    """The operations that are remembered, oldest first."""

    clock: ClusterClock
    limit_bytes: int
    entries: list[Entry] = field(default_factory=list)
    is_replaying: bool = False
    stamp: Document | None = None
    """While replaying: what the journal says of the next change."""
    _positions: list[Position] = field(default_factory=list)
    _size_bytes: int = 0
    _group: _Group | None = None

    # What collections and the catalog tell, by way of the journal.

    def changed(
        self, namespace: str, options: Document, uuid: Binary, old: Record | None,
        new: Record | None, as_whole: bool,
    ) -> Document | None:  # fmt: skip
        """A document has changed; the stamp for the journal, or None where there is none."""
        stamp = self._next_stamp()
        if stamp is None:
            return None
        if self.is_replaying:
            as_whole = bool(stamp.get("whole"))
        kind = _kind(old, new, as_whole)
        if kind == REPLACE:
            stamp["whole"] = True
        images = options.get("changeStreamPreAndPostImages")
        self._append(
            stamp,
            kind,
            namespace,
            uuid,
            before=old.raw if old is not None else None,
            after=new.raw if new is not None else None,
            has_images=type(images) is dict and bool(images.get("enabled")),
        )
        return stamp

    def changed_catalog(self, change: Document, uuid: Binary | None) -> Document | None:
        """Something else has changed; the stamp for the journal."""
        stamp = self._next_stamp()
        if stamp is not None:
            namespace = str(next(iter(change.values()), ""))
            self._append(stamp, COMMAND, namespace, uuid, command=change)
        return stamp

    def begin(self) -> Entry | None:
        """The first entry of an empty oplog: nothing before it is known.

        # Real: the no-op {msg: "initiating set"}
        """
        if self.entries:
            return None
        stamp = self._next_stamp()
        self._append(stamp, NOOP, "", None)
        return self.entries[0]

    @contextmanager
    def transaction(self, session: Document) -> Iterator[None]:
        """All operations within have one time."""
        self._group = _Group(self.clock.tick(), session)
        try:
            yield
        finally:
            self._group = None

    def _next_stamp(self) -> Document | None:
        if self.is_replaying:
            stamp, self.stamp = self.stamp, None
            if stamp is None:
                # The server was a standalone then. What came before this is no history any more.
                self._forget(len(self.entries))
            else:
                self.clock.advance_to(stamp["ts"])
            return stamp
        group = self._group
        if group is None:
            return {"ts": self.clock.tick(), "wall": self.clock.wall}
        stamp = {"ts": group.time, "wall": self.clock.wall, "place": group.count,
                 "session": group.session}  # fmt: skip
        group.count += 1
        return stamp

    def _append(
        self, stamp: Document, kind: str, namespace: str, uuid: Binary | None, **details: object
    ) -> None:
        self.add(
            Entry(
                stamp["ts"],
                stamp.get("place", 0),
                kind,
                namespace,
                uuid,
                stamp["wall"].ms,
                session=stamp.get("session"),
                **details,
            )
        )

    def add(self, entry: Entry) -> None:
        self.entries.append(entry)
        self._positions.append(entry.position)
        self._size_bytes += entry.size_bytes
        self.clock.advance_to(entry.time)
        if self._size_bytes > self.limit_bytes:
            self._make_room()

    def _make_room(self) -> None:
        """Forget the oldest tenth of the bytes at once: to cut a list at its front costs much."""
        count, size_bytes = 0, self._size_bytes
        while size_bytes > self.limit_bytes * 9 // 10 and count < len(self.entries) - 1:
            size_bytes -= self.entries[count].size_bytes
            count += 1
        self._forget(count)

    def _forget(self, count: int) -> None:
        """Drop so many of the oldest."""
        self._size_bytes -= sum(entry.size_bytes for entry in self.entries[:count])
        del self.entries[:count], self._positions[:count]

    # What change streams ask.

    @property
    def begins_at(self) -> Timestamp:
        return self.entries[0].time

    def first_after(self, position: Position) -> Entry | None:
        """The first operation behind a position. Raises MongoError where it may be forgotten."""
        if position[0] < self.begins_at:
            raise MongoError(
                286,
                "Resume of change stream was not possible, as the resume point may no longer be "
                "in the oplog.",
                labels=("NonResumableChangeStreamError",),
            )
        place = bisect_right(self._positions, position)
        return self.entries[place] if place < len(self.entries) else None

    def at(self, position: Position) -> Entry | None:
        """The operation at a position."""
        place = bisect_left(self._positions, position)
        if place < len(self.entries) and self._positions[place] == position:
            return self.entries[place]
        return None


def _kind(old: Record | None, new: Record | None, as_whole: bool) -> str:
    if old is None:
        return INSERT
    if new is None:
        return DELETE
    return REPLACE if as_whole else UPDATE


# For snapshots.


def entry_document(entry: Entry) -> Document:
    """An entry as it is kept in a snapshot."""
    kept: Document = {
        "ts": entry.time,
        "place": entry.place,
        "op": entry.kind,
        "ns": entry.namespace,
        "ui": entry.uuid,
        "wall": Date(entry.wall_ms),
        "images": entry.has_images,
    }
    for name in ("before", "after", "command", "session"):
        value = getattr(entry, name)
        if value is not None:
            kept[name] = Binary(bytes(value)) if type(value) is RawDocument else value
    return kept


def entry_from(kept: Document) -> Entry:
    """The inverse of `entry_document`."""

    def raw(name: str) -> RawDocument | None:
        return RawDocument(kept[name].data) if name in kept else None

    return Entry(
        kept["ts"],
        kept["place"],
        kept["op"],
        kept["ns"],
        kept["ui"],
        kept["wall"].ms,
        raw("before"),
        raw("after"),
        kept.get("command"),
        kept.get("session"),
        kept["images"],
    )


def shown_entry(entry: Entry) -> Document:
    """An entry as `local.oplog.rs` shows it."""
    op = UPDATE if entry.kind == REPLACE else entry.kind
    shown: Document = {"op": op, "ns": entry.namespace}
    if entry.uuid is not None:
        shown["ui"] = entry.uuid
    if entry.command is not None:
        shown["o"] = entry.command
    elif entry.kind == DELETE:
        shown["o"] = {"_id": decode_document(entry.before).get("_id")}
    elif entry.after is not None:
        shown["o"] = decode_document(entry.after)
        if op == UPDATE:
            shown["o2"] = {"_id": shown["o"].get("_id")}
    else:
        shown["o"] = {"msg": "initiating set"}
    shown |= {"ts": entry.time, "t": Int64(1), "v": Int64(2), "wall": Date(entry.wall_ms)}
    return shown | (entry.session or {})
