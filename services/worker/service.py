"""The worker as a whole: which part knows which.

    pubsub ─▶ Listener ──wake, cancel──▶ Consumer ◀──────▶ kvdb
                                         │  │  ▲
                                         │  │  │ ended
                                         │  ▼ start
                                         │ Pool, its limits ◀──frames──▶ children
                                         ▼
                                       Teller ─▶ pubsub

All of it is in one thread, that of the event loop, and nothing in it waits but the loop: the
children, timers and signals are callbacks, and what is asked of kvdb is awaited by a coroutine
(`coroutines`). So a kvdb that hangs cannot keep a task from being stopped at its time limit, no
lock is held anywhere, and a task changes hands without changing threads. With a thread for each
part there would be five such changes in its life, of 100 µs each.
"""

import json
import secrets
import signal
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.broker.client import (
    ORDERS_CHANNEL,
    WAKE_CHANNEL,
    Cancelled,
    HandedBack,
    Outcome,
    Progress,
    Session,
    TaskOptions,
    TaskRecord,
    clock_ms,
    decode_wake,
    parse_options,
    standard_rules,
)
from services.common.event_loop import EventLoop
from services.common.health import Vitals
from services.common.logs import Log
from services.common.redis_url import RedisURL
from services.worker.consumer import Consumer
from services.worker.fair_share import FairShare
from services.worker.listener import Listener
from services.worker.memory import MemoryLimit
from services.worker.pool import Pool, Wear
from services.worker.teller import Teller
from services.worker.time_limits import TimeLimits

HAND_BACK_S = 1.0
"""So long before the end of the grace, what still runs is stopped and handed back."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a worker is told by its options."""

    name: str
    kvdb_url: RedisURL
    pubsub_url: RedisURL
    concurrency: int
    modules: tuple[str, ...]
    queues: Mapping[str, int | None]
    """Weights by name; empty for all queues."""
    lease_s: float
    grace_s: float
    wear: Wear
    is_burst: bool
    """End when the queues are empty."""
    environment: Mapping[str, str]
    """What the children are told: a task finds the services where its worker does."""


class Worker:
    """All parts of one worker; it is the consumer's `Executor`."""

    def __init__(self, settings: Settings, loop: EventLoop, vitals: Vitals, log: Log):
        self._settings = settings
        self._loop = loop
        self._vitals = vitals
        self._log = log
        self._definitions: dict[str, TaskOptions] = {}
        self._has_started = False
        self._is_stopping = False
        self._teller = Teller(loop, settings.pubsub_url, vitals, log)
        self._pool = Pool(
            loop,
            settings.concurrency,
            settings.modules,
            settings.environment,
            vitals,
            log,
            on_hello=self._on_hello,
            on_started=self._on_started,
            on_ended=self._on_ended,
            on_progress=self._on_progress,
            wear=settings.wear,
        )
        self._limits = (
            TimeLimits(loop, self._pool.stop),
            MemoryLimit(loop, settings.wear.memory_bytes, self._pool.pid_of, self._pool.stop),
        )
        self._consumer = Consumer(
            loop,
            settings.kvdb_url,
            self._new_session,
            self,
            self._teller,
            vitals,
            log,
            concurrency=settings.concurrency,
            fair_share=FairShare(settings.queues),
            lease_s=settings.lease_s,
            is_burst=settings.is_burst,
        )
        self._listener = Listener(
            loop,
            settings.pubsub_url,
            [WAKE_CHANNEL, ORDERS_CHANNEL],
            log,
            on_message=self._on_message,
            on_connected=self._on_connected,
            on_lost=self._on_lost,
        )

    def run(self) -> None:
        """Work until `stop` was called and everything has ended; in the event loop's thread."""
        signal.signal(signal.SIGCHLD, lambda *_: self._loop.call_from_thread(self._pool.reap))
        self._teller.start()
        self._listener.start()
        self._loop.call_soon(self._pool.start)
        self._loop.run()
        self._pool.close()
        self._consumer.stop()
        self._listener.stop()
        self._teller.stop()

    def stop(self) -> None:
        """Claim nothing more, and end when everything that runs has; bounded by the grace."""
        if self._is_stopping:
            return
        self._is_stopping = True
        self._log.info(
            "stopping", running=len(self._pool.running()), grace_s=self._settings.grace_s
        )
        if not self._has_started:
            self._loop.stop()
            return
        self._consumer.drain()
        reason = HandedBack(f"{self._settings.name} was stopped")
        hand_back_s = max(0.0, self._settings.grace_s - HAND_BACK_S)
        self._loop.call_later(hand_back_s, lambda: self._pool.stop_all(reason))
        self._loop.call_later(hand_back_s + HAND_BACK_S, self._loop.stop)

    # The consumer's executor.

    def start(self, record: TaskRecord) -> None:
        self._pool.run(record)

    def cancel(self, task_id: str) -> None:
        self._pool.stop(task_id, Cancelled())

    def abandon(self, records: Sequence[TaskRecord]) -> None:
        self._pool.abandon(records)

    def report(self) -> bytes:
        report = self._vitals.report() | {
            "name": self._settings.name,
            "host": socket.gethostname(),
            "concurrency": self._settings.concurrency,
            "queues": dict(self._settings.queues),
            "tasks": sorted(self._definitions),
        }
        return json.dumps(report).encode()

    def on_first_attempt(self) -> None:
        self._say_ready()

    def on_drained(self) -> None:
        self._loop.stop()

    # Children.

    def _on_hello(
        self, tasks: Mapping[str, Mapping[str, object]], problems: Mapping[str, str]
    ) -> None:
        """A child is ready. What the first one knows, the others know as well."""
        if self._has_started:
            return
        self._has_started = True
        self._definitions.update({name: parse_options(given) for name, given in tasks.items()})
        for module, problem in problems.items():
            self._log.error("a module of tasks is not used", module=module, problem=problem)
        if problems:
            self._vitals.problems["tasks"] = "; ".join(f"{m} {why}" for m, why in problems.items())
        self._consumer.start()

    def _on_started(self, record: TaskRecord) -> None:
        for limit in self._limits:
            limit.on_started(record)

    def _on_progress(self, record: TaskRecord, fraction: float, message: str) -> None:
        self._consumer.progressed(record, Progress(fraction, message, clock_ms()))

    def _on_ended(self, record: TaskRecord, outcome: Outcome) -> None:
        for limit in self._limits:
            limit.on_ended(record)
        self._consumer.ended(record, outcome)

    def _say_ready(self) -> None:
        print(f"worker ready on {self._vitals.address}", flush=True)
        self._log.info(
            "ready",
            name=self._settings.name,
            concurrency=self._settings.concurrency,
            tasks=",".join(sorted(self._definitions)),
        )

    # Messages.

    def _on_message(self, channel: str, message: bytes) -> None:
        if channel == WAKE_CHANNEL and (wake := decode_wake(message)) is not None:
            self._consumer.woken(wake.list_name, wake.count, wake.ids)
        elif channel == ORDERS_CHANNEL:
            # Whatever the order is, it stands in kvdb as well, and that is the one that counts.
            self._consumer.look()

    def _on_connected(self) -> None:
        self._vitals.problems.pop("pubsub", None)
        self._consumer.look()

    def _on_lost(self, reason: str) -> None:
        self._vitals.problems["pubsub"] = reason

    # Beginnings.

    def _new_session(self) -> Session:
        return Session(
            f"{self._settings.name}@{secrets.token_hex(6)}",
            self._settings.name,
            standard_rules(),
            self._definitions,
            clock_ms,
            self._log,
        )
