"""Sets: members without order or repetition. A set is a dict without values.

Not Python's `set`, because a dict keeps its members in the order in which they came (what one
reads in a test or a console stays the same from run to run), and walks and gives random
members as all our tables do (`scan_table`). Intersections start from the smallest set and ask
each member of the others, in C: they cost the size of the smallest, times the sets.
# Real: intset for a few integers, else a hash table.
"""

import itertools
from collections.abc import Iterable

from services.common.resp import ReplyError, SetReply
from services.kvdb import arguments, errors, memory, scanning
from services.kvdb.arguments import integer, words
from services.kvdb.clients import Client
from services.kvdb.hashes import random_members
from services.kvdb.scan_table import ScanTable


class SetValue(ScanTable[None]):
    """The members of one set."""

    __slots__ = ("accounted_bytes", "has_held_words", "payload_bytes")
    is_container = True

    def __init__(self, members: Iterable[bytes] = ()):
        super().__init__()
        self.update(dict.fromkeys(members))
        self.accounted_bytes = 0
        self.payload_bytes = sum(map(len, self))
        self.has_held_words = False
        """What is no integer was among its members, and has gone: Redis then keeps a table."""

    @property
    def size_bytes(self) -> int:
        return memory.TABLE_BYTES + len(self) * memory.MEMBER_BYTES + self.payload_bytes

    def copy(self) -> "SetValue":
        return SetValue(self)

    def add(self, member: bytes) -> bool:
        """True where the member is new."""
        if member in self:
            return False
        self.insert(member, None)
        self.payload_bytes += len(member)
        return True

    def discard(self, member: bytes) -> bool:
        """True where the member was there."""
        if member not in self:
            return False
        self.remove(member)
        self.payload_bytes -= len(member)
        if not self.has_held_words and arguments.to_integer(member) is None:
            self.has_held_words = True
        return True


def _set(client: Client, key: bytes) -> SetValue | None:
    return client.database.read_as(SetValue, key)


# One set.


def sadd(client: Client, request: list[bytes]) -> int:
    key = request[1]
    value = client.database.create_as(SetValue, key)
    added = sum(map(value.add, request[2:]))
    if added:
        client.database.changed(key)
    return added


def srem(client: Client, request: list[bytes]) -> int:
    _, key, *members = request
    value = client.database.modify_as(SetValue, key)
    return client.database.discard(key, value, members)


def smove(client: Client, request: list[bytes]) -> int:
    _, source_key, destination_key, member = request
    database = client.database
    source = database.modify_as(SetValue, source_key)
    if source is None:
        return 0
    database.modify_as(SetValue, destination_key)
    if member not in source:
        return 0
    if source_key == destination_key:
        return 1
    source.discard(member)
    database.changed(source_key)
    if database.create_as(SetValue, destination_key).add(member):
        database.changed(destination_key)
    return 1


def sismember(client: Client, request: list[bytes]) -> int:
    return int(request[2] in (_set(client, request[1]) or ()))


def smismember(client: Client, request: list[bytes]) -> list[int]:
    value = _set(client, request[1]) or ()
    return [int(member in value) for member in request[2:]]


def scard(client: Client, request: list[bytes]) -> int:
    return len(_set(client, request[1]) or ())


def smembers(client: Client, request: list[bytes]) -> SetReply:
    return SetReply(_set(client, request[1]) or ())


def spop(client: Client, request: list[bytes]) -> object:
    if len(request) > 3:
        raise errors.syntax_error()
    key = request[1]
    has_count = len(request) == 3
    count = arguments.natural(request[2]) if has_count else 1
    value = client.database.modify_as(SetValue, key)
    members = value.random_keys(count) if value is not None else []
    for member in members:
        value.discard(member)
    if members:
        client.database.changed(key)
        # Drawn again, it would be others.
        client.engine.journal.note_instead([b"SREM", key, *members])
    if has_count:
        return SetReply(members)
    return members[0] if members else None


def srandmember(client: Client, request: list[bytes]) -> object:
    if len(request) > 3:
        raise errors.syntax_error()
    count = integer(request[2]) if len(request) == 3 else None
    value = _set(client, request[1])
    if count is None:
        return value.random_key() if value else None
    return random_members(value, count) if value else []


def sscan(client: Client, request: list[bytes]) -> object:
    cursor = scanning.cursor(request[2])
    value = _set(client, request[1])
    if value is None:
        return scanning.NOTHING
    options = scanning.options(request[3:])
    following, members = options.step(value, cursor)
    return [b"%d" % following, members]


# Several sets.


def _sets(client: Client, keys: list[bytes]) -> list[SetValue]:
    """The sets under `keys`, empty ones for those that are missing."""
    return [_set(client, key) or SetValue() for key in keys]


def intersection(sets: list[SetValue]) -> list[bytes]:
    smallest, *others = sorted(sets, key=len)
    members: Iterable[bytes] = smallest
    for other in others:
        members = filter(other.__contains__, members)
    return list(members)


def union(sets: list[SetValue]) -> list[bytes]:
    return list(dict.fromkeys(itertools.chain.from_iterable(sets)))


def difference(sets: list[SetValue]) -> list[bytes]:
    """What is in the first set and in none of the others."""
    members: Iterable[bytes] = sets[0]
    for other in sets[1:]:
        members = itertools.filterfalse(other.__contains__, members)
    return list(members)


def sinter(client: Client, request: list[bytes]) -> SetReply:
    return SetReply(intersection(_sets(client, request[1:])))


def sunion(client: Client, request: list[bytes]) -> SetReply:
    return SetReply(union(_sets(client, request[1:])))


def sdiff(client: Client, request: list[bytes]) -> SetReply:
    return SetReply(difference(_sets(client, request[1:])))


def sinterstore(client: Client, request: list[bytes]) -> int:
    return _store(client, request[1], intersection(_sets(client, request[2:])))


def sunionstore(client: Client, request: list[bytes]) -> int:
    return _store(client, request[1], union(_sets(client, request[2:])))


def sdiffstore(client: Client, request: list[bytes]) -> int:
    return _store(client, request[1], difference(_sets(client, request[2:])))


def _store(client: Client, key: bytes, members: list[bytes]) -> int:
    return client.database.store(key, SetValue(members))


def sintercard(client: Client, request: list[bytes]) -> int:
    count = integer(request[1], errors.NUMKEYS)
    if count <= 0:
        raise ReplyError(errors.NUMKEYS)
    if count > len(request) - 2:
        raise ReplyError("ERR Number of keys can't be greater than number of args")
    keys, limit = request[2 : 2 + count], 0
    for word, values in words(request[2 + count :]):
        if word != b"LIMIT":
            raise errors.syntax_error()
        limit = cardinality_limit(arguments.following(values))
    members = len(intersection(_sets(client, keys)))
    return min(members, limit) if limit else members


def cardinality_limit(text: bytes) -> int:
    """The LIMIT of SINTERCARD and ZINTERCARD; 0 is none."""
    return arguments.natural(text, "ERR LIMIT can't be negative")
