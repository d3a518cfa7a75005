"""A client's session: from its bytes to requests, and from their outcomes to bytes.

    bytes ─▶ dialect ─▶ codec ─▶ request ─▶ agreed.execute    (JSON lines)
                                        └─▶ commands.execute  (RESP)  ─▶ outcome
    connection.send ◀── encoded reply ◀──────────────────────────────────┤
    connection.push of each receiver ◀──────────── outbox ◀──────────────┘

The first bytes decide on the dialect, once for the life of the connection. An outcome is a
reply, several replies (`Several`), or a message on its way to others (`Published`). Errors end
here: what the client did wrong becomes its dialect's error reply; what we did wrong is logged
with its traceback and answered as an internal error; and in both cases the session goes on.
Only a stream that has lost its place is closed.
"""

from collections.abc import Callable

from services.common.dialect import Dialect, detect
from services.common.json_lines import JsonLineDecoder, JsonLineError, encode_line
from services.common.logs import Log
from services.common.resp import ReplyError, RespError, RespRequestDecoder, encode_reply
from services.common.stream_server import Connection
from services.pubsub import agreed, commands
from services.pubsub.broker import Broker
from services.pubsub.deliveries import Delivery, encode_json, encode_resp2, encode_resp3
from services.pubsub.hub import LINE_GROWTH
from services.pubsub.outcomes import Last, Published, PubSubError


class ClientSession:
    """One client of the broker, subscriber or publisher or both."""

    __slots__ = (
        "_decoder",
        "_log",
        "_opening",
        "_serve",
        "broker",
        "connected_at_s",
        "connection",
        "encode_message",
        "id",
        "is_authenticated",
        "is_link",
        "is_subscriber",
        "last_command",
        "library",
        "library_version",
        "name",
        "version",
    )

    def __init__(self, connection: Connection, broker: Broker, log: Log):
        self.connection = connection
        self.broker = broker
        self._log = log
        # Thousands of clients may sit idle: what costs memory is made when it is needed.
        self._decoder: JsonLineDecoder | RespRequestDecoder | None = None
        # The plain function: a bound method for each client would take eighty bytes of memory.
        self._serve: Callable[[ClientSession], None] | None = None
        self._opening = b""
        self.id = broker.admit(self)
        self.name = b""
        self.library = b""
        self.library_version = b""
        self.last_command = ""
        self.version = 2
        self.encode_message: Callable[[Delivery], bytes] = encode_resp2
        self.is_authenticated = not broker.password
        self.is_link = False
        self.is_subscriber = False
        self.connected_at_s = connection.last_active_s

    @property
    def buffered_bytes(self) -> int:
        """What the client has sent and nobody has looked at yet."""
        return self._decoder.buffered_bytes if self._decoder else len(self._opening)

    # Bytes in.

    def data_received(self, data: bytes) -> None:
        if self._decoder is None:
            data = self._opening + data
            if not self._choose_dialect(data):
                return
        self._decoder.receive_data(data)
        self.process()

    def _choose_dialect(self, data: bytes) -> bool:
        """Whether the first bytes already tell; until they do, they are kept."""
        limits = self.broker.limits
        match detect(data, commands.is_command):
            case Dialect.RESP:
                self._decoder = RespRequestDecoder(max_request_bytes=limits.max_request_bytes)
                self._serve = ClientSession._serve_resp
            case Dialect.JSON:
                self._decoder = JsonLineDecoder(
                    max_line_bytes=limits.max_request_bytes, max_depth=limits.max_depth
                )
                self._serve = ClientSession._serve_json
                self.encode_message = encode_json
            case None:
                self._opening = data.lstrip()
                return False
        self._opening = b""
        return True

    @property
    def is_resp2_subscriber(self) -> bool:
        """RESP2 cannot tell a reply from a message: a subscriber may send few commands only."""
        return self.is_subscriber and self.version == 2

    def process(self) -> None:
        """Serve the requests that are complete, as long as the client takes the replies."""
        if self._serve is not None:
            self._serve(self)

    def connection_lost(self) -> None:
        self.broker.forget(self)

    # RESP.

    def _serve_resp(self) -> None:
        connection, next_request = self.connection, self._decoder.next_request
        counters, vitals = self.broker.counters, self.broker.vitals
        while not connection.is_blocked:
            try:
                request = next_request()
            except RespError as error:
                self.broker.outbox.flush()
                connection.send(encode_reply(ReplyError(f"ERR {error}"), self.version))
                connection.close_after_flush()
                return
            if request is None:
                return
            vitals.requests_total += 1
            try:
                outcome = commands.execute(self, request)
            except PubSubError as error:
                counters.errors += 1
                outcome = ReplyError(f"{error.code} {error}")
            except Exception:
                self._log.exception("a command failed", client=connection.peer)
                outcome = ReplyError("ERR internal error")
            self._answer_resp(outcome)

    def _answer_resp(self, outcome: object) -> None:
        send, version, outbox = self.connection.send, self.version, self.broker.outbox
        if type(outcome) is Published:
            outbox.add(outcome.deliveries)
            if self.is_subscriber:
                outbox.flush()  # Its own message comes before the reply, as in Redis.
            send(b":%d\r\n" % outcome.receiver_count)
            return
        outbox.flush()
        match outcome:
            case Last():
                send(encode_reply(outcome.reply, version))
                self.connection.close_after_flush()
            case _:
                send(encode_reply(outcome, version))

    # The agreed protocol.

    def _serve_json(self) -> None:
        connection, next_request = self.connection, self._decoder.next_request
        counters, vitals = self.broker.counters, self.broker.vitals
        while not connection.is_blocked:
            try:
                request = next_request()
                if request is None:
                    return
                vitals.requests_total += 1
                outcome = agreed.execute(self, request)
            except PubSubError as error:
                counters.errors += 1
                outcome = _json_error(str(error))
            except JsonLineError as error:
                counters.errors += 1
                outcome = _json_error(str(error))
                if error.is_fatal:
                    self._answer_json(outcome)
                    connection.close_after_flush()
                    return
            except Exception:
                self._log.exception("a command failed", client=connection.peer)
                outcome = _json_error("Internal error")
            self._answer_json(outcome)

    def _answer_json(self, outcome: agreed.Outcome) -> None:
        match outcome:
            case Published():
                self.broker.outbox.add(outcome.deliveries)
            case dict():
                self.broker.outbox.flush()
                self.connection.send(encode_line(outcome))

    # What commands change.

    def log_in(self, user: bytes, password: bytes) -> None:
        """Raises PubSubError. There is one user, named as in Redis."""
        if user != b"default" or not self.broker.is_password(password):
            raise PubSubError("invalid username-password pair or user is disabled.", "WRONGPASS")
        self.is_authenticated = True

    def use_version(self, version: int) -> None:
        """Speak RESP2 or RESP3 from the next reply on."""
        self.version = version
        self.encode_message = encode_resp3 if version == 3 else encode_resp2

    def check_room(self, more: int) -> None:
        """Whether the client may have so many subscriptions more. Raises PubSubError."""
        limit = self.broker.limits.max_subscriptions
        if self.broker.subscription_count(self) + more > limit:
            raise PubSubError(f"a client may have {limit} subscriptions at the most")

    def note_subscriptions(self) -> None:
        """Called after each change: a subscriber waits by right, whatever the idle timeout."""
        self.is_subscriber = self.broker.subscription_count(self) > 0
        self.connection.may_be_idle = self.is_subscriber

    def become_link(self, encode_message: Callable[[Delivery], bytes]) -> None:
        """From now on this is another broker: it gets every message, in its own form."""
        self.is_link = True
        self.encode_message = encode_message
        self._decoder.max_line_bytes = self.broker.limits.max_request_bytes * LINE_GROWTH
        self.connection.may_be_idle = self.connection.keeps_reading = True
        self.broker.links[self] = None

    def reset(self) -> None:
        """Back to how the session began.  # Real: RESET, clearClientConnectionState()"""
        self.broker.forget_subscriptions(self)
        self.note_subscriptions()
        self.use_version(2)
        self.is_authenticated = not self.broker.password
        self.name = b""


def _json_error(text: str) -> dict[str, object]:
    return {"type": "ERROR", "message": text}
