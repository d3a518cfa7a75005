"""Lanes: tasks that wait for a slot of their concurrency key, and who moves them on.

`concurrency` puts tasks there. The scheduler moves the first ones of a lane into their queues
again, in front, when a slot is free:

- as soon as a key has lost a holder (`tasks:released`), which an event tells;
- every few seconds for every lane: nothing depends on an event, and the task that was moved may
  lie in a queue that is paused while others of its lane need not wait.

A task that was moved holds no slot yet. Where another one is faster, it goes back to its place in
the lane, which follows from its priority and age.
"""

from collections.abc import Callable
from dataclasses import replace

from services.broker import keys
from services.broker.merging import merged
from services.broker.places import commands_to_move
from services.broker.task_record import TaskRecord, decode_if_readable
from services.common.logs import Log
from services.kvdb.client import KVClient


class Lanes:
    """Moves tasks out of their lanes; a duty of the scheduler."""

    def __init__(self, kv: KVClient, log: Log):
        self._kv = kv
        self._log = log

    def move_released(self) -> list[TaskRecord]:
        """For every key that has lost a holder; the tasks that are queued now."""
        return self._move(keys.RELEASED)

    def move_all(self) -> list[TaskRecord]:
        """For every lane, in case that somebody was overlooked."""
        return self._move(keys.LANES)

    def _move(self, index: str) -> list[TaskRecord]:
        moved = []
        for name in self._kv.execute("SMEMBERS", index):
            moved += self._move_next(name.decode("utf-8", "replace"))
        return moved

    def _move_next(self, key: str) -> list[TaskRecord]:
        """As many from one lane as there are slots; none where others interfere: later, then."""
        slots, lane = keys.slots(key), keys.lane(key)
        with self._kv.watch(slots, lane) as watch:
            taken = watch.execute("SCARD", slots)
            ids = watch.execute("ZRANGE", lane, 0, 0)
            if not ids:
                watch.commit(("SREM", keys.RELEASED, key), ("SREM", keys.LANES, key))
                return []
            (first,) = self._records(watch.execute, ids)
            if first is None:
                # An id without a record: the task was deleted by somebody else.
                watch.commit(("ZREM", lane, *ids))
                return []
            free = (first.options.concurrency_limit or 1) - taken
            steps = []
            if free > 0:
                ids = watch.execute("ZRANGE", lane, 0, free - 1)
                waiting = self._records(watch.execute, ids)
                steps = [(task, replace(task, lane=None)) for task in waiting if task is not None]
            commands = [command for step in steps for command in commands_to_move(*step)]
            if watch.commit(*merged(commands), ("SREM", keys.RELEASED, key)) is None:
                return []
            return [after for _, after in steps]

    def _records(self, execute: Callable[..., object], ids: list[bytes]) -> list[TaskRecord | None]:
        """These tasks, watched; None for one that does not wait in a lane."""
        names = [keys.record(task_id.decode("utf-8", "replace")) for task_id in ids]
        execute("WATCH", *names)
        found = (decode_if_readable(one, self._log) for one in execute("MGET", *names))
        return [task if task and task.lane is not None else None for task in found]
