"""Changes of many tasks, a batch at a time: read under WATCH, decide for each, commit all at once.

Where somebody else changes one task of a batch at the same moment, nothing of the batch is done,
and its tasks are taken one by one; one that is in a conflict even then waits for the next time.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice

from services.broker import keys
from services.broker.merging import merged
from services.broker.task_record import TaskRecord, decode_if_readable
from services.common.logs import Log
from services.kvdb.client import Command, KVClient

BATCH = 100


@dataclass(slots=True)
class Change:
    """What is done about one task: commands, and the record after its step, where it makes one."""

    commands: list[Command] = field(default_factory=list)
    after: TaskRecord | None = None


Decide = Callable[[str, TaskRecord | None], Change]
"""From an id and its record, None where there is none, to what is done about it."""


def change_each(
    kv: KVClient, ids: Iterable[str], decide: Decide, log: Log
) -> Iterable[list[Change]]:
    """Change all these tasks; what was really done, batch by batch."""
    rest = iter(ids)
    while batch := list(islice(rest, BATCH)):
        done = _change_batch(kv, batch, decide, log)
        if done is not None:
            yield done
            continue
        for task_id in batch:
            yield _change_batch(kv, [task_id], decide, log) or []


def _change_batch(
    kv: KVClient, ids: Sequence[str], decide: Decide, log: Log
) -> list[Change] | None:
    """None where others changed one of them, and nothing was done."""
    names = [keys.record(task_id) for task_id in ids]
    with kv.watch(*names) as watch:
        found = watch.execute("MGET", *names)
        changes = [
            decide(task_id, decode_if_readable(document, log))
            for task_id, document in zip(ids, found, strict=True)
        ]
        commands = [command for change in changes for command in change.commands]
        if commands and watch.commit(*merged(commands)) is None:
            return None
        return changes
