"""Where the queue is that `task.delay()` submits to.

    connect("http://broker:4246")                     through a broker
    connect("redis://kvdb:4242/0")                    straight into the store; see `store_client`

    environment      BROKER_URL, of either form; else KVDB_URL, which the tasks of a worker are
                     given, so that a task can submit others; else http://127.0.0.1:4246
    announcements    PUBSUB_URL; else the store itself, as a real Redis does both

A program that says nothing is connected at its first call, as the environment says. The connection
is one for the process: the only state that a module of this package holds, because the tasks of
a module exist before anybody could tell them of a connection. A process that was forked
opens its own, for sockets and threads do not survive that.
"""

import os
import threading
from typing import TYPE_CHECKING

from services.broker.store import KVDB_PORT, PUBSUB_PORT
from services.common.redis_url import parse_redis_url

if TYPE_CHECKING:
    from services.broker.http_client import BrokerClient
    from services.broker.store_client import StoreClient

DEFAULT_URL = "http://127.0.0.1:4246"


class _Process:
    """The connection of this process."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """In a process that was just forked: nothing of the parent's is of use here."""
        self._lock = threading.Lock()
        self._connection: BrokerClient | StoreClient | None = None

    def get(self) -> "BrokerClient | StoreClient":
        if (connection := self._connection) is not None:
            return connection
        with self._lock:
            self._connection = self._connection or open_connection()
            return self._connection

    def replace(self, connection: "BrokerClient | StoreClient") -> None:
        with self._lock:
            before, self._connection = self._connection, connection
        if before is not None:
            before.close()


_process = _Process()
os.register_at_fork(after_in_child=_process.forget)


def connect(
    url: str | None = None, *, pubsub_url: str | None = None
) -> "BrokerClient | StoreClient":
    """Say where the queue is, for all tasks of this process. Raises ValueError."""
    connection = open_connection(url, pubsub_url=pubsub_url)
    _process.replace(connection)
    return connection


def current() -> "BrokerClient | StoreClient":
    """The connection of this process; made as the environment says where there is none yet."""
    return _process.get()


def open_connection(
    url: str | None = None, *, pubsub_url: str | None = None
) -> "BrokerClient | StoreClient":
    """A connection of one's own, beside that of the process. Raises ValueError."""
    url = url or os.environ.get("BROKER_URL") or os.environ.get("KVDB_URL") or DEFAULT_URL
    # Imported where it is wanted: a child of a worker wants neither of them, and is to start soon.
    if url.startswith("http://"):
        from services.broker.http_client import BrokerClient

        return BrokerClient(url)
    from services.broker.store_client import StoreClient

    pubsub_url = pubsub_url or os.environ.get("PUBSUB_URL") or url
    return StoreClient(parse_redis_url(url, KVDB_PORT), parse_redis_url(pubsub_url, PUBSUB_PORT))
