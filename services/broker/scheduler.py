"""The scheduler: does what is due, in one of the brokers.

    every wake-up   submit what schedules want now                           (`firing`)
                    queue the tasks whose time has come, expire the late     (`due`)
                    go on with workflows whose steps have ended              (`progression`)
                    let tasks in for which a slot has become free            (`lanes`)
    every second    look for workers that died                               (`reaper`)
    every minute    forget index entries whose records have expired          (`sweeping`)

A thread sleeps until the earliest of these is due. It is woken before that when an event tells of
something that is due sooner, and looks once a second in any case: nothing depends on an event.
Several brokers elect one that does it (`election`); each step is a transaction that fails where
another one has already done it. A duty that fails keeps nobody from the others.
# Real: Celery's beat and its ETA lists in every worker; the poller of Sidekiq.
"""

import threading
import time
from collections.abc import Callable, Sequence

from services.broker import keys
from services.broker.clock import Clock
from services.broker.duties import Duty
from services.broker.election import LEASE_MS, Election
from services.broker.events import Event
from services.common.backoff import Backoff
from services.common.health import Vitals
from services.common.logs import Log
from services.common.resp import ReplyError
from services.common.resp_client import ConnectionLost
from services.kvdb.client import KVClient

LOOK_INTERVAL_S = 1.0
CAMPAIGN_INTERVAL_S = LEASE_MS / 1000 / 3
_NEVER_S = float("-inf")


class Scheduler:
    """The thread; it holds nothing that would be missed after a kill -9."""

    def __init__(
        self,
        kv: KVClient,
        election: Election,
        duties: Sequence[Duty],
        on_lead: Callable[[], None],
        vitals: Vitals,
        clock_ms: Clock,
        log: Log,
    ):
        """`on_lead` is called when this broker begins to lead."""
        self._kv = kv
        self._election = election
        self._duties = duties
        self._on_lead = on_lead
        self._vitals = vitals
        self._clock_ms = clock_ms
        self._log = log
        self._woken = threading.Event()
        self._stopping = False
        self._is_leader = False
        self._next_due_ms: float = float("inf")
        # When each was done last, on the monotonic clock.
        self._campaign_s = _NEVER_S
        self._done_s = dict.fromkeys((duty.name for duty in duties), _NEVER_S)
        self._thread = threading.Thread(target=self._run, name="scheduler", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """End the thread and let another broker lead."""
        self._stopping = True
        self._woken.set()
        self._thread.join(timeout_s)

    def on_event(self, event: Event) -> None:
        """Something was put off, or is to be followed up: wake up if we would sleep too long."""
        is_earlier = event.due_at_ms is not None and event.due_at_ms < self._next_due_ms
        if is_earlier or event.follow_up:
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
        if now_s - self._campaign_s >= CAMPAIGN_INTERVAL_S:
            self._campaign(now_s)
        if not self._is_leader:
            self._next_due_ms = float("inf")
            return CAMPAIGN_INTERVAL_S
        has_failed = False
        for duty in self._duties:
            if now_s - self._done_s[duty.name] >= duty.every_s:
                self._done_s[duty.name] = now_s
                has_failed |= not self._has_performed(duty)
        # What is due and cannot be done is due still: it must not keep us busy.
        return LOOK_INTERVAL_S if has_failed else self._seconds_to_next()

    def _has_performed(self, duty: Duty) -> bool:
        try:
            duty.perform()
        except (ConnectionLost, ReplyError):
            raise
        except Exception:
            self._log.exception("a duty of the scheduler failed", duty=duty.name)
            return False
        return True

    def _campaign(self, now_s: float) -> None:
        was_leader, self._is_leader = self._is_leader, self._election.campaign()
        self._campaign_s = now_s
        self._found_kvdb()
        if self._is_leader and not was_leader:
            self._log.info("leads the scheduler")
            self._on_lead()

    def _seconds_to_next(self) -> float:
        earliest = [
            float(first[1])
            for key in (keys.DUE, keys.EXPIRING, keys.SCHEDULES)
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
        self._campaign_s = _NEVER_S

    def _found_kvdb(self) -> None:
        if self._vitals.problems.pop("kvdb", None) is not None:
            self._log.info("kvdb is back", address=self._kv.url.address)
