"""The task queue as the broker sees it: submit, look up, cancel, retry.

Stateless: everything is in kvdb, and two brokers may do the same at the same time. Each change
of an existing task is optimistic: read the record under WATCH, make the next one, commit; where
somebody else was faster (a worker has just started it), look again and decide anew.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from services.broker import keys, once
from services.broker.announcer import Announcer
from services.broker.batch import Change
from services.broker.clock import Clock
from services.broker.conflicts import MAX_CONFLICTS, TooManyConflicts
from services.broker.creation import Creation, reasons_for_once
from services.broker.merging import merged
from services.broker.once import Once
from services.broker.places import commands_to_create, commands_to_move
from services.broker.progress import Progress, decode_stored
from services.broker.states import IllegalTransition, State
from services.broker.submission import Submission, expiry_ms
from services.broker.task_record import TaskRecord, decode_record
from services.kvdb.client import Command, KVClient

CANCEL_ORDER_MS = 24 * 3600 * 1000


class NoSuchTask(LookupError):
    """There is no record of that id: never was, or no longer."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What is to be seen of a task."""

    record: TaskRecord
    progress: Progress | None

    @property
    def state(self) -> State:
        return self.record.state


class TaskQueue:
    """What the HTTP API does to tasks; for any thread. Raises ConnectionLost without kvdb."""

    def __init__(
        self,
        kv: KVClient,
        announcer: Announcer,
        clock_ms: Clock,
        expect: Callable[[Iterable[str]], None] = lambda ids: None,
    ):
        """`expect` is told the ids of new tasks just before they are stored."""
        self._kv = kv
        self._creation = Creation(kv)
        self._announcer = announcer
        self._clock_ms = clock_ms
        self._expect = expect

    def get(self, task_id: str) -> TaskRecord:
        """The task's record. Raises NoSuchTask."""
        return _record_of(task_id, self._kv.execute("GET", keys.record(task_id)))

    def look(self, task_id: str) -> Sight:
        """The task's record, and how far it says it has come. Raises NoSuchTask."""
        document, report = self._kv.execute("MGET", keys.record(task_id), keys.progress(task_id))
        return Sight(_record_of(task_id, document), decode_stored(report))

    def progress(self, task_id: str) -> Progress | None:
        """How far a task says it has come; None where it has said nothing."""
        return decode_stored(self._kv.execute("GET", keys.progress(task_id)))

    def submit(self, submissions: Sequence[Submission]) -> list[tuple[TaskRecord, bool]]:
        """All of them or none. The task of each, and whether it is a new one.

        It is not where another one was submitted with the same idempotency key, or where the
        task is unique and another one with the same arguments waits or runs.
        """
        records = self._creation.new_records(submissions, self._clock_ms())
        self._expect(record.id for record in records)
        reasons = list(map(reasons_for_once, submissions, records))
        if any(reasons):
            return self._create_once(records, reasons)
        self._create(records)
        return [(record, True) for record in records]

    def cancel(self, task_id: str) -> TaskRecord:
        """Cancel a task that waits; order the worker of a running one to stop it.

        Returns the record, which in the second case is still running. Raises NoSuchTask, and
        IllegalTransition for a task that is finished.
        """
        record = self._change(task_id, cancelled)
        if record.state is State.RUNNING:
            self._announcer.order_cancel(task_id)
        return record

    def retry(self, task_id: str) -> TaskRecord:
        """Queue a task again that failed, died, expired or was cancelled, with all its retries.

        Raises NoSuchTask, and IllegalTransition for any other task.
        """
        return self._change(task_id, requeued)

    def _create(self, records: Sequence[TaskRecord]) -> None:
        """Store new tasks, and tell the workers."""
        commands = merged(one for record in records for one in commands_to_create(record))
        if [record.state for record in records] == [State.QUEUED]:
            # A wake-up goes by way of pub/sub and a worker, and reaches kvdb after the task. So it
            # need not wait for the answer; and a worker that comes too early comes again.
            self._kv.transaction(*commands, meanwhile=lambda: self._announcer.announce(records))
            return
        self._kv.transaction(*commands)
        self._announcer.announce(records)

    def _create_once(
        self, records: Sequence[TaskRecord], reasons: Sequence[Sequence[Once]]
    ) -> list[tuple[TaskRecord, bool]]:
        """The same, where a task may exist already that is to be taken instead."""
        names = once.keys_of(reasons)
        new_ids = {record.id for record in records}
        for _ in range(MAX_CONFLICTS):
            with self._kv.watch(*names) as watch:
                known = once.known_tasks(names, watch.execute)
                tasks, commands = once.plan(records, reasons, known)
                if watch.commit(*merged(commands)) is not None:
                    outcome = [(task, task.id in new_ids) for task in tasks]
                    self._announcer.announce(task for task, is_new in outcome if is_new)
                    return outcome
        raise TooManyConflicts("others keep submitting the same")

    def _change(
        self,
        task_id: str,
        decide: Callable[[TaskRecord, int], Change],
    ) -> TaskRecord:
        """Read, decide, commit; again where the task has changed in between."""
        for _ in range(MAX_CONFLICTS):
            with self._kv.watch(keys.record(task_id)) as watch:
                before = _record_of(task_id, watch.execute("GET", keys.record(task_id)))
                change = decide(before, self._clock_ms())
                if watch.commit(*change.commands) is not None:
                    if change.after is not None:
                        self._announcer.announce([change.after])
                    return change.after or before
        raise TooManyConflicts(f"others keep changing the task {task_id}")


def cancelled(record: TaskRecord, now_ms: int) -> Change:
    """Cancel what waits, order the worker to stop what runs. Raises IllegalTransition."""
    if record.state is State.RUNNING:
        return Change([command_to_order_cancel(record.id)])
    after = record.moved_to(State.CANCELLED, now_ms)
    return Change(commands_to_move(record, after), after)


def command_to_order_cancel(task_id: str) -> Command:
    """The order that every worker obeys, before the next start of the task and while it runs."""
    return ("SET", keys.cancel(task_id), "1", "PX", CANCEL_ORDER_MS)


def requeued(record: TaskRecord, now_ms: int) -> Change:
    """Queue a finished task again, as if it had just been submitted. Raises IllegalTransition."""
    if not record.state.is_final:
        # Handing back is what a worker does, and no affair of a person.
        raise IllegalTransition(record.state, State.QUEUED)
    after = replace(
        record.moved_to(State.QUEUED, now_ms, detail="retried by hand"),
        failures=0,
        losses=0,
        error=None,
        expires_at_ms=expiry_ms(record.options, now_ms),
        finished_at_ms=None,
    )
    return Change([*commands_to_move(record, after), ("DEL", keys.cancel(record.id))], after)


def _record_of(task_id: str, document: bytes | None) -> TaskRecord:
    if document is None:
        raise NoSuchTask(task_id)
    return decode_record(document)
