"""The client of pubsub that other services use; it works the same on a real Redis.

A `Publisher` announces. A `Subscriber` is a thread that listens: it calls `on_message` for
each message, and `on_connected` whenever its subscriptions stand, at first and after each
reconnect. Pub/sub keeps nothing for those who are away, so `on_connected` is the moment to
look at the state itself (the queue, the list) for what was missed.
"""

import threading
from collections.abc import Callable, Sequence

from services.common.backoff import Backoff
from services.common.logs import Log
from services.common.redis_url import RedisURL
from services.common.resp import ReplyError, encode_request
from services.common.resp_client import ConnectionLost, RespConnection, RespPool

PING_INTERVAL_S = 5.0
"""How long a silent connection is trusted; then a PING must be answered as fast again."""


class Publisher:
    """Publishes from any thread."""

    def __init__(self, url: RedisURL, *, timeout_s: float = 5.0):
        self._pool = RespPool(url, timeout_s=timeout_s)

    def publish(self, channel: str, message: bytes | str) -> int:
        """How many subscribers it reached. Raises ConnectionLost."""
        with self._pool.connection() as connection:
            return connection.execute("PUBLISH", channel, message)

    def close(self) -> None:
        self._pool.close()


class Subscriber:
    """A thread that is subscribed to channels and patterns, through every reconnect."""

    def __init__(
        self,
        url: RedisURL,
        on_message: Callable[[str, bytes], None],
        log: Log,
        *,
        channels: Sequence[str] = (),
        patterns: Sequence[str] = (),
        on_connected: Callable[[], None] = lambda: None,
        on_lost: Callable[[str], None] = lambda reason: None,
    ):
        """`on_message(channel, message)`; the callbacks run in the subscriber's thread.

        `on_lost(reason)` is called once when the connection is lost or cannot be made, and
        not again before `on_connected`.
        """
        self._url = url
        self._on_message = on_message
        self._on_connected = on_connected
        self._on_lost = on_lost
        self._log = log
        self._channels = list(channels)
        self._patterns = list(patterns)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="subscriber", daemon=True)
        self._is_lost = False

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end; it does within a quarter of a second."""
        self._stopping.set()

    def join(self, timeout_s: float | None = None) -> None:
        self._thread.join(timeout_s)

    def _run(self) -> None:
        backoff = Backoff()
        while not self._stopping.is_set():
            try:
                connection = RespConnection(self._url)
                try:
                    self._subscribe(connection)
                    backoff.reset()
                    self._listen(connection)
                finally:
                    connection.close()
            except (ConnectionLost, ReplyError) as error:
                self._lost(str(error))
            except Exception as error:
                self._log.exception("a subscriber's callback failed")
                self._lost(str(error))
            self._stopping.wait(backoff.next_delay_s())

    def _lost(self, reason: str) -> None:
        if not self._is_lost and not self._stopping.is_set():
            self._is_lost = True
            self._log.warning("lost the pub/sub service", address=self._url.address, reason=reason)
            self._on_lost(reason)

    def _subscribe(self, connection: RespConnection) -> None:
        if self._channels:
            connection.send(encode_request(["SUBSCRIBE", *self._channels]))
        if self._patterns:
            connection.send(encode_request(["PSUBSCRIBE", *self._patterns]))
        missing = len(self._channels) + len(self._patterns)
        while missing:
            reply = connection.read_reply()
            if not isinstance(reply, list):
                raise ConnectionLost(f"subscribing was refused: {reply}")
            if reply[0] in (b"subscribe", b"psubscribe"):
                missing -= 1
            else:
                self._deliver(reply)
        if self._is_lost:
            self._is_lost = False
            self._log.info("subscribed again", address=self._url.address)
        self._on_connected()

    def _listen(self, connection: RespConnection) -> None:
        silent_s, waiting_for_pong = 0.0, False
        while not self._stopping.is_set():
            for message in connection.take_replies():
                self._deliver(message)
            if connection.receive(timeout_s=0.25):
                silent_s, waiting_for_pong = 0.0, False
                continue
            silent_s += 0.25
            if silent_s >= PING_INTERVAL_S:
                if waiting_for_pong:
                    raise ConnectionLost("no answer to a ping")
                connection.send(encode_request(["PING"]))
                silent_s, waiting_for_pong = 0.0, True

    def _deliver(self, message: object) -> None:
        match message:
            case [b"message", bytes(channel), bytes(payload)]:
                self._on_message(channel.decode("utf-8", "replace"), payload)
            case [b"pmessage", _, bytes(channel), bytes(payload)]:
                self._on_message(channel.decode("utf-8", "replace"), payload)
            case _:
                pass  # Acknowledgements and answers to our pings.
