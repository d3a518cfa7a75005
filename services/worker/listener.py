"""The worker's ears: what is told over pub/sub, heard in the event loop.

As `services.pubsub.client.Subscriber`, through every reconnect, but without a thread: a wake-up
that has to change threads before anybody acts upon it comes 100 µs later.
"""

from collections.abc import Callable, Sequence

from services.common.backoff import Backoff
from services.common.event_loop import EventLoop
from services.common.logs import Log
from services.common.redis_url import RedisURL
from services.common.resp import ReplyError
from services.common.resp_client import ConnectionLost
from services.pubsub.client import PING_INTERVAL_S
from services.worker.coroutines import sleep, spawn
from services.worker.loop_connection import LoopConnection


class Listener:
    """Subscribed to channels as long as the loop runs; all callbacks come in its thread."""

    def __init__(
        self,
        loop: EventLoop,
        url: RedisURL,
        channels: Sequence[str],
        log: Log,
        *,
        on_message: Callable[[str, bytes], None],
        on_connected: Callable[[], None],
        on_lost: Callable[[str], None],
    ):
        """`on_connected` whenever the subscription stands; what was told before that is missed.

        `on_lost(reason)` once, when the connection is lost or cannot be made.
        """
        self._loop = loop
        self._url = url
        self._channels = channels
        self._log = log
        self._on_message = on_message
        self._on_connected = on_connected
        self._on_lost = on_lost
        self._is_lost = False
        self._end: Callable[[], None] = lambda: None

    def start(self) -> None:
        self._end = spawn(self._run())

    def stop(self) -> None:
        self._end()

    async def _run(self) -> None:
        backoff = Backoff()
        while True:
            try:
                connection = await LoopConnection.made(self._loop, self._url)
                try:
                    await self._subscribe(connection)
                    backoff.reset()
                    await self._listen(connection)
                finally:
                    connection.close()
            except (ConnectionLost, ReplyError) as error:
                self._lost(str(error))
            except Exception as error:
                self._log.exception("the listener failed")
                self._lost(str(error))
            await sleep(self._loop, backoff.next_delay_s())

    def _lost(self, reason: str) -> None:
        if not self._is_lost:
            self._is_lost = True
            self._log.warning("lost the pub/sub service", address=self._url.address, reason=reason)
            self._on_lost(reason)

    async def _subscribe(self, connection: LoopConnection) -> None:
        replies = await connection.pipeline([("SUBSCRIBE", name) for name in self._channels])
        for reply in replies:
            if isinstance(reply, ReplyError):
                raise reply
            # What is told of one channel while the others are still asked for is made up for by
            # the look that `on_connected` is the reason for.
        if self._is_lost:
            self._is_lost = False
            self._log.info("subscribed again", address=self._url.address)
        self._on_connected()

    async def _listen(self, connection: LoopConnection) -> None:
        is_waiting_for_pong = False
        while True:
            while (message := connection.next_reply()) is not None:
                self._deliver(message)
            if await connection.arrival(PING_INTERVAL_S):
                is_waiting_for_pong = False
            elif is_waiting_for_pong:
                raise ConnectionLost("no answer to a ping")
            else:
                connection.send(("PING",))
                is_waiting_for_pong = True

    def _deliver(self, message: object) -> None:
        match message:
            case [b"message", bytes(channel), bytes(payload)]:
                self._on_message(channel.decode("utf-8", "replace"), payload)
            case _:
                pass  # Acknowledgements and answers to our pings.
