"""Opening: what becomes of an id that a session has claimed.

An id in a list is only a hint where to look. The session reads the record under WATCH, with what
the rules want to see, and the record decides:

    the record                                   then
    ──────────────────────────────────────────   ────────────────────────────────────────────────
    is gone, cannot be read, is held already     the id is dropped
    queued, and somebody wants it cancelled      cancelled
    queued, and every rule lets it pass          running
    queued, and a `middleware` objects           the state that its verdict names
    queued, and a gate turns it away (`gates`)   waits in a lane, for a time, or where it was
    running in this session, which has sent      running: only the answer to its start was lost
      just this start
    running in this session, which knows         lost: kvdb has forgotten its last seconds, and
      nothing of it                              among them how the task ended
    anything else                                the id is dropped: it was cancelled before it was
                                                 started, or another session runs it

What is read of an id is read behind the transaction before it, in the same write, where the id is
known by then (`read_ahead`): it waits in the session's own list, or a wake-up has told that it is
next in its queue. A guess that was wrong costs one more round trip, and nothing else.

Nothing is written here: `delivery` puts the commands into the transaction of its round.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from services.broker import keys
from services.broker.fence import NOTHING_AHEAD, FencedConnection, ReadAhead
from services.broker.gates import TurnedAway, View
from services.broker.middleware import Rules
from services.broker.outcomes import after_loss
from services.broker.places import commands_to_drop, commands_to_move
from services.broker.states import State
from services.broker.task_options import TaskOptions
from services.broker.task_record import TaskRecord, decode_if_readable
from services.common.logs import Log
from services.kvdb.client import Command


@dataclass(frozen=True, slots=True)
class Claimed:
    """A claimed id, and what is stored of it; no record where it is gone or cannot be read."""

    id: str
    record: TaskRecord | None
    is_to_be_cancelled: bool


@dataclass(frozen=True, slots=True)
class Opened:
    """What is done with an id that was claimed."""

    commands: list[Command]
    after: TaskRecord | None = None
    """Its step, where it has made one."""
    is_start: bool = False
    is_put_back: bool = False
    """It goes back to where it was."""


class Opener:
    """Reads and judges what one session has claimed."""

    def __init__(
        self,
        session: str,
        worker: str,
        rules: Rules,
        definitions: Mapping[str, TaskOptions],
        log: Log,
    ):
        self._session = session
        self._worker = worker
        self._rules = rules
        self._definitions = definitions
        self._log = log
        # What was read under the present WATCH.
        self._read: dict[str, Claimed] = {}
        self._view: View = {}

    def read_ahead(self, ids: Sequence[str]) -> ReadAhead:
        """What to watch and to read of these ids; then `remember` the replies."""
        if not ids:
            return NOTHING_AHEAD
        names = [*map(keys.record, ids), *map(keys.cancel, ids)]
        return ReadAhead(names, self._rules.gates.standing_reads())

    def remember(self, ids: Sequence[str], replies: Sequence[object]) -> None:
        """What was read of these ids; it holds until the next EXEC, which ends the WATCH."""
        if not ids:
            return
        found, *others = replies
        self._view |= zip(self._rules.gates.standing_reads(), others, strict=True)
        documents, orders = found[: len(ids)], found[len(ids) :]
        for task_id, document, order in zip(ids, documents, orders, strict=True):
            self._read[task_id] = Claimed(task_id, self._decoded(document), order is not None)

    def is_missing(self, task_id: str) -> bool:
        """Whether there was nothing to be read of this id."""
        found = self._read.get(task_id)
        return found is not None and found.record is None

    def forget(self) -> None:
        """Nothing is watched any more."""
        self._read.clear()
        self._view.clear()

    async def read(
        self, kvdb: FencedConnection, claimed: Sequence[str]
    ) -> tuple[list[Claimed], View]:
        """What is claimed, and what the gates want to see of it, read under WATCH."""
        ids = list(dict.fromkeys(claimed))
        missing = [task_id for task_id in ids if task_id not in self._read]
        if missing:
            ahead = self.read_ahead(missing)
            watch, read = ("WATCH", *ahead.watched), ("MGET", *ahead.strings)
            _, *replies = await kvdb.ask(watch, read, *ahead.others)
            self.remember(missing, replies)
        all_claimed = [self._read[task_id] for task_id in ids]
        return all_claimed, self._view | await self._read_for_gates(kvdb, all_claimed)

    def open(
        self,
        claimed: Claimed,
        view: View,
        now_ms: int,
        *,
        held: Mapping[str, TaskRecord],
        starting: Mapping[str, TaskRecord],
    ) -> Opened:
        """The record decides. `starting` are the starts that the session has sent."""
        record = claimed.record
        if record is None or claimed.id in held:
            return self._drop(claimed)
        if record.state is State.QUEUED and claimed.is_to_be_cancelled:
            return self._move(record, record.moved_to(State.CANCELLED, now_ms))
        if record.state is State.QUEUED:
            return self._start(record, view, now_ms)
        if record.session != self._session:
            return self._drop(claimed)
        if record == starting.get(claimed.id):
            return Opened([], record, is_start=True)
        return self._move(record, after_loss(record, self._rules, now_ms))

    async def _read_for_gates(self, kvdb: FencedConnection, all_claimed: Sequence[Claimed]) -> View:
        records = [one.record for one in all_claimed if one.record is not None]
        reads = {read: None for one in records for read in self._rules.gates.reads(one)}
        if not reads:
            return {}
        _, *replies = await kvdb.ask(("WATCH", *(read[1] for read in reads)), *reads)
        return dict(zip(reads, replies, strict=True))

    def _decoded(self, document: bytes | None) -> TaskRecord | None:
        """A record, with what we know of the task's definition."""
        record = decode_if_readable(document, self._log)
        definition = None if record is None else self._definitions.get(record.task)
        if definition is None or record.state is not State.QUEUED:
            return record
        options = record.options.filled_from(definition)
        # The broker knew it as well, as a rule, and a copy takes 10 µs.
        return record if options is record.options else replace(record, options=options)

    def _start(self, record: TaskRecord, view: View, now_ms: int) -> Opened:
        verdict = self._rules.before_start(record, now_ms)
        if verdict.state is not State.RUNNING:
            after = record.moved_to(
                verdict.state, now_ms, detail=verdict.detail, due_at_ms=verdict.due_at_ms
            )
            return self._move(record, after)
        passed = self._rules.gates.pass_through(record, view, now_ms)
        if isinstance(passed, TurnedAway):
            return self._turned_away(record, passed)
        after = record.moved_to(
            State.RUNNING,
            now_ms,
            worker=self._worker,
            session=self._session,
            attempts=record.attempts + 1,
            started_at_ms=now_ms,
            output=None,
        )
        commands = commands_to_move(record, after, self._session)
        return Opened([*commands, *passed], after, is_start=True)

    def _turned_away(self, record: TaskRecord, turned_away: TurnedAway) -> Opened:
        after = turned_away.after
        commands = [*commands_to_move(record, after, self._session), *turned_away.commands]
        if after is record:
            return Opened(commands, is_put_back=True)
        return Opened(commands, after)

    def _move(self, before: TaskRecord, after: TaskRecord) -> Opened:
        return Opened(commands_to_move(before, after, self._session), after)

    def _drop(self, claimed: Claimed) -> Opened:
        return Opened(commands_to_drop(claimed.id, self._session))
