"""The client of pubsub that other services use; it works the same on a real Redis.

A `Publisher` announces. A `Subscriber` is a thread that listens: it calls `on_message` for
each message, and `on_connected` whenever its subscriptions stand, at first and after each
reconnect. Pub/sub keeps nothing for those who are away, so `on_connected` is the moment to
look at the state itself (the queue, the list) for what was missed. A `SharedSubscriber` lets those
who wait for a message listen themselves.
"""

import threading
import time
from collections.abc import Callable, Sequence

from services.common.backoff import Backoff
from services.common.logs import Log
from services.common.redis_url import RedisURL
from services.common.resp import ReplyError, encode_request
from services.common.resp_client import ConnectionLost, RespConnection, RespPool

PING_INTERVAL_S = 5.0
"""How long a silent connection is trusted; then a PING must be answered as fast again."""

LISTENING_S = 0.25
"""How long a thread listens before it looks whether it is to stop."""


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
        self._silent_s, self._is_waiting_for_pong = 0.0, False

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
                    self._silent_s, self._is_waiting_for_pong = 0.0, False
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
        while not self._stopping.is_set():
            self._hear(connection, LISTENING_S)

    def _hear(self, connection: RespConnection, timeout_s: float) -> None:
        """Deliver what is there, and what comes within a while; ask for a sign of life."""
        heard = connection.take_replies()
        if not heard:
            if connection.receive(timeout_s):
                self._silent_s, self._is_waiting_for_pong = 0.0, False
            else:
                self._silent_s += timeout_s
            heard = connection.take_replies()
        for message in heard:
            self._deliver(message)
        if self._silent_s >= PING_INTERVAL_S:
            if self._is_waiting_for_pong:
                raise ConnectionLost("no answer to a ping")
            connection.send(encode_request(["PING"]))
            self._silent_s, self._is_waiting_for_pong = 0.0, True

    def _deliver(self, message: object) -> None:
        match message:
            case [b"message", bytes(channel), bytes(payload)]:
                self._on_message(channel.decode("utf-8", "replace"), payload)
            case [b"pmessage", _, bytes(channel), bytes(payload)]:
                self._on_message(channel.decode("utf-8", "replace"), payload)
            case _:
                pass  # Acknowledgements and answers to our pings.


class SharedSubscriber(Subscriber):
    """A subscriber whose connection is read by whoever waits for a message.

        get() ──▶ listen_until(woken)    reads, for all
        get() ──▶ listen_until(woken)    sleeps until its event is set

    A message that one thread hears and another one waits for has to change threads, which takes
    longer than all else that a client does with it (150 µs). So of those who wait one reads; when
    it has what it wants, it wakes another one. The subscriber's own thread makes the connections,
    and reads when nobody waits.
    # Real: the leader/followers pattern.
    """

    def __init__(self, *arguments: object, **options: object):
        super().__init__(*arguments, **options)
        self._connection: RespConnection | None = None
        # Held by whoever reads.
        self._reading = threading.Lock()
        self._lock = threading.Lock()
        self._waiting: list[threading.Event] = []
        self._waited_at_s = float("-inf")

    def listen_until(self, woken: threading.Event, timeout_s: float) -> None:
        """Wait until a callback sets `woken`, or so long.

        It is also set when nobody reads any more: look whether there is anything, and come back.
        """
        deadline_s = time.monotonic() + timeout_s
        with self._lock:
            self._waiting.append(woken)
        try:
            if self._reading.acquire(blocking=False):
                try:
                    self._read_until(woken, deadline_s)
                finally:
                    self._reading.release()
            woken.wait(max(0.0, deadline_s - time.monotonic()))
        finally:
            with self._lock:
                self._waiting.remove(woken)
                self._waited_at_s = time.monotonic()
            self._see_that_somebody_reads()

    def _read_until(self, woken: threading.Event, deadline_s: float) -> None:
        while self._connection is not None and not woken.is_set():
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                return
            try:
                self._hear(self._connection, min(left_s, LISTENING_S))
            except ConnectionLost:
                # The thread connects again, and everybody looks then.
                self._connection = None

    def _see_that_somebody_reads(self) -> None:
        with self._lock:
            if self._waiting and not self._reading.locked():
                self._waiting[0].set()

    def _listen(self, connection: RespConnection) -> None:
        self._connection = connection
        try:
            while self._connection is not None and not self._stopping.is_set():
                if self._is_left_to_others():
                    self._see_that_somebody_reads()
                    self._stopping.wait(LISTENING_S)
                else:
                    with self._reading:
                        self._hear(connection, LISTENING_S)
        finally:
            self._connection = None
        if not self._stopping.is_set():
            raise ConnectionLost("the server closed the connection")

    def _is_left_to_others(self) -> bool:
        """Whether somebody waits; or has just waited, and probably will again."""
        return bool(self._waiting) or time.monotonic() < self._waited_at_s + LISTENING_S
