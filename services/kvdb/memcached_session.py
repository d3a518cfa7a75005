"""The session of one memcached connection: bytes in, requests executed, replies out.

    bytes ─▶ decoder ─▶ request ─▶ memcached_commands ─▶ ItemStore ─▶ dispatcher ─▶ keyspace
                                          │
    bytes ◀───────────────────────────────┘

It is a client like any other: CLIENT LIST shows it, CLIENT KILL closes it, CLIENT PAUSE makes it
wait. Where the server has a password, the first command has to be the `set` of memcached's own
authentication, whose data is `USER PASSWORD`; its key, flags and time do not matter.
# Real: try_read_command_asciiauth() in memcached.
"""

from typing import TYPE_CHECKING

from services.common.resp import ReplyError
from services.common.stream_server import PAUSE_BYTES, Connection
from services.kvdb import memcached_commands
from services.kvdb.memcached_codec import MemcachedDecoder, MemcachedError, Request
from services.kvdb.memcached_store import ItemStore
from services.kvdb.pubsub import Message

if TYPE_CHECKING:
    from services.kvdb.server import Server

UNAUTHENTICATED = b"CLIENT_ERROR unauthenticated\r\n"
AUTHENTICATION_FAILURE = b"CLIENT_ERROR authentication failure\r\n"

_LIKE_WRITING, _LIKE_READING = b"SET", b"GET"


class MemcachedSession:
    """The session of one connection, as `services.common.stream_server` calls it."""

    __slots__ = ("_connection", "_decoder", "_engine", "_postponed", "_server", "_store", "client")

    def __init__(self, server: "Server", connection: Connection):
        self._server = server
        self._engine = server.engine
        self._connection = connection
        self.client = server.engine.clients.connect(connection)
        self._store = ItemStore(self.client)
        self._postponed: Request | None = None
        shared = server.engine.memcached
        shared.connections += 1
        shared.connections_total += 1
        self._decoder = MemcachedDecoder(
            max_value_bytes=shared.max_value_bytes,
            max_line_bytes=server.engine.settings.max_request_bytes,
        )

    # Bytes in.

    def data_received(self, data: bytes) -> None:
        self._decoder.receive_data(data)
        if not self.client.is_halted:
            self._serve()
        elif self._decoder.buffered_bytes > PAUSE_BYTES and not self._connection.is_reading_paused:
            self._connection.pause_reading()

    def process(self) -> None:
        """Go on with what has been left: the client has read its replies, or the pause is over."""
        if not (self.client.is_halted or self._connection.is_blocked):
            self._serve()

    def _serve(self) -> None:
        """Take the requests that are complete; their replies leave in one piece."""
        replies: list[bytes] = []
        pending_bytes = 0
        while pending_bytes < PAUSE_BYTES and not self.client.is_halted:
            try:
                request = self._decoder.next_request()
                if request is None:
                    break
                reply = self._execute(request)
            except MemcachedError as error:
                reply = error.reply + b"\r\n" if error.reply else b""
                self.client.is_halted = error.is_fatal
            self._engine.vitals.requests_total += 1
            pending_bytes += len(reply)
            replies.append(reply)
        if pending_bytes:
            self._connection.send(b"".join(replies))
        if self.client.is_halted and self._postponed is None:
            self._connection.close_after_flush()
        if self._engine.dispatcher.deliveries:
            self._server.settle()

    def _execute(self, request: Request) -> bytes:
        if request.words[0] == b"quit":
            self.client.is_halted = True
            return b""
        if self.client.is_stranger():
            return self._authenticate(request)
        if self._engine.pause.is_active and self._must_wait(request):
            self._engine.pause.postpone(self.client, request.words)
            self._postponed = request
            return b""
        try:
            return memcached_commands.execute(self._store, request)
        except Exception:
            self._engine.log.exception("a memcached command failed", command=request.words[0])
            return b"SERVER_ERROR internal error\r\n"

    def _must_wait(self, request: Request) -> bool:
        """Whether a pause concerns it, as it would a command of Redis."""
        entry = memcached_commands.COMMANDS.get(request.words[0])
        if entry is None:
            return False
        alike = _LIKE_WRITING if entry.writes else _LIKE_READING
        return self._engine.pause.concerns(self.client, self._engine.dispatcher.commands[alike])

    def _authenticate(self, request: Request) -> bytes:
        if request.words[0] != b"set" or request.data is None:
            return UNAUTHENTICATED
        counters = self._engine.memcached.counters
        counters["auth_cmds"] += 1
        user, _, password = request.data.partition(b" ")
        reply = self._engine.dispatcher.execute(self.client, [b"AUTH", user, password])
        if isinstance(reply, ReplyError):
            counters["auth_errors"] += 1
            return AUTHENTICATION_FAILURE
        return b"STORED\r\n"

    # What the server does with its clients.

    def deliver(self, reply: object) -> None:
        """Nobody waits here for anything."""

    def push(self, message: Message) -> None:
        """Nobody subscribes here to anything."""

    def resume(self) -> None:
        """The pause is over: run the request that had to wait, and those behind it."""
        client = self.client
        request, self._postponed, client.postponed = self._postponed, None, None
        client.is_halted = client.is_leaving
        if client.is_halted:
            return
        reply = self._execute(request)
        if reply:
            self._connection.send(reply)
        if self._connection.is_reading_paused:
            self._connection.resume_reading()
        self._server.loop.call_soon(self.process)

    def close(self) -> None:
        """Send what is queued, then close."""
        self._connection.close_after_flush()

    def drop(self) -> None:
        """Close without sending what is queued."""
        self._connection.drop()

    @property
    def input_bytes(self) -> int:
        """How much the client has sent that is not executed yet."""
        return self._decoder.buffered_bytes

    def connection_lost(self) -> None:
        self._engine.memcached.connections -= 1
        self._server.forget(self)
