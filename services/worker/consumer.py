"""The consumer: the coroutine that keeps a worker's session in kvdb, and feeds its pool.

    listener ──wake, cancel──▶ ┌─────────┐             ┌──────┐
                               │ inbox   │             │ pool │
    pool ────── outcomes ────▶ └─────────┘             └──────┘
                                    │                      ▲
                     one coroutine: take what is in the    │ start
                     inbox, renew the lease when it is ────┘
                     time, then a round of `Session.advance`: finish, start, claim

It waits for its inbox, and for kvdb within a round. What happens meanwhile waits in the inbox, and
becomes one round: the busier it is, the more tasks share a transaction. A wake-up says in which
list there is work, and which task it is; without any, the consumer looks by itself each time it
renews the lease, so a worker never stops consuming because a message was lost.

When kvdb is away, the children go on, and what they return waits here. When the session was given
up in the meantime, all of that is thrown away, and a new session begins.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.broker.client import Fenced, Outcome, Progress, Session, TaskRecord
from services.common.backoff import Backoff
from services.common.event_loop import EventLoop
from services.common.health import Vitals
from services.common.logs import Log
from services.common.redis_url import RedisURL
from services.common.resp import ReplyError
from services.common.resp_client import ConnectionLost
from services.worker.backlog import Backlog
from services.worker.coroutines import Deadline, Promise, spawn
from services.worker.fair_share import FairShare
from services.worker.loop_connection import LoopConnection
from services.worker.reminders import Reminders
from services.worker.teller import Teller

RENEWALS_PER_LEASE = 3
# Where so many tasks wait, one more is claimed for each child than it can run now. The start of the
# next one then shares its transaction with the end of the last one, and no other worker could
# have had it sooner. It is given back where the child turns out to be busy for longer.
DEEP_BACKLOG = 100
CLAIM_AHEAD_S = 0.1


@dataclass(frozen=True, slots=True)
class _Ended:
    """An attempt is over."""

    record: TaskRecord
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class _Woken:
    """There is work in this list."""

    list_name: str
    count: int
    ids: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Look:
    """Wake-ups may have been missed: look at everything."""


@dataclass(frozen=True, slots=True)
class _Progressed:
    """An attempt has told how far it has come."""

    record: TaskRecord
    progress: Progress


@dataclass(frozen=True, slots=True)
class _Drain:
    """Claim nothing more, and end when nothing is held any more."""


_Message = _Ended | _Woken | _Look | _Progressed | _Drain


class Executor(Protocol):
    """Whoever runs the tasks. No method waits."""

    def start(self, record: TaskRecord) -> None:
        """Run a task; `Consumer.ended` is called with its outcome."""

    def cancel(self, task_id: str) -> None:
        """Stop a task that somebody has cancelled."""

    def abandon(self, records: Sequence[TaskRecord]) -> None:
        """Stop tasks that are no longer ours; nobody wants to know how they end."""

    def report(self) -> bytes:
        """The vital signs that are stored with the lease."""

    def on_first_attempt(self) -> None:
        """The first session stands, or could not be opened."""

    def on_drained(self) -> None:
        """After `drain`: the session has ended."""


class Consumer:
    """Between kvdb and the executor; everything happens in the event loop's thread."""

    def __init__(
        self,
        loop: EventLoop,
        url: RedisURL,
        new_session: Callable[[], Session],
        executor: Executor,
        teller: Teller,
        vitals: Vitals,
        log: Log,
        *,
        concurrency: int,
        fair_share: FairShare,
        lease_s: float,
        is_burst: bool = False,
    ):
        """`is_burst`: drain by itself as soon as the queues are empty."""
        self._loop = loop
        self._url = url
        self._new_session = new_session
        self._executor = executor
        self._teller = teller
        self._vitals = vitals
        self._log = log
        self._concurrency = concurrency
        self._fair_share = fair_share
        self._lease_s = lease_s
        self._is_burst = is_burst
        self._inbox: deque[_Message] = deque()
        self._arrival: Promise[None] | None = None
        self._deadline = Deadline(loop, self._end_wait)
        self._session: Session | None = None
        self._outcomes: dict[str, Outcome] = {}
        self._reports: dict[str, Progress] = {}
        self._backlog = Backlog()
        self._reminders = Reminders(loop, self.woken)
        self._renew_at_s = 0.0
        self._claimed_at_s = 0.0
        self._is_draining = False
        self._end: Callable[[], None] = lambda: None
        self._has_attempted = False

    def start(self) -> None:
        self._end = spawn(self._run())

    def stop(self) -> None:
        """After the loop has ended."""
        self._end()

    # Messages.

    def ended(self, record: TaskRecord, outcome: Outcome) -> None:
        """An attempt that was started is over."""
        self._post(_Ended(record, outcome))

    def progressed(self, record: TaskRecord, progress: Progress) -> None:
        """An attempt that was started has told how far it has come."""
        self._post(_Progressed(record, progress))

    def woken(self, list_name: str, count: int, ids: Sequence[str]) -> None:
        """There is work in a queue list; these are the first of the tasks."""
        self._post(_Woken(list_name, count, ids))

    def look(self) -> None:
        """Something may have been missed: look at all lists, and whether something is cancelled."""
        self._post(_Look())

    def drain(self) -> None:
        """Claim nothing more; `on_drained` follows when nothing is held any more."""
        self._post(_Drain())

    # The coroutine.

    async def _run(self) -> None:
        backoff = Backoff(limit_s=min(2.0, self._lease_s))
        while not self._is_drained():
            try:
                await self._serve(backoff)
                continue
            except Fenced:
                self._give_up_session()
                continue
            except (ConnectionLost, ReplyError, TimeoutError) as error:
                self._lost_kvdb(str(error))
            except Exception as error:
                self._log.exception("the consumer failed")
                self._lost_kvdb(repr(error))
            self._tell_first_attempt()
            await self._rest(backoff.next_delay_s())
        self._executor.on_drained()

    async def _serve(self, backoff: Backoff) -> None:
        """Consume over one connection until everything is drained."""
        timeout_s = min(5.0, self._lease_s / 2)
        connection = await LoopConnection.made(self._loop, self._url, timeout_s)
        try:
            await self._resume(connection)
            self._found_kvdb()
            backoff.reset()
            self._tell_first_attempt()
            while not self._is_drained():
                await self._round()
        finally:
            connection.close()

    async def _resume(self, connection: LoopConnection) -> None:
        """Open a session, or go on with the one that there is."""
        if self._session is None:
            session = self._new_session()
            await session.open(connection, self._lease_ms, self._executor.report())
            self._session = session
        else:
            lost = await self._session.reconcile(connection)
            self._executor.abandon(lost)
            for record in lost:
                self._outcomes.pop(record.id, None)
            # It may be ours how they ended, and only the answer to it was lost: tell it now.
            self._teller.announce(await self._session.look_up(lost))
        self._renew_at_s = 0.0

    async def _round(self) -> None:
        """Wait for something to do, and do it."""
        await self._take_inbox(0.0 if self._has_work() else self._next_duty_s() - time.monotonic())
        if self._is_draining and self._is_idle():
            await self._session.close()
            self._session = None
            return
        if time.monotonic() >= self._renew_at_s:
            await self._renew()
        await self._tell_progress()
        if self._is_burst and not self._is_draining:
            await self._drain_if_empty()
        if self._is_draining or self._has_claimed_in_vain():
            await self._session.give_back()
        claims = self._claims()
        if self._outcomes or claims or self._can_start():
            await self._advance(claims)

    async def _tell_progress(self) -> None:
        """Before the outcomes: a report that comes behind its result is none."""
        if self._reports:
            reports, self._reports = self._reports, {}
            await self._session.store_progress(reports)
            self._teller.announce_progress(reports)

    async def _drain_if_empty(self) -> None:
        """Where nothing seems to be left, look once more, and end."""
        if not self._has_work() and self._is_idle():
            await self._look_at_queues()
            self._is_draining = not self._has_work()

    async def _advance(self, claims: Sequence[str]) -> None:
        outcomes, expected = dict(self._outcomes), self._backlog.expected(claims)
        result = await self._session.advance(
            outcomes, claims, self._free(len(outcomes)), list(expected)
        )
        for task_id in outcomes:
            del self._outcomes[task_id]
        for record in result.started:
            self._executor.start(record)
        self._claimed_at_s = time.monotonic()
        self._backlog.left(result.left)
        for task_id in result.missing:
            self._reminders.came_too_early(task_id, expected[task_id])
        self._teller.announce(result.steps)

    async def _renew(self) -> None:
        """Renew the lease, and look by ourselves at what we might not have been told."""
        self._renew_at_s = time.monotonic() + self._lease_s / RENEWALS_PER_LEASE
        for task_id in await self._session.renew(self._lease_ms, self._executor.report()):
            self._executor.cancel(task_id)
        await self._look_at_queues()

    async def _look_at_queues(self) -> None:
        self._backlog.found(await self._session.backlog())
        self._fair_share.set_weights(self._session.queue_weights)

    def _claims(self) -> list[str]:
        """The lists to claim a task from: one for each place that is free, and some ahead."""
        if self._is_draining:
            return []
        wanted = self._free(len(self._outcomes)) - self._session.claimed_count
        if self._outcomes and self._backlog.total >= DEEP_BACKLOG:
            wanted += self._concurrency
        return self._fair_share.plan(self._backlog.lengths, wanted) if wanted > 0 else []

    def _free(self, ended: int) -> int:
        """How many tasks can be started, when so many have ended."""
        return self._concurrency - len(self._session.held) + ended

    def _can_start(self) -> bool:
        return self._session.claimed_count > 0 and self._free(len(self._outcomes)) > 0

    def _has_claimed_in_vain(self) -> bool:
        """Whether what was claimed ahead has waited long enough for a child."""
        is_waiting = self._session.claimed_count > 0 and not self._can_start()
        return is_waiting and time.monotonic() >= self._claimed_at_s + CLAIM_AHEAD_S

    def _next_duty_s(self) -> float:
        """When there is something to do, if nothing happens before."""
        if self._session.claimed_count:
            return min(self._renew_at_s, self._claimed_at_s + CLAIM_AHEAD_S)
        return self._renew_at_s

    def _has_work(self) -> bool:
        """Whether a round has something to do without any message."""
        if self._outcomes or self._reports or self._can_start():
            return True
        if self._is_draining:
            return self._is_idle()
        is_full = len(self._session.held) >= self._concurrency
        return not is_full and self._fair_share.has_work(self._backlog.lengths)

    def _is_idle(self) -> bool:
        return not (self._session.held or self._outcomes)

    def _is_drained(self) -> bool:
        return self._is_draining and self._session is None

    @property
    def _lease_ms(self) -> int:
        return round(self._lease_s * 1000)

    # Messages.

    async def _rest(self, delay_s: float) -> None:
        """Let a while pass, and take notice of what comes in meanwhile."""
        until_s = time.monotonic() + delay_s
        while (left_s := until_s - time.monotonic()) > 0 and not self._is_drained():
            await self._take_inbox(left_s)

    async def _take_inbox(self, timeout_s: float) -> None:
        """Everything that has come in; where that is nothing, wait for something."""
        if not self._inbox and timeout_s > 0:
            self._arrival = Promise()
            self._deadline.set(timeout_s)
            await self._arrival
            self._deadline.clear()
            self._arrival = None
        while self._inbox:
            self._take(self._inbox.popleft())

    def _end_wait(self) -> None:
        self._arrival.keep()

    def _post(self, message: _Message) -> None:
        self._inbox.append(message)
        if self._arrival is not None and len(self._inbox) == 1:
            # At the end of the loop's turn: what else it brings is then taken with this.
            self._loop.call_soon(self._arrival.keep)

    def _take(self, message: _Message) -> None:
        match message:
            case _Ended(record=record, outcome=outcome):
                self._vitals.requests_total += 1
                # An attempt of a session that was given up is none of ours any more.
                if self._is_ours(record):
                    self._outcomes[record.id] = outcome
            case _Progressed(record=record, progress=progress):
                if self._is_ours(record):
                    self._reports[record.id] = progress
            case _Woken(list_name=name, count=count, ids=ids):
                self._backlog.woken(name, count, ids)
            case _Look():
                self._renew_at_s = 0.0
            case _Drain():
                self._is_draining = True

    def _is_ours(self, record: TaskRecord) -> bool:
        return self._session is not None and self._session.held.get(record.id) is record

    # Trouble.

    def _give_up_session(self) -> None:
        self._log.warning("was given up, and starts a new session", session=self._session.id)
        self._executor.abandon(list(self._session.held.values()))
        self._outcomes.clear()
        self._reports.clear()
        self._session = None

    def _lost_kvdb(self, reason: str) -> None:
        if "kvdb" not in self._vitals.problems:
            self._log.warning("lost kvdb", address=self._url.address, reason=reason)
        self._vitals.problems["kvdb"] = reason

    def _found_kvdb(self) -> None:
        if self._vitals.problems.pop("kvdb", None) is not None:
            self._log.info("kvdb is back, consuming again", address=self._url.address)

    def _tell_first_attempt(self) -> None:
        if not self._has_attempted:
            self._has_attempted = True
            self._executor.on_first_attempt()
