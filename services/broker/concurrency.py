"""Concurrency limits: of the tasks with one key so many run at the same time, and no more.

    tasks:slots:KEY   the tasks that hold a slot, because they run
    tasks:lane:KEY    the tasks that wait for one, the highest priority and the oldest first

A task takes its slot in the transaction that starts it. When all are taken, it goes into the lane
of its key, out of the way of the others of its queue. Whatever ends its run (a result, a failure,
the loss of its worker, a hand-back) gives the slot back in the same transaction, so there is no
slot without a task that runs; and it notes the key, so that the scheduler moves the next ones
from the lane into their queues again (`lanes`).
# Real: concurrency keys of GitHub Actions, Oban Pro and Inngest; Celery has none.
"""

from collections.abc import Sequence

from services.broker import keys
from services.broker.gates import Gate, TurnedAway, View
from services.broker.states import State
from services.broker.task_record import TaskRecord
from services.kvdb.client import Command


class ConcurrencyLimits(Gate):
    """Lets a task start when a slot of its key is free."""

    def reads(self, record: TaskRecord) -> Sequence[Command]:
        key = record.options.slot_key(record.task)
        return () if key is None else (_read(key),)

    def check(self, record: TaskRecord, view: View, now_ms: int) -> TurnedAway | None:
        key = record.options.slot_key(record.task)
        if key is None or len(view[_read(key)]) < (record.options.concurrency_limit or 1):
            return None
        return TurnedAway(record.waiting_in(key, now_ms, f"all slots of {key!r} are taken"))

    def enter(self, record: TaskRecord, view: View, now_ms: int) -> Sequence[Command]:
        key = record.options.slot_key(record.task)
        if key is None:
            return ()
        view[_read(key)] = [*view[_read(key)], record.id.encode()]
        return (("SADD", keys.slots(key), record.id),)


def _read(key: str) -> Command:
    return ("SMEMBERS", keys.slots(key))


def commands_to_release(before: TaskRecord, after: TaskRecord) -> list[Command]:
    """What a step of a task does to the slots of its key."""
    key = before.options.slot_key(before.task)
    if key is None or after.state is State.RUNNING or after.lane is not None:
        return []
    if before.state is State.RUNNING:
        return [("SREM", keys.slots(key), before.id), ("SADD", keys.RELEASED, key)]
    if before.state is State.QUEUED and after.state is not State.QUEUED:
        # It may have been moved out of its lane for a slot that the next one can have now.
        return [("SADD", keys.RELEASED, key)]
    return []
