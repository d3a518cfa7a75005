"""A pool of connections to one server, lent to one thread at a time; for use from any thread.

    with pool.connection() as connection:      an idle one where there is one, else a new one
        connection.execute("GET", "a")         … and idle again behind this

A connection that failed is not taken back, nor lent again when the server has closed it in the
meantime: after a restart of the server the next loan simply connects anew. How many are on loan is
not limited, only how many wait idle. The clients of all our services that need several
connections are built on it: `resp_client`, that of docdb.
"""

import contextlib
import select
import threading
from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar


class Connection(Protocol):
    """What a pool has to know of a connection."""

    def fileno(self) -> int:
        """The descriptor of its socket; negative when it is closed."""

    def close(self) -> None: ...


ConnectionT = TypeVar("ConnectionT", bound=Connection)


class ConnectionPool(Generic[ConnectionT]):
    """`harmless` is the exception that leaves a connection as it was: the server's error reply."""

    def __init__(
        self,
        connect: Callable[[], ConnectionT],
        *,
        harmless: type[Exception],
        max_idle: int = 16,
    ):
        self._connect = connect
        self._harmless = harmless
        self._max_idle = max_idle
        self._idle: list[ConnectionT] = []
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def connection(self) -> Iterator[ConnectionT]:
        """Lend a connection. Raises what `connect` raises where there is none to be had."""
        connection = self._take_idle() or self._connect()
        try:
            yield connection
        except self._harmless:
            self._give_back(connection)
            raise
        except BaseException:
            connection.close()
            raise
        self._give_back(connection)

    def _take_idle(self) -> ConnectionT | None:
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            # Nothing is owed to an idle connection: what can be read is its end.
            if not _is_readable(connection):
                return connection
            connection.close()

    def _give_back(self, connection: ConnectionT) -> None:
        with self._lock:
            if connection.fileno() >= 0 and len(self._idle) < self._max_idle:
                self._idle.append(connection)
                return
        connection.close()

    def close(self) -> None:
        """Close the idle connections; those on loan close when they come back."""
        with self._lock:
            idle, self._idle, self._max_idle = self._idle, [], 0
        for connection in idle:
            connection.close()


def _is_readable(connection: Connection) -> bool:
    # poll and not select, which knows no descriptors above 1023.
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))
