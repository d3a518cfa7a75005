"""The network: the list `hiponet` in kvdb, which gives every message its place.

    RPUSH hiponet MESSAGE            append      the reply, less one, is the message's index
    LRANGE hiponet START STOP        read        a batch, from any index
    LINDEX hiponet INDEX             look up     one message

Whoever reaches the list is the network: kvdb, or a real Redis, and any Redis client.
# Real: the consensus of the network. One server that puts everything into one order stands
# here for what proof of work (Bitcoin) or agreement among nodes (Algorand, Raft) achieve
# without having to trust a server.
"""

from collections.abc import Callable

from services.common.redis_url import RedisURL
from services.common.resp_client import ConnectionLost, RespConnection
from services.kvdb.client import KVClient

LIST = "hiponet"

BATCH = 2048
"""Messages for each LRANGE: so many that the round trip, and the server's walk along the list to
the place where they are, cost little for each; so few that readers of the ledger, who wait
while a batch is applied, wait some hundredths of a second."""

MIN_BATCH = 2
"""The follower reads one message again with each batch, and so needs two to get on."""


class Hiponet:
    """Reads and appends. Every method raises ConnectionLost or ReplyError.

    `append` and `message_at` are for any thread, over a pool of connections. `read` is for the
    one thread that follows, over a connection of its own: a pool replaces a broken connection
    in silence, and here its end is news, because the server may come back with another list.
    """

    def __init__(self, kv: KVClient, connect: Callable[[], RespConnection]):
        self._kv = kv
        self._connect = connect
        self._connection: RespConnection | None = None
        self._batch = BATCH

    def append(self, message: bytes) -> int:
        """Append a message; its index. After ConnectionLost it may have been appended."""
        return self._kv.execute("RPUSH", LIST, message) - 1

    def message_at(self, index: int) -> bytes | None:
        return self._kv.execute("LINDEX", LIST, index)

    def read(self, start: int, *, stop: int | None = None) -> tuple[list[bytes], bool]:
        """The next messages from `start`, before `stop`; and whether the list ended with them.

        One batch. Messages may be large: after a failure batches are half as long, down to two
        messages, because a batch may have been more than the client accepts. They are long
        again when the end has been reached.
        """
        last = start + self._batch - 1
        if stop is not None:
            last = min(last, stop - 1)
        try:
            if self._connection is None:
                self._connection = self._connect()
            messages = self._connection.execute("LRANGE", LIST, start, last)
        except ConnectionLost:
            self._connection = None
            self._batch = max(MIN_BATCH, self._batch // 2)
            raise
        is_end = len(messages) <= last - start
        if is_end:
            self._batch = BATCH
        return messages, is_end

    def close(self) -> None:
        """Close every connection; for the thread that follows, when it is done."""
        self._kv.close()
        if self._connection is not None:
            self._connection.close()


def connect_to(url: RedisURL) -> Hiponet:
    """The list at `url`; connects when it is first used."""
    return Hiponet(KVClient(url), lambda: RespConnection(url))
