"""Blocking pops: a client waits until there is something to take.

    consumer 1   BLPOP jobs 0     ─┐
    consumer 2   BLPOP jobs 0     ─┤   waiting["jobs"] = [wait 1, wait 2]      first come first
    producer     LPUSH jobs a b   ─┘   ready = ["jobs"]                        served
                                   │
            after the producer's command has ended:
                                   ├─▶ wait 1 takes "b", wait 2 takes "a"      two deliveries
                                   └─▶ the list is empty, and gone

1. A handler finds nothing to pop and returns what `Blocking.wait` returns: the client is
   registered in `Database.waiting` under each of its keys, and gets no reply for now.
2. When one of these keys comes into being, the keyspace notes it in `ready`. Nothing is served
   yet: the command that made it (perhaps a whole transaction) has to end first, so that
   nobody sees half of it, and a key that it made and deleted again serves nobody. A key that
   goes away is noted too, for those who wait for a consumer group in it.
3. `serve_ready` then goes through the keys in the order in which they became ready, and through
   the waits of each in the order in which they came, as long as the key holds something.
4. What they get is returned as deliveries, (client, reply); the server sends them.

Serving may make another key ready: BLMOVE pushes what it popped. That goes on until no key is
ready. A wait ends by being served, by its timeout, or with its client; it leaves all its keys
at once. Inside a transaction nothing blocks: the answer is that of a timeout.
# Real: blocked.c in Redis.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from services.common.resp import NIL_ARRAY, ReplyError
from services.kvdb import lists, sorted_sets
from services.kvdb.arguments import timeout_s
from services.kvdb.clients import NO_REPLY, Client
from services.kvdb.database import Database
from services.kvdb.journal import Journal
from services.kvdb.keyspace import Keyspace
from services.kvdb.lists import LEFT, RIGHT, ListValue
from services.kvdb.sorted_set import SortedSetValue
from services.kvdb.sorted_sets import HIGHEST, LOWEST

Delivery = tuple[Client, object]


@dataclass(slots=True, eq=False)
class Wait:
    """What one client waits for."""

    client: Client
    database: Database
    keys: list[bytes]
    kind: type
    """The type of value that it can take; a key of another type does not wake it."""
    take: Callable[[bytes], object]
    """Try to take from a key: the reply, or None where there is nothing after all."""
    nothing: object
    """The reply when the time is over."""
    timeout_s: float
    """0 is for ever."""
    as_request: Callable[[bytes], list[bytes]] | None = None
    """The request that takes the same from a key that is there, for the append-only file; None

    where nothing is taken.
    """
    gone: ReplyError | None = None
    """The reply when a key is deleted, or is of another type; None for waiting on."""


class Blocking:
    """All the waits of a server."""

    def __init__(self, keyspace: Keyspace, journal: Journal):
        self._keyspace = keyspace
        self._journal = journal
        self.waits: dict[Wait, None] = {}

    def wait(self, wait: Wait) -> object:
        """What a handler returns that has found nothing to take."""
        client = wait.client
        if client.is_executing:
            return wait.nothing
        client.blocked = wait
        client.is_halted = True
        self.waits[wait] = None
        for key in wait.keys:
            wait.database.waiting.setdefault(key, {})[wait] = None
        return NO_REPLY

    def end(self, wait: Wait) -> None:
        """Take a wait out of every queue."""
        wait.client.blocked = None
        wait.client.is_halted = wait.client.is_leaving
        del self.waits[wait]
        waiting = wait.database.waiting
        for key in wait.keys:
            queue = waiting.get(key)
            if queue is not None:
                queue.pop(wait, None)
                if not queue:
                    del waiting[key]

    def forget(self, client: Client) -> None:
        """A client has gone."""
        if client.blocked:
            self.end(client.blocked)

    def serve_ready(self) -> list[Delivery]:
        """Serve those whose keys have become ready; what each of them gets."""
        deliveries: list[Delivery] = []
        ready = self._keyspace.ready
        while ready:
            # Each key once, however often it was noted: a transaction may add a thousand entries.
            keys = dict.fromkeys(ready)
            ready.clear()
            for database, key in keys:
                deliveries += self._serve(database, key)
        return deliveries

    def _serve(self, database: Database, key: bytes) -> Iterator[Delivery]:
        """Serve those who wait for one key, as long as it holds something for them."""
        value = database.peek(key)
        for wait in list(database.waiting.get(key, ())):
            reply = _attempt(wait, key) if type(value) is wait.kind else wait.gone
            if reply is not None:
                self.end(wait)
                if isinstance(reply, ReplyError):
                    dispatcher = wait.client.engine.dispatcher
                    dispatcher.count_failure(wait.client.last_command, reply)
                elif wait.as_request is not None:
                    self._journal.note(database, wait.as_request(key))
                yield wait.client, reply
                value = database.peek(key)  # What was taken may have been the last.


def _attempt(wait: Wait, key: bytes) -> object:
    try:
        if wait.as_request is None or not wait.client.engine.dispatcher.is_observed:
            return wait.take(key)
        return wait.client.engine.observation.run_for(
            wait.client, wait.as_request(key), lambda: wait.take(key)
        )
    except ReplyError as error:  # The destination of a BLMOVE is of another type.
        return error


def _first_or_wait(
    client: Client,
    keys: list[bytes],
    kind: type,
    take: Callable[[bytes], object],
    nothing: object,
    limit_s: float,
    as_request: Callable[[bytes], list[bytes]],
) -> object:
    """What the first key gives that has something; else wait for any of them."""
    for key in keys:
        reply = take(key)
        if reply is not None:
            return reply
    wait = Wait(client, client.database, keys, kind, take, nothing, limit_s, as_request)
    return client.engine.blocking.wait(wait)


# Lists.


def blpop(client: Client, request: list[bytes]) -> object:
    return _blocking_pop(client, request, LEFT)


def brpop(client: Client, request: list[bytes]) -> object:
    return _blocking_pop(client, request, RIGHT)


def _blocking_pop(client: Client, request: list[bytes], side: bytes) -> object:
    keys, limit_s = request[1:-1], timeout_s(request[-1])
    database = client.database

    def take(key: bytes) -> list[bytes] | None:
        elements = lists.pop(database, key, side, 1)
        return [key, *elements] if elements else None

    def as_request(key: bytes) -> list[bytes]:
        return [b"LPOP" if side == LEFT else b"RPOP", key]

    return _first_or_wait(client, keys, ListValue, take, NIL_ARRAY, limit_s, as_request)


def blmove(client: Client, request: list[bytes]) -> object:
    _, source, destination, source_side, side, limit = request
    sides = lists.parse_side(source_side), lists.parse_side(side)
    return _blocking_move(client, source, destination, *sides, limit)


def brpoplpush(client: Client, request: list[bytes]) -> object:
    _, source, destination, limit = request
    return _blocking_move(client, source, destination, RIGHT, LEFT, limit)


def _blocking_move(
    client: Client, source: bytes, destination: bytes, source_side: bytes, side: bytes, limit: bytes
) -> object:
    limit_s = timeout_s(limit)
    database = client.database

    def take(key: bytes) -> bytes | None:
        return lists.move(database, key, destination, source_side, side)

    def as_request(key: bytes) -> list[bytes]:
        return [b"LMOVE", key, destination, source_side, side]

    return _first_or_wait(client, [source], ListValue, take, None, limit_s, as_request)


def blmpop(client: Client, request: list[bytes]) -> object:
    limit_s = timeout_s(request[1])
    keys, side, count = lists.mpop_arguments(request, 2)
    database = client.database

    def take(key: bytes) -> list | None:
        elements = lists.pop(database, key, side, count)
        return [key, elements] if elements else None

    def as_request(key: bytes) -> list[bytes]:
        return [b"LMPOP", b"1", key, side, b"COUNT", b"%d" % count]

    return _first_or_wait(client, keys, ListValue, take, NIL_ARRAY, limit_s, as_request)


# Sorted sets.


def bzpopmin(client: Client, request: list[bytes]) -> object:
    return _blocking_pop_member(client, request, LOWEST)


def bzpopmax(client: Client, request: list[bytes]) -> object:
    return _blocking_pop_member(client, request, HIGHEST)


def _blocking_pop_member(client: Client, request: list[bytes], end: bytes) -> object:
    keys, limit_s = request[1:-1], timeout_s(request[-1])
    database = client.database

    def take(key: bytes) -> list | None:
        pairs = sorted_sets.pop(database, key, end, 1)
        return [key, *pairs[0]] if pairs else None

    def as_request(key: bytes) -> list[bytes]:
        return [b"ZPOPMIN" if end == LOWEST else b"ZPOPMAX", key]

    return _first_or_wait(client, keys, SortedSetValue, take, NIL_ARRAY, limit_s, as_request)


def bzmpop(client: Client, request: list[bytes]) -> object:
    limit_s = timeout_s(request[1])
    keys, end, count = lists.mpop_arguments(request, 2, (LOWEST, HIGHEST))
    database = client.database

    def take(key: bytes) -> list | None:
        pairs = sorted_sets.pop(database, key, end, count)
        return [key, [list(pair) for pair in pairs]] if pairs else None

    def as_request(key: bytes) -> list[bytes]:
        return [b"ZMPOP", b"1", key, end, b"COUNT", b"%d" % count]

    return _first_or_wait(client, keys, SortedSetValue, take, NIL_ARRAY, limit_s, as_request)
