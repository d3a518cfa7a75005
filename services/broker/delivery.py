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
`tasks:due`, or in the claimed list of a session that exists. Each step from one place to another
is one LMOVE or one MULTI/EXEC, so no crash leaves it in none. And each place has somebody who
empties it: workers the queues, the scheduler `tasks:due`, and the claimed list its session or,
when its lease is gone, the scheduler. So a task that was submitted is finished one day, as long
as one broker, one worker and kvdb come back. That is the proof that no task is lost.

**The fence** is why a worker that was given up cannot write. The scheduler deletes the fence in the
same transaction that takes the tasks away. The session watches the fence (WATCH) before every
transaction of its own, and looks whether it exists; so each EXEC of a session that was reaped
fails, be it one millisecond or one hour late. What it would have written is thrown away, its
children are killed, and the worker starts a new session. The name of the session is the fencing
token: one that was fenced out never comes back.

WATCH costs no round trip of its own. EXEC ends it, so each transaction goes out together with
the next WATCH and the look at the fence, in one write:

    MULTI … EXEC │ WATCH fence │ EXISTS fence        one round trip, armed for the next one

**The record decides.** An id in a list is only a hint where to look. A worker that has claimed an
id reads the record under WATCH, and starts it only if it is queued; a task that was cancelled
in between is dropped. So a stale id does no harm.

What happens when somebody dies:

    who and when                            then
    ─────────────────────────────────────   ─────────────────────────────────────────────────────
    client, before its answer               the task was submitted or not; an idempotency key tells
    broker, before EXEC of a submission     nothing was stored; the client sees the connection end
    broker, after it                        the task is queued; a worker finds it, at its next look
    worker, after the claim                 the lease expires; the task is queued, not counted
    worker, while the child runs            the same, counted as a loss; the child ends with its
                                            worker; at most once: the task is dead instead
    worker, before EXEC of the result       as above: the task runs again (at least once)
    worker, after it                        the result is there; at worst nobody was told at once
    child                                   the attempt failed; the worker goes on
    scheduler                               another broker takes over when its lease expires
    kvdb, and its answer to EXEC is lost    the worker reconnects and compares: `reconcile`
    kvdb, and loses its last seconds        the same; tasks are where they were, some run again
    pubsub                                  nobody is woken; every worker looks by itself, each
                                            time it renews its lease

The lease is timed by kvdb alone, so the clocks of the machines need not agree. A lease that ran
out while kvdb was away means nothing, so the scheduler waits one lease after each reconnect.

Left out: Redis Cluster (the transactions span keys of several slots), and blocking pops (pub/sub
wakes the workers, and a connection that blocks could renew nothing).
# Real: BLMOVE queues ("reliable queue" in the Redis documentation), super_fetch in Sidekiq;
# Celery's visibility_timeout is the lease that nobody renews.
"""

import json
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from services.broker import keys
from services.broker.middleware import Rules
from services.broker.outcomes import Outcome, after_loss, after_outcome
from services.broker.places import commands_to_drop, commands_to_move
from services.broker.states import State
from services.broker.task_options import TaskOptions
from services.broker.task_record import TaskRecord, decode_if_readable
from services.common.logs import Log
from services.common.resp import ReplyError
from services.common.resp_client import RespConnection
from services.kvdb.client import Command

MAX_CONFLICTS = 100
"""So often a transaction is repeated because others changed the same tasks; once is rare."""


class Fenced(Exception):
    """The session was given up by the scheduler: nothing of it may be written any more."""


@dataclass(frozen=True, slots=True)
class Round:
    """What one round of a session has brought."""

    started: list[TaskRecord]
    """Tasks to run now."""
    steps: list[TaskRecord]
    """Every task that changed its state, as it is now: to be announced."""
    left: dict[str, int]
    """How many ids are left in each queue list that was claimed from."""


@dataclass(frozen=True, slots=True)
class _Claimed:
    """A claimed id, and what is stored of it; no record where it is gone or cannot be read."""

    id: str
    record: TaskRecord | None
    is_to_be_cancelled: bool


@dataclass(frozen=True, slots=True)
class _Opened:
    """What is done with an id that was claimed."""

    commands: list[Command]
    after: TaskRecord | None = None
    is_start: bool = False


class Session:
    """One life of one worker in kvdb. All calls come from one thread.

    Every method raises ConnectionLost when kvdb cannot be reached, and Fenced when the session
    has been given up. After ConnectionLost the session lives on: `reconcile` on a new connection.
    """

    def __init__(
        self,
        session_id: str,
        worker: str,
        rules: Rules,
        definitions: Mapping[str, TaskOptions],
        clock_ms: Callable[[], int],
        log: Log,
    ):
        self.id = session_id
        self._worker = worker
        self._rules = rules
        self._definitions = definitions
        self._clock_ms = clock_ms
        self._log = log
        self._connection: RespConnection | None = None
        self._is_fenced = False
        # Claimed and not started: ids only, the record is read when it is started.
        self._claimed: list[str] = []
        # Started: the records as they were last committed.
        self._held: dict[str, TaskRecord] = {}
        # Starts that were sent; after a lost answer they tell "ours" from "lost by us".
        self._starting: dict[str, TaskRecord] = {}

    @property
    def held(self) -> Mapping[str, TaskRecord]:
        """The tasks that this session has started and not finished."""
        return self._held

    @property
    def claimed_count(self) -> int:
        """How many tasks are claimed, and are started in the next round."""
        return len(self._claimed)

    # The session itself.

    def open(self, connection: RespConnection, lease_ms: int, vitals: bytes) -> None:
        """Make the session and the worker's definitions known, under a first lease."""
        self._connection = connection
        facts = json.dumps({"worker": self._worker, "lease_ms": lease_ms})
        self._exec(
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

    def reconcile(self, connection: RespConnection) -> list[TaskRecord]:
        """After a reconnect: compare what kvdb says we hold with what we think we hold.

        Returns the tasks that are no longer ours; their children are to be stopped. An id that is
        ours without our knowing (the answer to its claim was lost) is opened in the next round.
        """
        self._connection = connection
        _, exists, ids = self._ask(
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

    def renew(self, lease_ms: int, vitals: bytes) -> list[str]:
        """Renew the lease; the ids of those held tasks that somebody wants to stop."""
        held = list(self._held)
        _, exists, orders = self._ask(
            ("SET", keys.lease(self.id), vitals, "PX", lease_ms),
            ("EXISTS", keys.fence(self.id)),
            # MGET wants at least one key.
            ("MGET", *map(keys.cancel, held or ["none"])),
        )
        if not exists:
            raise Fenced(self.id)
        return [task_id for task_id, order in zip(held, orders, strict=False) if order is not None]

    def give_back(self) -> None:
        """Put what is claimed and not started back to its place."""
        if self._claimed:
            self._repeat(self._commands_to_give_back)
            self._claimed = []

    def close(self) -> None:
        """End the session; what is claimed and not started goes back to its place."""
        ended = [keys.claimed(self.id), keys.lease(self.id), keys.fence(self.id)]
        end: list[Command] = [("DEL", *ended), ("SREM", keys.SESSIONS, self.id)]
        self._repeat(lambda: [*self._commands_to_give_back(), *end])

    def _commands_to_give_back(self) -> list[Command]:
        # The last one first, as each is put in front of the others.
        return [
            command
            for claimed in reversed(self._read_claimed())
            if claimed.record is not None and claimed.record.state is State.QUEUED
            for command in commands_to_move(claimed.record, claimed.record, self.id)
        ]

    def backlog(self) -> dict[str, int]:
        """How many ids wait in each queue list that was ever used."""
        (members,) = self._ask(("SMEMBERS", keys.QUEUES))
        names = [name.decode("utf-8", "replace") for name in members]
        lengths = self._ask(*(("LLEN", keys.queue(name)) for name in names))
        return dict(zip(names, lengths, strict=True))

    def look_up(self, records: Sequence[TaskRecord]) -> list[TaskRecord]:
        """These tasks as they are now; those that have vanished are left out."""
        if not records:
            return []
        (documents,) = self._ask(("MGET", *(keys.record(record.id) for record in records)))
        found = (decode_if_readable(document, self._log) for document in documents)
        return [record for record in found if record is not None]

    # Tasks.

    def advance(self, outcomes: Mapping[str, Outcome], claims: Sequence[str]) -> Round:
        """One round: finish tasks, start those claimed before, claim one from each list named.

        All of it is one transaction. Outcomes of tasks that are not held (any more) are ignored.
        """
        for _ in range(MAX_CONFLICTS):
            now_ms = self._clock_ms()
            finished = [
                (before, self._finished(before, outcomes[task_id], now_ms))
                for task_id, before in self._held.items()
                if task_id in outcomes
            ]
            opened = [self._opened(claimed, now_ms) for claimed in self._read_claimed()]
            commands = [
                *(move for step in finished for move in commands_to_move(*step, self.id)),
                *(command for one in opened for command in one.commands),
            ]
            replies = self._exec([*commands, *_claim(claims, self.id)])
            if replies is not None:
                return self._settle(finished, opened, claims, replies[len(commands) :])
        raise TimeoutError("the round never went through: other programs keep interfering")

    def _settle(
        self,
        finished: list[tuple[TaskRecord, TaskRecord]],
        opened: list[_Opened],
        claims: Sequence[str],
        replies: list[object],
    ) -> Round:
        """The transaction went through: remember what is so from now on."""
        for before, _ in finished:
            del self._held[before.id]
        started = [one.after for one in opened if one.is_start]
        self._held.update((record.id, record) for record in started)
        self._starting.clear()
        ids, lengths = replies[: len(claims)], replies[len(claims) :]
        self._claimed = [task_id.decode("utf-8", "replace") for task_id in ids if task_id]
        return Round(
            started=started,
            steps=[
                *(after for _, after in finished),
                *(one.after for one in opened if one.after is not None),
            ],
            left={
                name: length or 0
                for name, length in zip(dict.fromkeys(claims), lengths, strict=True)
            },
        )

    def _finished(self, record: TaskRecord, outcome: Outcome, now_ms: int) -> TaskRecord:
        return after_outcome(record, outcome, self._rules, now_ms, random.random())

    def _read_claimed(self) -> list[_Claimed]:
        """What is claimed, read under WATCH."""
        ids = list(dict.fromkeys(self._claimed))
        if not ids:
            return []
        names = [*map(keys.record, ids), *map(keys.cancel, ids)]
        _, found = self._ask(("WATCH", *names), ("MGET", *names))
        documents, orders = found[: len(ids)], found[len(ids) :]
        return [
            _Claimed(task_id, decode_if_readable(document, self._log), order is not None)
            for task_id, document, order in zip(ids, documents, orders, strict=True)
        ]

    def _opened(self, claimed: _Claimed, now_ms: int) -> _Opened:
        """The record decides what becomes of an id that was claimed."""
        record = claimed.record
        if record is None or claimed.id in self._held:
            return _Opened(commands_to_drop(claimed.id, self.id))
        if record.state is State.QUEUED and claimed.is_to_be_cancelled:
            after = record.moved_to(State.CANCELLED, now_ms)
            return _Opened(commands_to_move(record, after, self.id), after)
        if record.state is State.QUEUED:
            return self._start(record, now_ms)
        if record.session == self.id:
            if record == self._starting.get(claimed.id):
                return _Opened([], record, is_start=True)
            # We have started it, but know nothing of it: kvdb has lost its last seconds, among
            # them how the task ended.
            after = after_loss(record, self._rules, now_ms)
            return _Opened(commands_to_move(record, after, self.id), after)
        # Cancelled before it was started, or a stale id of a task that another one runs.
        return _Opened(commands_to_drop(claimed.id, self.id))

    def _start(self, record: TaskRecord, now_ms: int) -> _Opened:
        if (definition := self._definitions.get(record.task)) is not None:
            record = replace(record, options=record.options.filled_from(definition))
        verdict = self._rules.before_start(record, now_ms)
        if verdict.state is not State.RUNNING:
            after = record.moved_to(
                verdict.state, now_ms, detail=verdict.detail, due_at_ms=verdict.due_at_ms
            )
            return _Opened(commands_to_move(record, after, self.id), after)
        after = record.moved_to(
            State.RUNNING,
            now_ms,
            worker=self._worker,
            session=self.id,
            attempts=record.attempts + 1,
            started_at_ms=now_ms,
            output=None,
        )
        self._starting[record.id] = after
        return _Opened(commands_to_move(record, after, self.id), after, is_start=True)

    # The wire.

    def _repeat(self, commands: Callable[[], list[Command]]) -> None:
        """Commit what `commands` makes of the present state, until it goes through."""
        for _ in range(MAX_CONFLICTS):
            if self._exec(commands()) is not None:
                return
        raise TimeoutError("the transaction never went through: other programs keep interfering")

    def _exec(self, commands: Iterable[Command]) -> list[object] | None:
        """One transaction under the fence; None where a watched record has changed.

        The same write arms the fence for the next one. Raises Fenced when this one failed for it.
        """
        if self._is_fenced:
            raise Fenced(self.id)
        fence = keys.fence(self.id)
        requests = [("MULTI",), *commands, ("EXEC",), ("WATCH", fence), ("EXISTS", fence)]
        *queued, replies, _, exists = self._connection.pipeline(requests)
        refused = next((reply for reply in queued if isinstance(reply, ReplyError)), None)
        if refused is not None:
            raise refused
        # Where this transaction went through and the fence fell right behind it, the WATCH came
        # too late: the next EXEC would succeed, so it must not be sent.
        self._is_fenced = not exists
        if replies is None and self._is_fenced:
            raise Fenced(self.id)
        return replies if replies is None else [self._unless_error(reply) for reply in replies]

    def _unless_error(self, reply: object) -> object:
        if isinstance(reply, ReplyError):
            self._log.error("a command of a transaction failed", session=self.id, reason=reply)
            return None
        return reply

    def _ask(self, *commands: Command) -> list[object]:
        """Commands outside a transaction, in one round trip. Raises ReplyError."""
        replies = self._connection.pipeline(list(commands)) if commands else []
        for reply in replies:
            if isinstance(reply, ReplyError):
                raise reply
        return replies


def _claim(claims: Sequence[str], session: str) -> list[Command]:
    """One LMOVE for each claim, then the length of what is left of each list."""
    moves = [("LMOVE", keys.queue(name), keys.claimed(session), "LEFT", "RIGHT") for name in claims]
    return [*moves, *(("LLEN", keys.queue(name)) for name in dict.fromkeys(claims))]
