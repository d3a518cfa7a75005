"""The broker as a whole: which part knows which.

    HTTP request ─▶ api ─▶ TaskQueue ─▶ kvdb          Scheduler ─▶ kvdb
                     │        │                        │     ▲
                     ▼        └─────▶ Announcer ◀──────┘     │
                  Waiting                 │ publish          │
                     ▲                    ▼                  │
           kvdb ─▶ Ends                pubsub ─────────▶ Subscriber
                                          └──▶ workers

None of the parts holds anything that kvdb does not know: kill this process, start two of it.
"""

import os
import socket
import time
from collections.abc import Iterable

from services.broker import keys
from services.broker.announcer import Announcer
from services.broker.api import Parts, build_application
from services.broker.bulk import Bulk
from services.broker.clock import clock_ms
from services.broker.duties import standard_duties
from services.broker.election import Election
from services.broker.ends import Ends
from services.broker.events import Event, decode_events, decode_workflow_end
from services.broker.listing import Listing
from services.broker.queues import Queues
from services.broker.reaper import Reaper
from services.broker.rules import standard_rules
from services.broker.schedule_book import ScheduleBook
from services.broker.scheduler import Scheduler
from services.broker.task_queue import TaskQueue
from services.broker.waiting import Waiting
from services.broker.workers import Workers
from services.broker.workflows import Workflows
from services.common.health import Vitals
from services.common.logs import Log
from services.common.redis_url import RedisURL
from services.kvdb.client import KVClient
from services.pubsub.client import Subscriber
from services.web.application import Application


class Broker:
    """All parts of one broker; `application` is what the HTTP server serves."""

    def __init__(
        self, kvdb_url: RedisURL, pubsub_url: RedisURL, vitals: Vitals, log: Log, max_waiting: int
    ):
        self._vitals = vitals
        kv = KVClient(kvdb_url)
        self._announcer = Announcer(pubsub_url, vitals, log)
        queue = TaskQueue(kv, self._announcer, clock_ms, self._expect)
        workflows = Workflows(kv, queue, self._announcer, clock_ms)
        # Few wait for workflows; the threads are those of the tasks.
        for_workflows = max(1, max_waiting // 4)
        self._workflows_waiting = Waiting(workflows.get, for_workflows)
        self._ends = Ends(kvdb_url, log, self._on_end, self._look_for_tasks)
        self._waiting = Waiting(queue.look, max(1, max_waiting - for_workflows), self._ends.wait)
        reaper = Reaper(kv, standard_rules(), clock_ms, time.monotonic, log)
        self._scheduler = Scheduler(
            kv,
            Election(kv, f"{socket.gethostname()}:{os.getpid()}"),
            standard_duties(kv, reaper, self._announcer, clock_ms, log),
            reaper.start_over,
            vitals,
            clock_ms,
            log,
        )
        self._subscriber = Subscriber(
            pubsub_url,
            self._on_message,
            log,
            channels=[keys.NEWS_CHANNEL, keys.WORKFLOWS_CHANNEL],
            on_connected=self._on_connected,
            on_lost=self._on_lost,
        )
        listing = Listing(kv, log)
        parts = Parts(
            queue=queue,
            waiting=self._waiting,
            listing=listing,
            workers=Workers(kv, log),
            bulk=Bulk(kv, listing, self._announcer, clock_ms, log),
            queues=Queues(kv, self._announcer, clock_ms, log),
            schedules=ScheduleBook(kv, queue, clock_ms),
            workflows=workflows,
            workflows_waiting=self._workflows_waiting,
        )
        self.application: Application = build_application(parts, clock_ms)

    def start(self) -> None:
        self._announcer.start()
        self._subscriber.start()
        self._scheduler.start()

    def release_waiting(self) -> None:
        """Answer whoever waits: the service stops."""
        self._waiting.close()
        self._workflows_waiting.close()

    def stop(self) -> None:
        self._scheduler.stop()
        self._subscriber.stop()
        self._ends.stop()
        self._announcer.stop()

    def _on_message(self, channel: str, message: bytes) -> None:
        if channel == keys.WORKFLOWS_CHANNEL:
            if (workflow_id := decode_workflow_end(message)) is not None:
                self._workflows_waiting.on_finished(workflow_id)
            return
        for event in decode_events(message):
            self._scheduler.on_event(event)

    def _on_end(self, event: Event) -> None:
        self._waiting.on_event(event)

    def _look_for_tasks(self) -> None:
        self._waiting.look_all()

    def _expect(self, task_ids: Iterable[str]) -> None:
        if self._ends.is_listening:
            self._waiting.expect(task_ids)

    def _on_connected(self) -> None:
        self._vitals.problems.pop("pubsub", None)
        self._workflows_waiting.look_all()

    def _on_lost(self, reason: str) -> None:
        self._vitals.problems["pubsub"] = reason
        self._workflows_waiting.look_all()
