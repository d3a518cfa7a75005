"""Once: a submission that gives a task which exists already, instead of a second one.

Two rules want that. An idempotency key (`idempotency`) stands for one submission, whatever becomes
of its task. A task that is unique (`uniqueness`) is not submitted again while the first one is not
finished. Both come down to a key in kvdb that holds the id of a task, and for how long:

    tasks:idempotent:KEY, tasks:unique:HASH   string   the id of the task; expires

The submission watches these keys. So of two clients that submit the same at the same moment one
submits, and the other finds what the first one did.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.broker import keys
from services.broker.places import commands_to_create
from services.broker.task_record import TaskRecord, decode_record
from services.kvdb.client import Command

Execute = Callable[..., object]


@dataclass(frozen=True, slots=True)
class Once:
    """One reason for which a submission may give a task that exists."""

    key: str
    """In kvdb."""
    kept_ms: int
    is_until_end: bool
    """A task that is finished is no reason any more."""

    def holds_for(self, task: TaskRecord) -> bool:
        return not (self.is_until_end and task.state.is_final)


def keys_of(reasons: Iterable[Sequence[Once]]) -> list[str]:
    """The keys that these submissions depend on."""
    return list(dict.fromkeys(once.key for several in reasons for once in several))


def known_tasks(names: Sequence[str], execute: Execute) -> dict[str, TaskRecord]:
    """The task of each key that has one."""
    ids = execute("MGET", *names)
    found = [(name, task_id) for name, task_id in zip(names, ids, strict=True) if task_id]
    if not found:
        return {}
    documents = execute("MGET", *(keys.record(task_id.decode()) for _, task_id in found))
    return {
        name: decode_record(document)
        for (name, _), document in zip(found, documents, strict=True)
        if document is not None
    }


def plan(
    records: Sequence[TaskRecord],
    reasons: Sequence[Sequence[Once]],
    known: Mapping[str, TaskRecord],
) -> tuple[list[TaskRecord], list[Command]]:
    """The task of each submission, new or known, and the commands that create the new ones."""
    tasks: list[TaskRecord] = []
    commands: list[Command] = []
    by_key = dict(known)
    for record, several in zip(records, reasons, strict=True):
        found = (by_key[once.key] for once in several if _is_known(once, by_key))
        task = next(found, record)
        tasks.append(task)
        if task is record:
            commands += commands_to_create(record)
            commands += [("SET", once.key, record.id, "PX", once.kept_ms) for once in several]
            by_key.update((once.key, record) for once in several)
    return tasks, commands


def _is_known(once: Once, by_key: Mapping[str, TaskRecord]) -> bool:
    return once.key in by_key and once.holds_for(by_key[once.key])
