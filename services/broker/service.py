"""The broker as a whole: which part knows which.

    HTTP request ─▶ api ─▶ TaskQueue ─▶ kvdb          Scheduler ─▶ kvdb
                     │        │                           │
                     ▼        └────────▶ Announcer ◀──────┘
                  Waiting                    │ publish
                     ▲                       ▼
                     └──── Subscriber ◀── pubsub ──▶ workers

None of the parts holds anything that kvdb does not know: kill this process, start two of it.
"""

import os
import socket
import time

from services.broker import keys
from services.broker.api import build_application
from services.broker.election import Election
from services.broker.events import Announcer, decode_events
from services.broker.listing import Listing
from services.broker.reaper import Reaper
from services.broker.rules import standard_rules
from services.broker.scheduler import Scheduler
from services.broker.task_queue import TaskQueue
from services.broker.waiting import Waiting
from services.common.health import Vitals
from services.common.logs import Log
from services.common.redis_url import RedisURL
from services.kvdb.client import KVClient
from services.pubsub.client import Subscriber
from services.web.application import Application


def clock_ms() -> int:
    """The time of records: milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class Broker:
    """All parts of one broker; `application` is what the HTTP server serves."""

    def __init__(
        self, kvdb_url: RedisURL, pubsub_url: RedisURL, vitals: Vitals, log: Log, max_waiting: int
    ):
        self._vitals = vitals
        kv = KVClient(kvdb_url)
        self._announcer = Announcer(pubsub_url, vitals, log)
        queue = TaskQueue(kv, self._announcer, clock_ms)
        self._waiting = Waiting(queue.get, max_waiting)
        self._scheduler = Scheduler(
            kv,
            Election(kv, f"{socket.gethostname()}:{os.getpid()}"),
            Reaper(kv, standard_rules(), clock_ms, time.monotonic, log),
            self._announcer,
            vitals,
            clock_ms,
            log,
        )
        self._subscriber = Subscriber(
            pubsub_url,
            self._on_message,
            log,
            channels=[keys.EVENTS_CHANNEL],
            on_connected=self._on_connected,
            on_lost=self._on_lost,
        )
        self.application: Application = build_application(
            queue, self._waiting, Listing(kv, log), clock_ms
        )

    def start(self) -> None:
        self._announcer.start()
        self._subscriber.start()
        self._scheduler.start()

    def release_waiting(self) -> None:
        """Answer whoever waits: the service stops."""
        self._waiting.close()

    def stop(self) -> None:
        self._scheduler.stop()
        self._subscriber.stop()
        self._announcer.stop()

    def _on_message(self, channel: str, message: bytes) -> None:
        for event in decode_events(message):
            self._waiting.on_event(event)
            self._scheduler.on_event(event)

    def _on_connected(self) -> None:
        self._vitals.problems.pop("pubsub", None)
        self._waiting.look_all()

    def _on_lost(self, reason: str) -> None:
        self._vitals.problems["pubsub"] = reason
