"""The client of kvdb that other services use; it works the same on a real Redis.

    kv = KVClient(parse_redis_url("redis://127.0.0.1:4242/0", 4242))
    kv.execute("SET", "greeting", "hello")
    kv.execute("GET", "greeting")                              ─▶ b"hello"
    kv.transaction(("INCR", "a"), ("RPUSH", "log", "a"))       ─▶ [1, 1], all or nothing

Optimistic locking, for what has to be read before it is changed:

    with kv.watch("stock") as watch:
        left = int(watch.execute("GET", "stock"))
        watch.commit(("SET", "stock", left - 1))               ─▶ None where `stock` was changed

Every method may be called from any thread. Each raises ConnectionLost when kvdb cannot be
reached, and ReplyError for an error reply; nothing is retried here, because only the caller
knows whether a command may be carried out twice.
"""

import contextlib
from collections.abc import Callable, Iterator

from services.common.redis_url import RedisURL
from services.common.resp import ReplyError
from services.common.resp_client import Argument, RespConnection, RespPool

Command = tuple[Argument, ...]


class KVClient:
    """Commands to one key-value server over a pool of connections."""

    def __init__(self, url: RedisURL, *, timeout_s: float = 5.0):
        self.url = url
        self._pool = RespPool(url, timeout_s=timeout_s)

    def execute(self, *command: Argument, timeout_s: float | None = None) -> object:
        """One command; `timeout_s` is for one that blocks on purpose (BLPOP)."""
        with self._pool.connection() as connection:
            return connection.execute(*command, timeout_s=timeout_s)

    def pipeline(self, *commands: Command) -> list[object]:
        """Several commands in one round trip; an error reply is a value in the list."""
        with self._pool.connection() as connection:
            return connection.pipeline(list(commands))

    def transaction(
        self, *commands: Command, meanwhile: Callable[[], None] | None = None
    ) -> list[object]:
        """Several commands, all or nothing. Raises ReplyError when one is refused at queueing.

        `meanwhile` is called when the request has left, while the answer is on its way.
        """
        with self._pool.connection() as connection:
            return _exec(connection, commands, meanwhile)

    @contextlib.contextmanager
    def watch(self, *keys: str | bytes) -> Iterator["Watch"]:
        """Read `keys` and commit only where nobody else has changed them since."""
        with self._pool.connection() as connection:
            connection.execute("WATCH", *keys)
            watch = Watch(connection)
            try:
                yield watch
            finally:
                if not watch.is_done and connection.fileno() >= 0:
                    connection.execute("UNWATCH")

    def close(self) -> None:
        self._pool.close()


class Watch:
    """The open connection of `KVClient.watch`."""

    def __init__(self, connection: RespConnection):
        self._connection = connection
        self.is_done = False

    def execute(self, *command: Argument) -> object:
        """A read before the commit."""
        return self._connection.execute(*command)

    def commit(self, *commands: Command) -> list[object] | None:
        """The replies, or None where a watched key was changed and so nothing was done."""
        self.is_done = True
        return _exec(self._connection, commands)


def _exec(
    connection: RespConnection,
    commands: tuple[Command, ...],
    meanwhile: Callable[[], None] | None = None,
) -> list[object] | None:
    *queued, replies = connection.pipeline([("MULTI",), *commands, ("EXEC",)], meanwhile)
    for reply in [*queued, replies]:
        if isinstance(reply, ReplyError):
            raise reply
    return replies
