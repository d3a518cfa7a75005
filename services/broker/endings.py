"""Endings: the records of tasks whose attempts have ended, as the session is to store them.

What becomes of a task, its record and the rules say (`outcomes`). But it may have been cancelled
while it ran, and the order may come too late to stop the attempt: where another one would follow,
the task is cancelled instead. The orders are read under WATCH, so one that comes between the
reading and the transaction makes that fail, and is seen the next time; and whoever cancels a task
does so under WATCH of its record. So of the two one always sees the other.
"""

import random
from collections.abc import Mapping, Sequence

from services.broker import keys
from services.broker.fence import FencedConnection
from services.broker.middleware import Rules
from services.broker.outcomes import Outcome, after_outcome, cancelled_instead
from services.broker.task_record import TaskRecord


async def endings(
    kvdb: FencedConnection,
    held: Mapping[str, TaskRecord],
    outcomes: Mapping[str, Outcome],
    rules: Rules,
    now_ms: int,
) -> list[tuple[TaskRecord, TaskRecord]]:
    """Of each task that is held and has ended, the record before and after."""
    ended = [
        (before, after_outcome(before, outcomes[task_id], rules, now_ms, random.random()))
        for task_id, before in held.items()
        if task_id in outcomes
    ]
    to_go_on = [before.id for before, after in ended if not after.state.is_final]
    unwanted = await _unwanted(kvdb, to_go_on)
    return [
        (before, cancelled_instead(before, after, now_ms) if before.id in unwanted else after)
        for before, after in ended
    ]


async def _unwanted(kvdb: FencedConnection, ids: Sequence[str]) -> set[str]:
    """Those that somebody has cancelled."""
    if not ids:
        return set()
    names = [keys.cancel(task_id) for task_id in ids]
    _, orders = await kvdb.ask(("WATCH", *names), ("MGET", *names))
    return {task_id for task_id, order in zip(ids, orders, strict=True) if order is not None}
