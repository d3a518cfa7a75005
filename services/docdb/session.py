"""One client's connection: bytes come in, messages are executed, replies go out as bytes.

    bytes ─▶ decoder ─▶ message ─▶ dispatcher ─▶ reply ─▶ encoder ─▶ bytes

A client may send several messages without waiting; they are answered in their order. One that
waits for data (`getMore` on a tailable cursor) holds up those behind it. A message with the
flag moreToCome gets no reply.
"""

import itertools
from typing import TYPE_CHECKING

from services.common.stream_server import PAUSE_BYTES, Connection
from services.docdb.bson.errors import BsonError
from services.docdb.command import CLOSE_CONNECTION, Pending
from services.docdb.errors import MongoError
from services.docdb.wire import (
    EXHAUST_ALLOWED,
    MalformedMessage,
    Message,
    MessageDecoder,
    WireError,
    encode_reply,
)

if TYPE_CHECKING:
    from services.docdb.server import Server


class Session:
    """The session of one connection, as `services.common.stream_server` calls it."""

    __slots__ = (
        "_connection",
        "_decoder",
        "_engine",
        "_reply_ids",
        "_server",
        "client",
        "waiting",
    )

    def __init__(self, server: "Server", connection: Connection):
        self._server = server
        self._engine = server.engine
        self._connection = connection
        self._decoder = MessageDecoder()
        self.client = server.engine.connect(connection.peer)
        self._reply_ids = itertools.count(1)
        self.waiting: tuple[Message, Pending] | None = None

    def data_received(self, data: bytes) -> None:
        self._decoder.receive_data(data)
        self.process()

    def process(self) -> None:
        """Serve the messages that are complete, as far as this client may go on."""
        connection, execute = self._connection, self._engine.dispatcher.execute
        while not connection.is_blocked and self.waiting is None:
            try:
                message = self._decoder.next_request()
            except MalformedMessage as error:
                refused = Message(error.request_id, {})
                self._send(refused, MongoError(22, str(error)).reply())
                continue
            except WireError as error:
                self._server.log.warning("not a message", client=connection.peer, reason=error)
                connection.close_after_flush()
                return
            if message is None:
                return
            reply = execute(self.client, message)
            if type(reply) is Pending:
                self._wait(message, reply)
            elif reply is CLOSE_CONNECTION:
                connection.close_after_flush()
                return
            elif message.flags & EXHAUST_ALLOWED and "getMore" in message.body:
                self._send_all(message, reply)
            elif message.expects_reply:
                self._send(message, reply)
        if self.waiting and self._decoder.buffered_bytes > PAUSE_BYTES:
            connection.pause_reading()

    def retry(self, *, is_over: bool) -> bool:
        """Ask again for what the client waits for; whether it waits no more."""
        message, pending = self.waiting
        reply = pending.retry(is_over)
        if reply is None:
            return False
        self.waiting = None
        if type(reply) is Pending:
            self._wait(message, reply)
            return False
        if reply is CLOSE_CONNECTION:
            self._connection.close_after_flush()
            return True
        if message.expects_reply:
            self._send(message, reply)
        if self._connection.is_reading_paused:
            self._connection.resume_reading()
        self._server.loop.call_soon(self.process)
        return True

    def _wait(self, message: Message, pending: Pending) -> None:
        self.waiting = (message, pending)
        self._server.wait(self, pending.timeout_s)

    def _send_all(self, message: Message, reply: dict[str, object]) -> None:
        """The client takes all batches for one request: each answers the one before."""
        while "cursor" in reply and reply["cursor"]["id"] and not self._connection.is_blocked:
            reply_id = next(self._reply_ids) & 0x7FFFFFFF
            self._connection.send(
                encode_reply(message, reply, more_to_come=True, reply_id=reply_id)
            )
            message.request_id = reply_id
            reply = self._engine.dispatcher.execute(self.client, message)
            if type(reply) is Pending:
                reply = reply.retry(True)
            if reply is CLOSE_CONNECTION:
                self._connection.close_after_flush()
                return
        self._send(message, reply)

    def _send(self, message: Message, reply: dict[str, object]) -> None:
        try:
            data = encode_reply(message, reply)
        except BsonError as error:
            data = encode_reply(message, MongoError(22, str(error)).reply())
        self._connection.send(data)

    def connection_lost(self) -> None:
        self._server.forget(self)
