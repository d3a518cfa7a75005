"""Keyspace notifications: what happens to keys, published on channels.

    SET a 1   ─▶   PUBLISH __keyspace@0__:a   set       what happened to this key?
              ─▶   PUBLISH __keyevent@0__:set a         which keys did this happen to?

Off by default. `CONFIG SET notify-keyspace-events KEA` names what is wanted: K and E are the two
kinds of channel, the other letters are classes of events, A is all but `m` and `n`.

No handler knows of this. A database tells `Observation` each change that goes through its
doors, and here the changes of one command get the names that Redis gives to them. Most
events are named after the command (SADD changed a key: `sadd`), some share a name (HMSET and
HSETNX are `hset`), and a few commands do several things at once, so that the name depends on
the key (LMOVE, RENAME). What is no command has a name of its own (`expired`, `evicted`).

    command   changes seen                          events
    SADD      CHANGED s                             sadd s
    SREM      CHANGED s, EMPTIED s                  srem s, del s
    SET EX    CREATED a, CHANGED a, EXPIRY_SET a    new a, set a, expire a
    RENAME    DELETED a, CREATED b, CHANGED b       new b, rename_from a, rename_to b

Nothing is kept: who is not subscribed at that moment never learns of it.
# Real: notify.c in Redis, and the calls of notifyKeyspaceEvent() in every command.
"""

from typing import TYPE_CHECKING

from services.kvdb.change import Change
from services.kvdb.command import Command
from services.kvdb.database import Database

if TYPE_CHECKING:
    from services.kvdb.pubsub import PubSub

ALL_CLASSES = "g$lshzxetd"
LETTERS = ALL_CLASSES + "KEmn"

Seen = tuple[Database, bytes, Change]
Event = tuple[Database, bytes, str, str]
"""Where, which key, the class, the name."""

_EVENTS_OF_CHANGES = {
    Change.CREATED: ("n", "new"),
    Change.DELETED: ("g", "del"),
    Change.EMPTIED: ("g", "del"),
    Change.EXPIRED: ("x", "expired"),
    Change.EVICTED: ("e", "evicted"),
    Change.MISSED: ("m", "keymiss"),
    Change.EXPIRY_SET: ("g", "expire"),
    Change.EXPIRY_REMOVED: ("g", "persist"),
    Change.CONSUMER_CREATED: ("t", "xgroup-createconsumer"),
    Change.TRIMMED: ("t", "xtrim"),
    Change.FIELDS_EXPIRED: ("h", "hexpired"),
    Change.FIELDS_DELETED: ("h", "hdel"),
    Change.FIELD_EXPIRY_SET: ("h", "hexpire"),
    Change.FIELD_EXPIRY_REMOVED: ("h", "hpersist"),
}

_CLASSES_OF_GROUPS = {
    "string": "$",
    "bitmap": "$",
    "hyperloglog": "$",
    "list": "l",
    "set": "s",
    "hash": "h",
    "sorted-set": "z",
    "geo": "z",
    "stream": "t",
}

_NAMES = {
    **dict.fromkeys(("setnx", "setex", "psetex", "getset", "mset", "msetnx", "bitop"), "set"),
    "memcached|store": "set",
    **dict.fromkeys(("incr", "decr", "incrby", "decrby"), "incrby"),
    **dict.fromkeys(("bitfield", "setbit"), "setbit"),
    **dict.fromkeys(("pfadd", "pfmerge"), "pfadd"),
    **dict.fromkeys(("hmset", "hsetnx", "hsetex"), "hset"),
    **dict.fromkeys(("lpushx", "lpush"), "lpush"),
    **dict.fromkeys(("rpushx", "rpush"), "rpush"),
    **{"blpop": "lpop", "brpop": "rpop", "bzpopmin": "zpopmin", "bzpopmax": "zpopmax"},
    **{"geoadd": "zadd", "zincrby": "zincr"},
    **{"georadius": "georadiusstore", "georadiusbymember": "georadiusstore"},
}
"""Where an event does not have the command's own name."""

_SILENT = {"xack", "xreadgroup", "xclaim", "xautoclaim"}
"""What they change has no event, but for a consumer that comes into being."""


class Notifications:
    """Which events are wanted, and publishing them."""

    def __init__(self, pubsub: "PubSub"):
        self._pubsub = pubsub
        self.wanted = ""
        """The letters of the setting, as `normalized` writes them."""
        self._classes: frozenset[str] = frozenset()

    def want(self, flags: str) -> None:
        self.wanted = flags
        self._classes = frozenset(flags.replace("A", ALL_CLASSES))

    @property
    def is_on(self) -> bool:
        return bool(self._classes & {"K", "E"})

    def tell_alone(self, database: Database, key: bytes, change: Change) -> None:
        """A change that belongs to no command: expiry, eviction."""
        if change in _EVENTS_OF_CHANGES:
            self._publish((database, key, *_EVENTS_OF_CHANGES[change]))

    def tell(self, command: Command, request: list[bytes], seen: list[Seen]) -> None:
        """The changes of one command, when it has ended."""
        several = _SEVERAL.get(command.name)
        for event in several(request, seen) if several else _named(command, request, seen):
            self._publish(event)

    def _publish(self, event: Event) -> None:
        database, key, class_, name = event
        if class_ not in self._classes:
            return
        name_bytes = name.encode()
        if "K" in self._classes:
            self._pubsub.publish(b"__keyspace@%d__:%b" % (database.index, key), name_bytes)
        if "E" in self._classes:
            self._pubsub.publish(b"__keyevent@%d__:%b" % (database.index, name_bytes), key)


def normalized(flags: str) -> str:
    """The letters in the order in which CONFIG GET shows them. Raises ValueError."""
    if not set(flags) <= set(LETTERS + "A"):
        raise ValueError("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")
    given = set(flags.replace("A", ALL_CLASSES))
    classes = "A" if set(ALL_CLASSES) <= given else _in_order(given, ALL_CLASSES + "n")
    return classes + _in_order(given, "KEm" + ("n" if classes == "A" else ""))


def _in_order(given: set[str], letters: str) -> str:
    return "".join(letter for letter in letters if letter in given)


# From changes to events.


def _named(command: Command, request: list[bytes], seen: list[Seen]) -> list[Event]:
    """The events of a command that does one thing to each key that it changes."""
    own = (_CLASSES_OF_GROUPS.get(command.group, "g"), _name_of(command.name, request))
    is_silent = command.name in _SILENT
    events = []
    for database, key, change in seen:
        if change is not Change.CHANGED:
            events.append((database, key, *_EVENTS_OF_CHANGES[change]))
        elif not is_silent:
            events.append((database, key, *own))
    if command.name == "xgroup|create":
        return list(dict.fromkeys(events))  # MKSTREAM: the stream is changed, and then its groups.
    return events


def _name_of(name: str, request: list[bytes]) -> str:
    match name:
        case "zadd" if b"INCR" in (word.upper() for word in request[2:-2]):
            return "zincr"
        case "lmpop" | "blmpop":
            return "lpop" if _has(request, b"LEFT") else "rpop"
        case "zmpop" | "bzmpop":
            return "zpopmin" if _has(request, b"MIN") else "zpopmax"
        case "sort":
            return "sortstore"
    return _NAMES.get(name) or name.replace("|", "-")


def _has(request: list[bytes], word: bytes) -> bool:
    # The side stands behind the keys: after COUNT and its number, if they are given.
    return request[-1].upper() == word or request[-3].upper() == word


def _by_kind(seen: list[Seen], *kinds: Change) -> list[Event]:
    return [
        (database, key, *_EVENTS_OF_CHANGES[change])
        for database, key, change in seen
        if change in kinds
    ]


def _moved_element(request: list[bytes], seen: list[Seen]) -> list[Event]:
    """LMOVE and its kin: a push at one key, a pop at another, or at the same."""
    changed = [database for database, _, change in seen if change is Change.CHANGED]
    first = _by_kind(seen, Change.EXPIRED, Change.MISSED, Change.CREATED)
    if not changed:
        return first
    takes_side = request[0].upper() in (b"LMOVE", b"BLMOVE")
    pop, push = (word.upper() == b"LEFT" for word in request[3:5]) if takes_side else (False, True)
    return [
        *first,
        (changed[0], request[2], "l", "lpush" if push else "rpush"),
        (changed[0], request[1], "l", "lpop" if pop else "rpop"),
        *_by_kind(seen, Change.EMPTIED),
    ]


def _moved_member(request: list[bytes], seen: list[Seen]) -> list[Event]:
    """SMOVE: taken from one set, added to another."""
    events = []
    for database, key, change in seen:
        if change is Change.CHANGED:
            events.append((database, key, "s", "srem" if key == request[1] else "sadd"))
        else:
            events.append((database, key, *_EVENTS_OF_CHANGES[change]))
    return events


def _placed(from_event: str, to_event: str):
    """RENAME, MOVE, COPY, RESTORE: a value comes to a key, whatever was there before."""

    def events(request: list[bytes], seen: list[Seen]) -> list[Event]:
        placed = [one for one in seen if one[2] is Change.CHANGED]
        found = _by_kind(seen, Change.EXPIRED, Change.MISSED, Change.CREATED)
        if not placed:
            return found
        taken = [one for one in seen if one[2] is Change.DELETED and one[1] == request[1]]
        if from_event and taken:
            found.append((taken[0][0], request[1], "g", from_event))
        return [*found, (placed[0][0], placed[0][1], "g", to_event)]

    return events


_SEVERAL = {
    **dict.fromkeys(("lmove", "blmove", "rpoplpush", "brpoplpush"), _moved_element),
    "smove": _moved_member,
    "rename": _placed("rename_from", "rename_to"),
    "renamenx": _placed("rename_from", "rename_to"),
    "move": _placed("move_from", "move_to"),
    "copy": _placed("", "copy_to"),
    "restore": _placed("", "restore"),
}
"""The commands that do different things to different keys."""
