"""What the database knows of the values under its keys, whatever their type.

Each type has a file of its own (`lists`, `hashes`, `sorted_set` …). `database` accounts for their
memory, drops those that have become empty, and removes fields that have expired; what it needs of
them for that is here.
"""

from typing import Protocol

from services.kvdb.field_times import FieldTimes


class Sized(Protocol):
    """A value whose memory is accounted for."""

    accounted_bytes: int
    size_bytes: int

    def __len__(self) -> int: ...


class Container(Protocol):
    """A hash, a set or a sorted set."""

    def discard(self, element: bytes) -> bool: ...


class TimedFields(Protocol):
    """A hash with fields that expire (`hashes.HashValue`)."""

    times: FieldTimes | None

    def __len__(self) -> int: ...
    def copy(self) -> "TimedFields": ...
    def drop_due(self, now_ms: int, limit: int = ...) -> int: ...
