"""The task queue as the broker sees it: submit, look up, cancel, retry.

Stateless: everything is in kvdb, and two brokers may do the same at the same time. Each change
of an existing task is optimistic: read the record under WATCH, make the next one, commit; where
somebody else was faster (a worker has just started it), look again and decide anew.
"""

import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace

from services.broker import idempotency, keys
from services.broker.events import Announcer
from services.broker.places import commands_to_create, commands_to_move
from services.broker.states import IllegalTransition, State
from services.broker.submission import Submission, expiry_ms, new_record
from services.broker.task_options import OptionError, TaskOptions, parse_options
from services.broker.task_record import TaskRecord, decode_record, new_task_id
from services.kvdb.client import Command, KVClient

MAX_CONFLICTS = 100
CANCEL_ORDER_MS = 24 * 3600 * 1000


class NoSuchTask(LookupError):
    """There is no record of that id: never was, or no longer."""


class TooManyConflicts(Exception):
    """A change that does not get through, because others keep changing the same keys."""


class TaskQueue:
    """What the HTTP API does to tasks; for any thread. Raises ConnectionLost without kvdb."""

    def __init__(self, kv: KVClient, announcer: Announcer, clock_ms: Callable[[], int]):
        self._kv = kv
        self._announcer = announcer
        self._clock_ms = clock_ms

    def get(self, task_id: str) -> TaskRecord:
        """The task's record. Raises NoSuchTask."""
        return _record_of(task_id, self._kv.execute("GET", keys.record(task_id)))

    def submit(self, submissions: Sequence[Submission]) -> list[tuple[TaskRecord, bool]]:
        """All of them or none. The task of each, and whether it is a new one.

        It is not where another one was submitted with the same idempotency key.
        """
        definitions = self._definitions({one.task for one in submissions})
        now_ms = self._clock_ms()
        records = [
            new_record(one, definitions.get(one.task), _new_id(now_ms), now_ms)
            for one in submissions
        ]
        tasks = self._create(submissions, records)
        new_ids = {record.id for record in records}
        outcome = [(task, task.id in new_ids) for task in tasks]
        self._announcer.announce(task for task, is_new in outcome if is_new)
        return outcome

    def cancel(self, task_id: str) -> TaskRecord:
        """Cancel a task that waits; order the worker of a running one to stop it.

        Returns the record, which in the second case is still running. Raises NoSuchTask, and
        IllegalTransition for a task that is finished.
        """

        def cancelled(record: TaskRecord, now_ms: int) -> tuple[TaskRecord, list[Command]]:
            if record.state is State.RUNNING:
                order = ("SET", keys.cancel(task_id), "1", "PX", CANCEL_ORDER_MS)
                return record, [order]
            after = record.moved_to(State.CANCELLED, now_ms)
            return after, commands_to_move(record, after)

        record = self._change(task_id, cancelled)
        if record.state is State.RUNNING:
            self._announcer.order_cancel(task_id)
        return record

    def retry(self, task_id: str) -> TaskRecord:
        """Queue a task again that failed, died, expired or was cancelled, with all its retries.

        Raises NoSuchTask, and IllegalTransition for any other task.
        """

        def queued(record: TaskRecord, now_ms: int) -> tuple[TaskRecord, list[Command]]:
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
            return after, [*commands_to_move(record, after), ("DEL", keys.cancel(task_id))]

        return self._change(task_id, queued)

    def _create(
        self, submissions: Sequence[Submission], records: Sequence[TaskRecord]
    ) -> list[TaskRecord]:
        names = idempotency.keys_of(submissions)
        if not names:
            self._kv.transaction(*(c for record in records for c in commands_to_create(record)))
            return list(records)
        for _ in range(MAX_CONFLICTS):
            with self._kv.watch(*names) as watch:
                known = idempotency.known_tasks(names, watch.execute)
                tasks, commands = idempotency.plan(submissions, records, known)
                if watch.commit(*commands) is not None:
                    return tasks
        raise TooManyConflicts("others keep submitting with the same idempotency key")

    def _change(
        self,
        task_id: str,
        decide: Callable[[TaskRecord, int], tuple[TaskRecord, list[Command]]],
    ) -> TaskRecord:
        """Read, decide, commit; again where the task has changed in between."""
        for _ in range(MAX_CONFLICTS):
            with self._kv.watch(keys.record(task_id)) as watch:
                before = _record_of(task_id, watch.execute("GET", keys.record(task_id)))
                after, commands = decide(before, self._clock_ms())
                if watch.commit(*commands) is not None:
                    if after is not before:
                        self._announcer.announce([after])
                    return after
        raise TooManyConflicts(f"others keep changing the task {task_id}")

    def _definitions(self, names: set[str]) -> dict[str, TaskOptions]:
        """What workers have announced of these tasks; nothing of those that none knows."""
        ordered = sorted(names)
        documents = self._kv.execute("HMGET", keys.DEFINITIONS, *ordered)
        return {
            name: definition
            for name, document in zip(ordered, documents, strict=True)
            if document is not None and (definition := _definition(document)) is not None
        }


def _record_of(task_id: str, document: bytes | None) -> TaskRecord:
    if document is None:
        raise NoSuchTask(task_id)
    return decode_record(document)


def _definition(document: bytes) -> TaskOptions | None:
    """None for one that a newer or older version of the worker has announced."""
    try:
        return parse_options(json.loads(document))
    except (ValueError, OptionError, AttributeError):
        return None


def _new_id(now_ms: int) -> str:
    return new_task_id(now_ms, secrets.randbits(80))
