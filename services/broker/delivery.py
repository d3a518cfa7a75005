"""Delivery: how a task gets from a queue to exactly one worker at a time, and is never lost.

Three things may go wrong between "take a task" and "here is its result": the worker dies, the
worker hangs and comes back when everybody has given it up, or an answer of kvdb is lost on its
way. The protocol is claim, lease, acknowledge:

    worker                         kvdb                                   scheduler (in a broker)
      │ open: sessions, fence, lease ▶│                                        │
      │                               │◀── is the lease of each session there? ┤ again and again
      │ claim: LMOVE queue → claimed ▶│                                        │
      │ start: record := running     ▶│                                        │
      │   … a child runs the task …   │                                        │
      │ renew: SET lease PX          ▶│  (every third of its length)           │
      │ finish: record := succeeded, ▶│                                        │
      │         out of claimed        │                                        │
      │                               │                                        │
      ╳ dies                          │ the lease expires                      │
                                      │◀── reap: fence, claimed list away;  ───┤
                                      │    its tasks into their queues again   │

**A session** is one life of one worker. It owns a list, `claimed`, a lease and a fence. The lease
belongs to the session and not to each task: one SET renews it for all of them, and there is no
moment at which a task is claimed but not leased, because the claim itself is one LMOVE from the
queue into the list of a session that is watched over already.

**Where a task is.** A task that is not finished lies at every moment in a queue list, in
`tasks:due`, in a lane, or in the claimed list of a session that exists. Each step from one place
to another is one LMOVE or one MULTI/EXEC, so no crash leaves it in none. And each place has
somebody who empties it: workers the queues, the scheduler `tasks:due` and the lanes, and the
claimed list its session or, when its lease is gone, the scheduler. So a task that was submitted
is finished one day, as long as one broker, one worker and kvdb come back. That is the proof that
no task is lost.

**The fence** is why a worker that was given up cannot write. The scheduler deletes the fence in the
same transaction that takes the tasks away. The session watches the fence (WATCH) before every
transaction of its own, and looks whether it exists; so each EXEC of a session that was reaped
fails, be it one millisecond or one hour late. What it would have written is thrown away, its
children are killed, and the worker starts a new session. The name of the session is the fencing
token: one that was fenced out never comes back. How that is done without a round trip of its own,
`fence` says.

**The record decides.** An id in a list is only a hint where to look. A worker that has claimed an
id reads the record under WATCH, and starts it only if it is queued; a task that was cancelled
in between is dropped. So a stale id does no harm. What becomes of a claimed id, case by case,
stands in `opening`; whether it may start now is what the rules decide: `middleware` by the record,
`gates` by what they read under the same WATCH.

What happens when somebody dies:

    who and when                            then
    ─────────────────────────────────────   ─────────────────────────────────────────────────────
    client, before its answer               the task was submitted or not; an idempotency key tells
    broker, before EXEC of a submission     nothing was stored; the client sees the connection end,
                                            and a worker may have been woken for nothing
    broker, after it                        the task is queued; a worker finds it, at its next look
    worker, after the claim                 the lease expires; the task is queued, not counted
    worker, while the child runs            the same, counted as a loss; the child ends with its
                                            worker; at most once: the task is dead instead
    worker, before EXEC of the result       as above: the task runs again (at least once)
    worker, after it                        the result is there, and who waits for it was told by
                                            the same EXEC; those who only watch may not have been
    child                                   the attempt failed; the worker goes on
    scheduler                               another broker takes over when its lease expires
    kvdb, and its answer to EXEC is lost    the worker reconnects and compares: `reconcile`
    kvdb, and loses its last seconds        the same; tasks are where they were, some run again
    pubsub                                  no worker is woken; each looks by itself, when it renews
                                            its lease; who waits for an end hears it from kvdb

The lease is timed by kvdb alone, so the clocks of the machines need not agree. A lease that ran
out while kvdb was away means nothing, so the scheduler waits one lease after each reconnect.

Left out: Redis Cluster (the transactions span keys of several slots), and blocking pops (pub/sub
wakes the workers, and a connection that blocks could renew nothing).
# Real: BLMOVE queues ("reliable queue" in the Redis documentation), super_fetch in Sidekiq;
# Celery's visibility_timeout is the lease that nobody renews.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from services.broker import keys, queue_settings
from services.broker.clock import Clock
from services.broker.conflicts import MAX_CONFLICTS
from services.broker.endings import endings
from services.broker.fence import Committed, Fenced, FencedConnection, Pipeline
from services.broker.gates import View
from services.broker.merging import merged
from services.broker.middleware import Rules
from services.broker.opening import Claimed, Opened, Opener
from services.broker.outcomes import Outcome
from services.broker.places import commands_to_move
from services.broker.progress import Progress, commands_to_store
from services.broker.queue_settings import QueueSettings, decode_settings, is_paused
from services.broker.states import State
from services.broker.task_options import TaskOptions
from services.broker.task_record import TaskRecord, decode_if_readable
from services.common.logs import Log
from services.kvdb.client import Command

MAX_READ_AHEAD = 8
"""So many of the ids that are claimed and wait for a child are read for the next round."""


@dataclass(frozen=True, slots=True)
class Round:
    """What one round of a session has brought."""

    started: list[TaskRecord]
    """Tasks to run now."""
    steps: list[TaskRecord]
    """Every task that changed its state, as it is now: to be announced."""
    left: dict[str, int]
    """How many ids are left in each queue list that was claimed from."""
    missing: list[str] = field(default_factory=list)
    """What was expected, and is not stored: not any more, or not yet."""


class Session:
    """One life of one worker in kvdb. All calls come from one coroutine.

    Every method that asks kvdb raises ConnectionLost when it cannot be reached; the session lives
    on then: `reconcile` on a new connection. Those that change tasks, `renew` and `reconcile` raise
    Fenced when the session has been given up.
    """

    def __init__(
        self,
        session_id: str,
        worker: str,
        rules: Rules,
        definitions: Mapping[str, TaskOptions],
        clock_ms: Clock,
        log: Log,
    ):
        self.id = session_id
        self._worker = worker
        self._rules = rules
        self._definitions = definitions
        self._clock_ms = clock_ms
        self._log = log
        self._opener = Opener(session_id, worker, rules, definitions, log)
        self._kvdb: FencedConnection | None = None
        # Claimed and not started: ids only, the record is read when it is started.
        self._claimed: list[str] = []
        # Started: the records as they were last committed.
        self._held: dict[str, TaskRecord] = {}
        self._settings: Mapping[str, QueueSettings] = {}
        # Starts that were sent; after a lost answer they tell "ours" from "lost by us".
        self._starting: dict[str, TaskRecord] = {}

    @property
    def held(self) -> Mapping[str, TaskRecord]:
        """The tasks that this session has started and not finished."""
        return self._held

    @property
    def queue_weights(self) -> dict[str, int]:
        """The weights that people have given to queues, as far as we have heard."""
        return {
            name: settings.weight
            for name, settings in self._settings.items()
            if settings.weight is not None
        }

    @property
    def claimed_count(self) -> int:
        """How many tasks are claimed, and are started in the next round."""
        return len(self._claimed)

    # The session itself.

    async def open(self, connection: Pipeline, lease_ms: int, vitals: bytes) -> None:
        """Make the session and the worker's definitions known, under a first lease."""
        self._connect(connection)
        facts = json.dumps({"worker": self._worker, "lease_ms": lease_ms})
        await self._commit(
            [
                ("SADD", keys.SESSIONS, self.id),
                ("SET", keys.fence(self.id), facts),
                ("SET", keys.lease(self.id), vitals, "PX", lease_ms),
                *(
                    ("HSET", keys.DEFINITIONS, name, json.dumps(options.as_json()))
                    for name, options in self._definitions.items()
                ),
            ]
        )

    async def reconcile(self, connection: Pipeline) -> list[TaskRecord]:
        """After a reconnect: compare what kvdb says we hold with what we think we hold.

        Returns the tasks that are no longer ours; their children are to be stopped. An id that is
        ours without our knowing (the answer to its claim was lost) is opened in the next round.
        """
        self._connect(connection)
        _, exists, ids = await self._kvdb.ask(
            ("WATCH", keys.fence(self.id)),
            ("EXISTS", keys.fence(self.id)),
            ("LRANGE", keys.claimed(self.id), 0, -1),
        )
        if not exists:
            raise Fenced(self.id)
        ours = [task_id.decode("utf-8", "replace") for task_id in ids]
        lost = [record for task_id, record in self._held.items() if task_id not in ours]
        for record in lost:
            del self._held[record.id]
        self._claimed = [task_id for task_id in ours if task_id not in self._held]
        return lost

    async def renew(self, lease_ms: int, vitals: bytes) -> list[str]:
        """Renew the lease; the ids of those held tasks that somebody wants to stop."""
        held = list(self._held)
        _, exists, orders = await self._kvdb.ask(
            ("SET", keys.lease(self.id), vitals, "PX", lease_ms),
            ("EXISTS", keys.fence(self.id)),
            # MGET wants at least one key.
            ("MGET", *map(keys.cancel, held or ["none"])),
        )
        if not exists:
            raise Fenced(self.id)
        return [task_id for task_id, order in zip(held, orders, strict=False) if order is not None]

    async def store_progress(self, reports: Mapping[str, Progress]) -> None:
        """How far tasks say they have come; of those that are held no longer, nothing is stored."""
        held = {task_id: report for task_id, report in reports.items() if task_id in self._held}
        await self._kvdb.ask(*commands_to_store(held))

    async def give_back(self) -> None:
        """Put what is claimed and not started back to its place."""
        if self._claimed:
            await self._end_claims()
            self._claimed = []

    async def close(self) -> None:
        """End the session; what is claimed and not started goes back to its place."""
        ended = [keys.claimed(self.id), keys.lease(self.id), keys.fence(self.id)]
        await self._end_claims(("DEL", *ended), ("SREM", keys.SESSIONS, self.id))

    async def _end_claims(self, *more: Command) -> None:
        for _ in range(MAX_CONFLICTS):
            all_claimed, _ = await self._read_claimed(self._claimed)
            # The last one first, as each is put in front of the others.
            back = [
                command
                for claimed in reversed(all_claimed)
                if claimed.record is not None and claimed.record.state is State.QUEUED
                for command in commands_to_move(claimed.record, claimed.record, self.id)
            ]
            if await self._commit([*back, *more]) is not None:
                return
        raise _never_went_through()

    async def backlog(self) -> dict[str, int]:
        """How many ids wait in each queue list that was ever used, and is not paused."""
        members, settings = await self._kvdb.ask(("SMEMBERS", keys.QUEUES), queue_settings.READ)
        self._settings = decode_settings(settings)
        names = [name.decode("utf-8", "replace") for name in members]
        names = [name for name in names if not self._is_paused(name)]
        lengths = await self._kvdb.ask(*(("LLEN", keys.queue(name)) for name in names))
        return dict(zip(names, lengths, strict=True))

    async def look_up(self, records: Sequence[TaskRecord]) -> list[TaskRecord]:
        """These tasks as they are now; those that have vanished are left out."""
        if not records:
            return []
        (documents,) = await self._kvdb.ask(
            ("MGET", *(keys.record(record.id) for record in records))
        )
        found = (decode_if_readable(document, self._log) for document in documents)
        return [record for record in found if record is not None]

    # Tasks.

    async def advance(
        self,
        outcomes: Mapping[str, Outcome],
        claims: Sequence[str],
        starts: int | None = None,
        expected: Sequence[str] = (),
    ) -> Round:
        """One round: finish tasks, start those claimed before, claim one from each list named.

        At most `starts` are started, in the order in which they were claimed; None is all of them.
        All of it is one transaction. Outcomes of tasks that are not held (any more) are ignored,
        and so are claims from queues that are paused. `expected` is what the claims will probably
        bring: its records are read in the same write, and the next round starts a trip sooner.
        """
        for _ in range(MAX_CONFLICTS):
            now_ms = self._clock_ms()
            finished = await endings(self._kvdb, self._held, outcomes, self._rules, now_ms)
            to_open = self._claimed[:starts]
            all_claimed, view = await self._read_claimed(to_open)
            opened = [self._opened(claimed, view, now_ms) for claimed in all_claimed]
            put_back = [one for one in opened if one.is_put_back]
            commands = [
                *(move for step in finished for move in commands_to_move(*step, self.id)),
                *(command for one in opened if not one.is_put_back for command in one.commands),
                # The last one first, as each is put in front of the others.
                *(command for one in reversed(put_back) for command in one.commands),
            ]
            allowed = [name for name in claims if not self._is_paused(name)]
            commands = merged(commands)
            kept = self._claimed[len(to_open) :]
            done = await self._commit(
                [*commands, *_claim(allowed, self.id)], [*kept[:MAX_READ_AHEAD], *expected]
            )
            if done is not None:
                replies = done.replies[len(commands) :]
                left = dict.fromkeys(claims, 0) | self._settle_claims(kept, allowed, replies)
                return Round(
                    started=self._settle(finished, opened),
                    steps=[
                        *(after for _, after in finished),
                        *(one.after for one in opened if one.after is not None),
                    ],
                    left=left,
                    missing=[one for one in expected if self._opener.is_missing(one)],
                )
        raise _never_went_through()

    def _settle(
        self, finished: Sequence[tuple[TaskRecord, TaskRecord]], opened: Sequence[Opened]
    ) -> list[TaskRecord]:
        """The transaction went through: remember what is held from now on; what has started."""
        for before, _ in finished:
            del self._held[before.id]
        started = [one.after for one in opened if one.is_start]
        self._held.update((record.id, record) for record in started)
        self._starting.clear()
        return started

    def _settle_claims(
        self, kept: list[str], claims: Sequence[str], replies: list[object]
    ) -> dict[str, int]:
        """Remember what is claimed from now on; what is left of each list."""
        ids, lengths = replies[: len(claims)], replies[len(claims) :]
        self._claimed = [*kept, *(one.decode("utf-8", "replace") for one in ids if one)]
        lists = dict.fromkeys(claims)
        return {name: length or 0 for name, length in zip(lists, lengths, strict=True)}

    def _connect(self, connection: Pipeline) -> None:
        self._kvdb = FencedConnection(connection, self.id, self._log)
        self._opener.forget()

    async def _commit(
        self, commands: Sequence[Command], expected: Sequence[str] = ()
    ) -> Committed | None:
        """A transaction under the fence, and behind it a look at the ids that may come next."""
        self._opener.forget()
        done = await self._kvdb.commit(commands, self._opener.read_ahead(expected))
        if done is not None:
            self._opener.remember(expected, done.ahead)
        return done

    async def _read_claimed(self, claimed_ids: Sequence[str]) -> tuple[list[Claimed], View]:
        all_claimed, view = await self._opener.read(self._kvdb, claimed_ids)
        if queue_settings.READ in view:
            self._settings = decode_settings(view[queue_settings.READ])
        return all_claimed, view

    def _opened(self, claimed: Claimed, view: View, now_ms: int) -> Opened:
        opened = self._opener.open(claimed, view, now_ms, held=self._held, starting=self._starting)
        if opened.is_start:
            self._starting[claimed.id] = opened.after
        return opened

    def _is_paused(self, list_name: str) -> bool:
        return is_paused(list_name.rpartition("/")[0], self._settings)


def _never_went_through() -> TimeoutError:
    return TimeoutError("the round never went through: other programs keep interfering")


def _claim(claims: Sequence[str], session: str) -> list[Command]:
    """One LMOVE for each claim, then the length of what is left of each list."""
    moves = [("LMOVE", keys.queue(name), keys.claimed(session), "LEFT", "RIGHT") for name in claims]
    return [*moves, *(("LLEN", keys.queue(name)) for name in dict.fromkeys(claims))]
