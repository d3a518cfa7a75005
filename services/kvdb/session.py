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
from services.common.resp import ReplyError, RespError, RespRequestDecoder, encode_reply
from services.common.stream_server import PAUSE_BYTES, Connection
from services.kvdb import agreed
from services.kvdb.clients import NO_REPLY

if TYPE_CHECKING:
    from services.kvdb.server import Server


class Session:
    """The session of one connection, as `services.common.stream_server` calls it."""

    def __init__(self, server: "Server", connection: Connection):
        self._server = server
        self._engine = server.engine
        self._connection = connection
        self._first_bytes = b""
        self._dialect: Dialect | None = None
        self._decoder: RespRequestDecoder | JsonLineDecoder
        self.client = server.engine.clients.connect(connection)

    # --- bytes in ----------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self._dialect is None:
            data = self._first_bytes + data
            self._first_bytes = data
            if not self._detect(data):
                return
        self._decoder.receive_data(data)
        self.process()

    def _detect(self, data: bytes) -> bool:
        """Choose the decoder; false where more bytes are needed to tell."""
        self._dialect = detect(data, self._engine.dispatcher.commands.__contains__)
        settings = self._engine.settings
        if self._dialect is Dialect.RESP:
            self._decoder = RespRequestDecoder(max_request_bytes=settings.max_request_bytes)
        elif self._dialect is Dialect.JSON:
            self._decoder = JsonLineDecoder(
                max_line_bytes=settings.max_request_bytes, max_depth=settings.max_depth
            )
        else:
            return False
        self._first_bytes = b""
        return True

    def process(self) -> None:
        """Take the requests that are complete, as far as this client may go on."""
        client = self.client
        if client.blocked:
            self._hold_back()
            return
        if self._dialect is None or client.is_leaving:
            return
        clock = self._engine.clock
        clock.tick()
        client.last_active_ms = clock.now_ms
        if self._dialect is Dialect.RESP:
            self._process_resp()
        else:
            self._process_json()
        self._server.settle()

    def _hold_back(self) -> None:
        """A client that waits may send on; but not without end."""
        if self._decoder.buffered_bytes > PAUSE_BYTES and not self._connection.is_reading_paused:
            self._connection.pause_reading()

    # --- RESP --------------------------------------------------------------------------

    def _process_resp(self) -> None:
        client, connection = self.client, self._connection
        next_request = self._decoder.next_request
        execute = self._engine.dispatcher.execute
        replies: list[bytes] = []
        count = pending_bytes = 0
        while not connection.is_blocked and pending_bytes < PAUSE_BYTES:
            try:
                request = next_request()
            except RespError as error:
                replies.append(encode_reply(ReplyError(f"ERR {error}")))
                self._leave()
                break
            if request is None:
                break
            count += 1
            reply = execute(client, request)
            if reply is not NO_REPLY:
                data = encode_reply(reply, client.resp)
                pending_bytes += len(data)
                replies.append(data)
            if client.blocked:
                self._begin_to_wait()
                break
            if client.is_leaving:
                break
        if count:
            self._engine.vitals.requests_total += count
        if replies:
            connection.send(b"".join(replies))

    def _begin_to_wait(self) -> None:
        self._server.watch_timeout(self.client)
        self._connection.may_be_idle = True

    # --- JSON lines --------------------------------------------------------------------

    def _process_json(self) -> None:
        connection = self._connection
        while not connection.is_blocked and not self.client.is_leaving:
            try:
                message = self._decoder.next_request()
            except JsonLineError as error:
                connection.send(encode_line(agreed.error(str(error))))
                if error.is_fatal:
                    self._leave()
                continue
            if message is None:
                return
            self._engine.vitals.requests_total += 1
            connection.send(encode_line(self._execute_json(message)))

    def _execute_json(self, message: dict[str, object]) -> agreed.Reply:
        try:
            request = agreed.to_request(message)
        except agreed.AgreedError as error:
            return agreed.error(str(error))
        reply = self._engine.dispatcher.execute(self.client, request)
        return agreed.to_reply(request, reply)

    # --- what comes from others --------------------------------------------------------

    def deliver(self, reply: object) -> None:
        """What the client has waited for; then the requests that it has sent meanwhile."""
        self._connection.send(encode_reply(reply, self.client.resp))
        self._connection.may_be_idle = False
        if self._connection.is_reading_paused:
            self._connection.resume_reading()
        self._server.loop.call_soon(self.process)

    def close(self) -> None:
        """Send what is queued, then close."""
        self._connection.close_after_flush()

    def _leave(self) -> None:
        self.client.is_leaving = True
        self._connection.close_after_flush()

    def connection_lost(self) -> None:
        self._server.forget(self)
