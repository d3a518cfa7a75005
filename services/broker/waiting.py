"""Waiting for a task, or a workflow, to finish: woken by its event, never by asking repeatedly.

`wait` notes the task first and reads its record then, so an event in between is not missed. A
connection to pub/sub that was lost may have swallowed events, so whenever the subscriptions stand
again, everybody who waits looks at the record once.

Whoever waits for what he has just submitted himself need not read it first: its end is noted from
before the submission on (`expect`), which saves a trip to kvdb while the task is on its way. And
where its end brings the record along, that is taken as it is (`takes_records`): the first end that
is told of such a task is its end. Of any other task it might be an old one that came late, from
before somebody had it run again.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping

from services.broker.events import Event
from services.broker.task_queue import Sight
from services.broker.task_record import CorruptRecord, TaskRecord, record_of
from services.broker.workflow_record import WorkflowRecord

Record = TaskRecord | Sight | WorkflowRecord

MAX_EXPECTED = 1000
"""Those that were submitted last; of the others the record is read."""


class TooManyWaiting(Exception):
    """Each waiting request takes a thread; so many are enough."""


class Woken(threading.Event):
    """One who waits: set when there is a reason to look."""

    record: TaskRecord | None = None
    """What he would find."""


def _final_record(document: Mapping[str, object]) -> TaskRecord | None:
    """None for what is no record: anybody may publish."""
    try:
        record = record_of(document)
    except CorruptRecord:
        return None
    return record if record.state.is_final else None


class Waiting:
    """Requests that wait, by the id of what they wait for."""

    def __init__(
        self,
        get: Callable[[str], Record],
        max_waiting: int,
        wait_for: Callable[[threading.Event, float], object] = threading.Event.wait,
        *,
        takes_records: bool = False,
    ):
        """`get` reads a record; its exceptions reach whoever waits.

        `wait_for(event, timeout_s)` may do something useful until the event is set.
        `takes_records`: the record that an event brings is what `get` would give.
        """
        self._get = get
        self._wait_for = wait_for
        self._takes_records = takes_records
        self._max_waiting = max_waiting
        self._lock = threading.Lock()
        self._count = 0
        self._waiting: dict[str, list[Woken]] = {}
        # Ids that were submitted here, and have not ended since.
        self._expected: dict[str, None] = {}
        self._closed = False

    def expect(self, task_ids: Iterable[str]) -> None:
        """Tasks that are about to be submitted, while the subscriptions stand."""
        with self._lock:
            self._expected.update(dict.fromkeys(task_ids))
            while len(self._expected) > MAX_EXPECTED:
                del self._expected[next(iter(self._expected))]

    def wait(self, task_id: str, timeout_s: float) -> Record:
        """The record once it is final, or as it is after `timeout_s`."""
        deadline_s = time.monotonic() + timeout_s
        woken = Woken()
        is_under_way = self._enter(task_id, woken)
        try:
            if is_under_way and not self._closed:
                self._wait_for(woken, timeout_s)
            while True:
                if woken.record is not None:
                    return woken.record
                woken.clear()
                record = self._get(task_id)
                left_s = deadline_s - time.monotonic()
                if record.state.is_final or self._closed or left_s <= 0:
                    return record
                self._wait_for(woken, left_s)
        finally:
            self._leave(task_id, woken)

    def on_event(self, event: Event) -> None:
        """A task has made a step."""
        if event.state.is_final:
            self.on_finished(event.id, event.record if self._takes_records else None)

    def on_finished(self, task_id: str, document: Mapping[str, object] | None = None) -> None:
        """A task or workflow has come to its end, with this record where it was told."""
        with self._lock:
            is_first_end = task_id in self._expected
            self._expected.pop(task_id, None)
            woken = list(self._waiting.get(task_id, ()))
        for one in woken:
            if is_first_end and document is not None:
                one.record = _final_record(document)
            one.set()

    def look_all(self) -> None:
        """Events may have been missed: everybody looks once."""
        with self._lock:
            self._expected.clear()
            woken = [one for group in self._waiting.values() for one in group]
        for one in woken:
            one.set()

    def close(self) -> None:
        """Nobody waits any more: the service stops."""
        self._closed = True
        self.look_all()

    def _enter(self, task_id: str, woken: Woken) -> bool:
        """Note somebody who waits; whether the task is known not to have ended."""
        with self._lock:
            if self._count >= self._max_waiting:
                raise TooManyWaiting
            self._count += 1
            self._waiting.setdefault(task_id, []).append(woken)
            return task_id in self._expected

    def _leave(self, task_id: str, woken: Woken) -> None:
        with self._lock:
            self._count -= 1
            group = self._waiting[task_id]
            group.remove(woken)
            if not group:
                del self._waiting[task_id]
