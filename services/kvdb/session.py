"""One client's connection: bytes come in, requests are executed, replies go out as bytes.

    bytes ─▶ which dialect? ─▶ decoder ─▶ request ─▶ dispatcher ─▶ reply ─▶ encoder ─▶ bytes

The dialect is told by the first bytes, once. A session takes requests as long as there are
any, and stops in between where the client waits (BLPOP), has to leave, or does not read its
replies; `process` goes on where it stopped. Replies of one batch leave in one piece.

Decoders and encoders know no sockets, the dispatcher knows no bytes; this file joins them.
"""

from typing import TYPE_CHECKING

from services.common.dialect import Dialect, detect
from services.common.json_lines import JsonLineDecoder, JsonLineError, encode_line
from services.common.resp import (
    OK,
    ReplyError,
    RespError,
    RespRequestDecoder,
    encode_bulk,
    encode_replies,
    encode_reply,
)
from services.common.stream_server import PAUSE_BYTES, Connection
from services.kvdb import agreed
from services.kvdb.clients import NO_REPLY
from services.kvdb.pubsub import Message

if TYPE_CHECKING:
    from services.kvdb.server import Server

OK_LINE = encode_reply(OK)
_RESP = Dialect.RESP


class Session:
    """The session of one connection, as `services.common.stream_server` calls it."""

    __slots__ = (
        "_connection",
        "_decoder",
        "_deliveries",
        "_dialect",
        "_dispatcher",
        "_engine",
        "_first_bytes",
        "_server",
        "client",
    )

    def __init__(self, server: "Server", connection: Connection):
        self._server = server
        self._engine = server.engine
        self._dispatcher = server.engine.dispatcher
        self._deliveries = server.engine.dispatcher.deliveries
        self._connection = connection
        self._first_bytes = b""
        self._dialect: Dialect | None = None
        self._decoder: RespRequestDecoder | JsonLineDecoder
        self.client = server.engine.clients.connect(connection)

    # Bytes in.

    def data_received(self, data: bytes) -> None:
        if self._dialect is None:
            data = self._first_bytes + data
            self._first_bytes = data
            if not self._detect(data):
                return
        self._decoder.receive_data(data)
        if self.client.is_halted:
            self._hold_back()
        elif self._dialect is _RESP:
            self._serve_resp()
        else:
            self._serve_json()

    def _detect(self, data: bytes) -> bool:
        """Choose the decoder; false where more bytes are needed to tell."""
        self._dialect = detect(data, self._engine.dispatcher.commands.__contains__)
        settings = self._engine.settings
        if self._dialect is Dialect.RESP:
            self._decoder = RespRequestDecoder(
                max_request_bytes=settings.max_request_bytes, is_stranger=self.client.is_stranger
            )
        elif self._dialect is Dialect.JSON:
            self._decoder = JsonLineDecoder(
                max_line_bytes=settings.max_request_bytes, max_depth=settings.max_depth
            )
        else:
            return False
        self._first_bytes = b""
        return True

    def process(self) -> None:
        """Go on with what has been left: the client has read its replies, or has been served."""
        if self._dialect is None or self.client.is_halted or self._connection.is_blocked:
            return
        if self._dialect is _RESP:
            self._serve_resp()
        else:
            self._serve_json()

    def _hold_back(self) -> None:
        """A client that waits may send on; but not without end."""
        if self._decoder.buffered_bytes > PAUSE_BYTES and not self._connection.is_reading_paused:
            self._connection.pause_reading()

    # RESP.

    def _serve_resp(self) -> None:
        """Take the requests that are complete, as far as this client may go on."""
        client, connection = self.client, self._connection
        decoder, execute = self._decoder, self._dispatcher.execute
        next_request = decoder.next_request
        deliveries = self._deliveries
        replies: list[bytes] = []
        count = pending_bytes = 0
        try:
            while pending_bytes < PAUSE_BYTES:
                if decoder.run is not None and (data := self._serve_run()):
                    pending_bytes += len(data)
                    replies.append(data)
                    continue
                request = next_request()
                if request is None:
                    break
                count += 1
                reply = execute(client, request)
                if deliveries and client.is_subscriber and not client.is_halted:
                    # What it has sent itself comes before the reply, as in Redis.
                    connection.send(b"".join(replies))
                    replies.clear()
                    self._server.settle()
                if reply is OK:
                    replies.append(OK_LINE)
                elif reply is not NO_REPLY:
                    # A string has one form in both versions; nothing has to be looked up.
                    data = (
                        encode_bulk(reply)
                        if type(reply) is bytes
                        else encode_reply(reply, client.resp)
                    )
                    pending_bytes += len(data)
                    replies.append(data)
                if client.is_halted:
                    break
        except RespError as error:
            replies.append(encode_reply(ReplyError(f"ERR {error}")))
            client.is_halted = True
        self._engine.vitals.requests_total += count
        if replies:
            connection.send(replies[0] if len(replies) == 1 else b"".join(replies))
        if client.is_halted:
            self._halt()
        if deliveries:
            self._server.settle()

    def _serve_run(self) -> bytes:
        """The replies to a run, or to its first requests; the others are served one by one."""
        run = self._decoder.next_run()
        replies = self._dispatcher.execute_run(self.client, run)
        served = len(replies)
        if served < run.count:
            self._decoder.give_back(run.requests()[served:])
        self._engine.vitals.requests_total += served
        return encode_replies(replies, self.client.resp)

    def _halt(self) -> None:
        """The client waits; or else it has to leave, when its replies have been sent."""
        if self.client.blocked:
            self._server.watch_timeout(self.client)
            self._connection.may_be_idle = True
        elif not self.client.postponed:
            self._connection.close_after_flush()

    # JSON lines.

    def _serve_json(self) -> None:
        connection, client = self._connection, self.client
        while not connection.is_blocked and not client.is_halted:
            try:
                message = self._decoder.next_request()
            except JsonLineError as error:
                connection.send(encode_line(agreed.error(str(error))))
                client.is_halted = error.is_fatal
                continue
            if message is None:
                break
            self._engine.vitals.requests_total += 1
            self._serve_json_message(message)
        if client.is_halted:
            self._halt()
        if self._deliveries:
            self._server.settle()

    def _serve_json_message(self, message: dict[str, object]) -> None:
        try:
            request = agreed.to_request(message)
        except agreed.AgreedError as error:
            self._connection.send(encode_line(agreed.error(str(error))))
        else:
            self._answer(request, self._dispatcher.execute(self.client, request))

    def _answer(self, request: list[bytes], reply: object) -> None:
        """Send one reply, in the dialect of the client."""
        if reply is NO_REPLY:
            return
        if self._dialect is Dialect.JSON:
            self._connection.send(encode_line(agreed.to_reply(request, reply)))
        else:
            self._connection.send(encode_reply(reply, self.client.resp))

    # What commands leave behind, and what comes from others.

    def deliver(self, reply: object) -> None:
        """What the client has waited for; then the requests that it has sent meanwhile."""
        self._connection.send(encode_reply(reply, self.client.resp))
        self._connection.may_be_idle = self.client.is_subscriber
        if self._connection.is_reading_paused:
            self._connection.resume_reading()
        self._server.loop.call_soon(self.process)

    def push(self, message: Message) -> None:
        """What the client gets without having asked; the output limit holds."""
        hard_bytes = self._engine.buffer_limits.hard_bytes(self.client)
        self._connection.push(message.encode(self.client.resp), hard_bytes)

    def resume(self) -> None:
        """The pause is over: run the request that had to wait, and those behind it."""
        client = self.client
        request, client.postponed = client.postponed, None
        client.is_halted = client.is_leaving
        if client.is_halted:
            return
        self._answer(request, self._dispatcher.execute(client, request))
        if client.is_halted:
            self._halt()
        elif self._connection.is_reading_paused:
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
        if self._dialect is None:
            return len(self._first_bytes)
        return self._decoder.buffered_bytes

    def connection_lost(self) -> None:
        self._server.forget(self)
