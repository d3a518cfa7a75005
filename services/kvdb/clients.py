"""The clients of a server, as commands see them: state without sockets.

A `Client` is what one connection has chosen (database, protocol version, name) and what it is
in the middle of (a transaction, a blocking pop). Its `Session` reads and writes for it.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from services.kvdb.database import Database

if TYPE_CHECKING:
    from services.kvdb.acl_user import User
    from services.kvdb.blocking import Wait
    from services.kvdb.command import Command
    from services.kvdb.engine import Engine
    from services.kvdb.tracking import Tracking


class NoReply:
    """The type of what stands for a reply and is none."""


NO_REPLY = NoReply()
"""What a handler returns where the client gets nothing now: it waits, or asked for silence."""

FAREWELL = NoReply()
"""Delivered to a client whose connection is to be closed."""

RESUME = NoReply()
"""Delivered to a client whose last request was postponed by CLIENT PAUSE."""


@dataclass(slots=True)
class Transaction:
    """What MULTI and WATCH have begun."""

    queue: list[tuple["Command", list[bytes]]] | None = None
    """The commands since MULTI; None outside a transaction."""
    is_refused: bool = False
    """A command could not be queued: EXEC must not run the others."""
    is_stale: bool = False
    """A watched key was changed: EXEC answers nil."""
    watched: tuple[tuple[Database, bytes], ...] = ()


class Endpoint(Protocol):
    """What a client's connection tells of itself."""

    peer: str
    local: str
    idle_s: float
    output_bytes: int
    may_be_idle: bool
    """A client that waits by right, such as a subscriber: the idle timeout spares it."""

    def fileno(self) -> int: ...


class NoEndpoint:
    """A client without a connection, as in tests."""

    peer = local = "?"
    idle_s = 0.0
    output_bytes = 0
    may_be_idle = False

    def fileno(self) -> int:
        return -1


class Client:
    """One client. `is_guarded` is false while nothing about it needs a second look."""

    __slots__ = (
        "blocked",
        "created_ms",
        "database",
        "endpoint",
        "engine",
        "id",
        "is_authenticated",
        "is_executing",
        "is_guarded",
        "is_halted",
        "is_leaving",
        "is_subscriber",
        "last_command",
        "library_name",
        "library_version",
        "name",
        "no_evict",
        "no_touch",
        "postponed",
        "reply_mode",
        "resp",
        "tracking",
        "transaction",
        "user",
    )

    def __init__(self, engine: "Engine", client_id: int, endpoint: Endpoint):
        self.engine = engine
        self.id = client_id
        self.endpoint = endpoint
        self.created_ms = engine.clock.now_ms
        self.name = self.library_name = self.library_version = b""
        self.is_leaving = False
        self.is_halted = False
        """It takes no further requests: it waits, or has to leave."""
        self.is_executing = False
        """EXEC is running its commands."""
        self.is_subscriber = False
        """It has channels or patterns; `PubSub` says so."""
        self.no_evict = False
        self.no_touch = False
        """What it uses does not count as used."""
        self.tracking: Tracking | None = None
        self.postponed: list[bytes] | None = None
        """The request that waits for the end of a pause."""
        self.last_command: Command | None = None
        self.blocked: Wait | None = None
        self.user: User | None
        """None is somebody within the server, who may do anything."""
        engine.access.welcome(self)
        self.reset()

    def reset(self) -> None:
        """The state of a new connection, but for its name and its authentication."""
        self.database = self.engine.keyspace.databases[0]
        self.resp = 2
        self.reply_mode = "on"
        self.no_evict = self.no_touch = False
        self.transaction = Transaction()
        self.update_guard()

    def update_guard(self) -> None:
        """See whether requests have to climb the ladder of guards; call after any of this changed.

        Those of a client that may do everything, is outside MULTI and wants its replies need not.
        """
        self.is_guarded = (
            self.engine.access.concerns(self)
            or self.transaction.queue is not None
            or self.reply_mode != "on"
            or self.no_touch
            or self.is_resp2_subscriber
            or self.engine.pause.is_active
            or self.engine.settings.min_replicas_to_write > 0
        )

    def end_transaction(self) -> None:
        """Forget MULTI and WATCH, as EXEC, DISCARD, RESET and the end of the connection do."""
        self.forget_watches()
        self.transaction = Transaction()
        self.update_guard()

    def forget_watches(self) -> None:
        for database, key in self.transaction.watched:
            watchers = database.watched[key]
            del watchers[self]
            if not watchers:
                del database.watched[key]
        self.transaction.watched = ()
        self.transaction.is_stale = False

    def is_stranger(self) -> bool:
        """Whether it has to log in before it may do anything."""
        return not self.engine.access.is_logged_in(self)

    @property
    def is_resp2_subscriber(self) -> bool:
        return self.is_subscriber and self.resp == 2

    @property
    def is_in_transaction(self) -> bool:
        return self.transaction.queue is not None


class Clients:
    """All clients that are connected, by id, in the order in which they came."""

    def __init__(self, engine: "Engine"):
        self._engine = engine
        self._ids = itertools.count(1)
        self._by_id: dict[int, Client] = {}

    def connect(self, endpoint: Endpoint | None = None) -> Client:
        client = Client(self._engine, next(self._ids), endpoint or NoEndpoint())
        self._by_id[client.id] = client
        return client

    def disconnect(self, client: Client) -> None:
        """Forget a client, with what it watched and waited for."""
        if self._by_id.pop(client.id, None):
            client.end_transaction()
            self._engine.blocking.forget(client)
            self._engine.pubsub.forget(client)
            self._engine.pause.forget(client)
            self._engine.tracking.disable(client)
            self._engine.monitors.forget(client)

    def get(self, client_id: int) -> Client | None:
        return self._by_id.get(client_id)

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Client]:
        return iter(list(self._by_id.values()))
