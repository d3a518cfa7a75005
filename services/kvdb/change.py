"""What can happen to a key, as the doors of `database` tell it to whoever watches.

One observer hears it all (`observation`), and passes it on to keyspace notifications and to
CLIENT TRACKING.
"""

import enum
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.kvdb.database import Database


class Change(enum.Enum):
    """What the doors tell the observer of a key."""

    CREATED = enum.auto()
    CHANGED = enum.auto()
    EMPTIED = enum.auto()
    """A container has lost its last element, and is gone with it."""
    DELETED = enum.auto()
    EXPIRED = enum.auto()
    EVICTED = enum.auto()
    EXPIRY_SET = enum.auto()
    EXPIRY_REMOVED = enum.auto()
    MISSED = enum.auto()
    """No change: a command that reads has found nothing."""
    FLUSHED = enum.auto()
    """Of no key: the whole database is empty."""
    CONSUMER_CREATED = enum.auto()
    """In a consumer group of the stream, by asking for entries."""
    TRIMMED = enum.auto()
    """A stream, by the way, as an entry was added."""
    FIELDS_EXPIRED = enum.auto()
    """Fields of a hash, by themselves."""
    FIELDS_DELETED = enum.auto()
    """By a command that is there for something else."""
    FIELD_EXPIRY_SET = enum.auto()
    FIELD_EXPIRY_REMOVED = enum.auto()


Observer = Callable[["Database", bytes, Change], None]
