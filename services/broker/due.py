"""What is due: tasks whose time has come are queued, and those that nobody started in time expire.

Both follow from an index by time, `tasks:due` and `tasks:expiring`. An entry says only where to
look; the record decides, and an entry that its task has left behind is taken away.
"""

from collections.abc import Callable, Iterable

from services.broker import expiry, keys
from services.broker.batch import BATCH, Change, change_each
from services.broker.clock import Clock
from services.broker.places import commands_to_move
from services.broker.states import State
from services.broker.task_record import TaskRecord
from services.common.logs import Log
from services.kvdb.client import KVClient

MAX_BATCHES = 50
"""In one go; other duties have to be done in between."""

Announce = Callable[[Iterable[TaskRecord]], None]


class DueTasks:
    """Two duties of the scheduler."""

    def __init__(self, kv: KVClient, announce: Announce, clock_ms: Clock, log: Log):
        self._kv = kv
        self._announce = announce
        self._clock_ms = clock_ms
        self._log = log

    def queue(self) -> None:
        """Scheduled and retrying tasks whose time has come go to their queues."""

        def queued(record: TaskRecord, now_ms: int) -> TaskRecord | None:
            if not record.state.is_waiting_for_time:
                return None
            if record.has_expired(now_ms):
                return record.moved_to(State.EXPIRED, now_ms, detail=expiry.REASON)
            return record.moved_to(State.QUEUED, now_ms)

        self._move_all(keys.DUE, queued)

    def expire(self) -> None:
        """Tasks that wait for a worker, or for a time, longer than anybody wants them."""

        def expired(record: TaskRecord, now_ms: int) -> TaskRecord | None:
            if not (record.state.is_before_start and record.has_expired(now_ms)):
                return None
            return record.moved_to(State.EXPIRED, now_ms, detail=expiry.REASON)

        self._move_all(keys.EXPIRING, expired)

    def _move_all(self, index: str, decide: Callable[[TaskRecord, int], TaskRecord | None]) -> None:
        """Apply `decide` to every task of a time index whose time has come, batch by batch."""
        for _ in range(MAX_BATCHES):
            now_ms = self._clock_ms()
            found = self._kv.execute("ZRANGEBYSCORE", index, "-inf", now_ms, "LIMIT", 0, BATCH)
            if not found:
                return

            def change(task_id: str, before: TaskRecord | None, now_ms: int = now_ms) -> Change:
                after = None if before is None else decide(before, now_ms)
                if after is None:
                    # Vanished, or an entry that its task has left behind.
                    return Change([("ZREM", index, task_id)])
                return Change(commands_to_move(before, after), after)

            ids = [task_id.decode("utf-8", "replace") for task_id in found]
            for done in change_each(self._kv, ids, change, self._log):
                self._announce([one.after for one in done if one.after is not None])
