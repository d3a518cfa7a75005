"""The scheduler: does what is due, in one of the brokers.

    every wake-up   queue the tasks whose time has come (scheduled, retrying)
                    expire those that were not started in time
    every second    look for workers that died (`reaper`)
    every minute    forget index entries whose records have expired

A thread sleeps until the earliest of these is due. It is woken before that when an event tells of a
task that is due sooner, and looks once a second in any case: nothing depends on an event.
Several brokers elect one that does it (`election`); each step is a transaction that fails where
another one has already done it.
# Real: Celery's beat and its ETA lists in every worker; the poller of Sidekiq.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from services.broker import expiry, keys
from services.broker.election import LEASE_MS, Election
from services.broker.events import Announcer, Event
from services.broker.places import commands_to_move
from services.broker.reaper import Reaper
from services.broker.states import FINAL, State
from services.broker.task_record import TaskRecord, decode_if_readable
from services.common.backoff import Backoff
from services.common.health import Vitals
from services.common.logs import Log
from services.common.resp import ReplyError
from services.common.resp_client import ConnectionLost
from services.kvdb.client import Command, KVClient

BATCH = 100
LOOK_INTERVAL_S = 1.0
CAMPAIGN_INTERVAL_S = LEASE_MS / 1000 / 3
SWEEP_INTERVAL_S = 60.0


@dataclass(slots=True)
class _Times:
    """When each of the regular duties was done last, on the monotonic clock."""

    campaign_s: float = float("-inf")
    look_s: float = float("-inf")
    sweep_s: float = float("-inf")


class Scheduler:
    """The thread; it holds nothing that would be missed after a kill -9."""

    def __init__(
        self,
        kv: KVClient,
        election: Election,
        reaper: Reaper,
        announcer: Announcer,
        vitals: Vitals,
        clock_ms: Callable[[], int],
        log: Log,
    ):
        self._kv = kv
        self._election = election
        self._reaper = reaper
        self._announcer = announcer
        self._vitals = vitals
        self._clock_ms = clock_ms
        self._log = log
        self._woken = threading.Event()
        self._stopping = False
        self._is_leader = False
        self._next_due_ms: float = float("inf")
        self._times = _Times()
        self._thread = threading.Thread(target=self._run, name="scheduler", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """End the thread and let another broker lead."""
        self._stopping = True
        self._woken.set()
        self._thread.join(timeout_s)

    def on_event(self, event: Event) -> None:
        """Something was put off: wake up if it is due before all that is known."""
        if event.due_at_ms is not None and event.due_at_ms < self._next_due_ms:
            self._woken.set()

    # The thread.

    def _run(self) -> None:
        backoff = Backoff(limit_s=2.0)
        while not self._stopping:
            try:
                delay_s = self._turn()
                backoff.reset()
            except (ConnectionLost, ReplyError) as error:
                self._lost_kvdb(str(error))
                delay_s = backoff.next_delay_s()
            except Exception:
                self._log.exception("a turn of the scheduler failed")
                delay_s = backoff.next_delay_s()
            self._woken.wait(delay_s)
            self._woken.clear()
        self._resign()

    def _turn(self) -> float:
        """Do what is due; how long there is nothing to do then."""
        now_s = time.monotonic()
        if now_s - self._times.campaign_s >= CAMPAIGN_INTERVAL_S:
            self._campaign(now_s)
        if not self._is_leader:
            self._next_due_ms = float("inf")
            return CAMPAIGN_INTERVAL_S
        self._queue_due()
        self._expire()
        if now_s - self._times.look_s >= LOOK_INTERVAL_S:
            self._times.look_s = now_s
            self._announcer.announce(self._reaper.look())
        if now_s - self._times.sweep_s >= SWEEP_INTERVAL_S:
            self._times.sweep_s = now_s
            self._sweep()
        return self._seconds_to_next()

    def _campaign(self, now_s: float) -> None:
        was_leader, self._is_leader = self._is_leader, self._election.campaign()
        self._times.campaign_s = now_s
        self._found_kvdb()
        if self._is_leader and not was_leader:
            self._log.info("leads the scheduler")
            self._reaper.start_over()

    def _seconds_to_next(self) -> float:
        earliest = [
            float(first[1])
            for key in (keys.DUE, keys.EXPIRING)
            if (first := self._kv.execute("ZRANGE", key, 0, 0, "WITHSCORES"))
        ]
        self._next_due_ms = min(earliest, default=float("inf"))
        wait_s = (self._next_due_ms - self._clock_ms()) / 1000
        return min(LOOK_INTERVAL_S, max(0.0, wait_s))

    def _resign(self) -> None:
        try:
            if self._is_leader:
                self._election.resign()
        except (ConnectionLost, ReplyError):
            pass  # The lease runs out by itself.

    def _lost_kvdb(self, reason: str) -> None:
        if "kvdb" not in self._vitals.problems:
            self._log.warning("lost kvdb", address=self._kv.url.address, reason=reason)
        self._vitals.problems["kvdb"] = reason
        self._is_leader = False
        self._times.campaign_s = float("-inf")

    def _found_kvdb(self) -> None:
        if self._vitals.problems.pop("kvdb", None) is not None:
            self._log.info("kvdb is back", address=self._kv.url.address)

    # Duties.

    def _queue_due(self) -> None:
        """Scheduled and retrying tasks whose time has come go to their queues."""

        def queued(record: TaskRecord, now_ms: int) -> TaskRecord | None:
            if not record.state.is_waiting_for_time:
                return None
            if record.has_expired(now_ms):
                return record.moved_to(State.EXPIRED, now_ms, detail=expiry.REASON)
            return record.moved_to(State.QUEUED, now_ms)

        self._move_all(keys.DUE, queued)

    def _expire(self) -> None:
        """Tasks that wait for a worker, or for a time, longer than anybody wants them."""

        def expired(record: TaskRecord, now_ms: int) -> TaskRecord | None:
            if not (record.state.is_before_start and record.has_expired(now_ms)):
                return None
            return record.moved_to(State.EXPIRED, now_ms, detail=expiry.REASON)

        self._move_all(keys.EXPIRING, expired)

    def _move_all(self, index: str, decide: Callable[[TaskRecord, int], TaskRecord | None]) -> None:
        """Apply `decide` to every task of a time index whose time has come, batch by batch."""
        size = BATCH
        while not self._stopping:
            now_ms = self._clock_ms()
            ids = self._kv.execute("ZRANGEBYSCORE", index, "-inf", now_ms, "LIMIT", 0, size)
            if not ids:
                return
            steps = self._move_batch(index, [task_id.decode() for task_id in ids], decide, now_ms)
            # In a conflict somebody changes one of these tasks at this moment: take them singly.
            size = 1 if steps is None else BATCH
            self._announcer.announce(steps or [])

    def _move_batch(
        self,
        index: str,
        ids: list[str],
        decide: Callable[[TaskRecord, int], TaskRecord | None],
        now_ms: int,
    ) -> list[TaskRecord] | None:
        """The records after the step; None where others changed one, and nothing was done."""
        names = [keys.record(task_id) for task_id in ids]
        with self._kv.watch(*names) as watch:
            commands: list[Command] = []
            steps: list[TaskRecord] = []
            for task_id, document in zip(ids, watch.execute("MGET", *names), strict=True):
                before = decode_if_readable(document, self._log)
                after = None if before is None else decide(before, now_ms)
                if after is None:
                    # Vanished, or an entry that its task has left behind.
                    commands.append(("ZREM", index, task_id))
                else:
                    steps.append(after)
                    commands += commands_to_move(before, after)
            return None if watch.commit(*commands) is None else steps

    def _sweep(self) -> None:
        """Records of finished tasks expire by themselves; here their index entries follow."""
        for state in FINAL:
            index, start = keys.in_state(state), 0
            while ids := self._kv.execute("ZRANGE", index, start, start + BATCH - 1):
                names = [keys.record(task_id.decode()) for task_id in ids]
                found = self._kv.execute("MGET", *names)
                gone = [
                    task_id
                    for task_id, document in zip(ids, found, strict=True)
                    if document is None
                ]
                if gone:
                    self._kv.execute("ZREM", index, *gone)
                # The oldest come first: where a whole batch lives, so do those behind it, nearly.
                start += len(ids) - len(gone)
                if not gone:
                    break
