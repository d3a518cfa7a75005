"""Idempotency keys: submitting the same thing twice gives the same task.

A client that did not hear the answer to its submission cannot know whether the task exists. With
a key of its own choosing it may simply ask again: while the task that was first submitted under
that key is known, the answer is that task, and nothing is submitted. `tasks:idempotent:KEY`
holds the task's id. The submission watches it, so of two clients with the same key at the same
moment one submits, and the other finds what the first one did.
# Real: the Idempotency-Key header of payment APIs; `enqueue_in … unique` of Sidekiq Enterprise.
"""

from collections.abc import Callable, Mapping, Sequence

from services.broker import keys
from services.broker.places import commands_to_create
from services.broker.submission import Submission
from services.broker.task_record import TaskRecord, decode_record
from services.kvdb.client import Command

KEPT_MS = 24 * 3600 * 1000

Execute = Callable[..., object]


def keys_of(submissions: Sequence[Submission]) -> list[str]:
    """The keys in kvdb that these submissions depend on."""
    given = (one.idempotency_key for one in submissions if one.idempotency_key)
    return list(dict.fromkeys(map(keys.idempotent, given)))


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
    submissions: Sequence[Submission],
    records: Sequence[TaskRecord],
    known: Mapping[str, TaskRecord],
) -> tuple[list[TaskRecord], list[Command]]:
    """The task of each submission, new or known, and the commands that create the new ones."""
    tasks: list[TaskRecord] = []
    commands: list[Command] = []
    by_key = dict(known)
    for submission, record in zip(submissions, records, strict=True):
        name = keys.idempotent(submission.idempotency_key) if submission.idempotency_key else None
        if name is not None and name in by_key:
            tasks.append(by_key[name])
            continue
        tasks.append(record)
        commands += commands_to_create(record)
        if name is not None:
            by_key[name] = record
            commands.append(("SET", name, record.id, "PX", KEPT_MS))
    return tasks, commands
