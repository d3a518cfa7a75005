"""Waiting for a task, or a workflow, to finish: woken by its event, never by asking repeatedly.

`wait` notes the task first and reads its record then, so an event in between is not missed. A
connection to pub/sub that was lost may have swallowed events, so whenever the subscriptions stand
again, everybody who waits looks at the record once.
"""

import threading
import time
from collections.abc import Callable

from services.broker.events import Event
from services.broker.task_record import TaskRecord
from services.broker.workflow_record import WorkflowRecord

Record = TaskRecord | WorkflowRecord


class TooManyWaiting(Exception):
    """Each waiting request takes a thread; so many are enough."""


class Waiting:
    """Requests that wait, by the id of what they wait for."""

    def __init__(self, get: Callable[[str], Record], max_waiting: int):
        """`get` reads a record; its exceptions reach whoever waits."""
        self._get = get
        self._max_waiting = max_waiting
        self._lock = threading.Lock()
        self._count = 0
        self._waiting: dict[str, list[threading.Event]] = {}
        self._closed = False

    def wait(self, task_id: str, timeout_s: float) -> Record:
        """The record once it is final, or as it is after `timeout_s`."""
        deadline_s = time.monotonic() + timeout_s
        woken = threading.Event()
        self._enter(task_id, woken)
        try:
            while True:
                woken.clear()
                record = self._get(task_id)
                left_s = deadline_s - time.monotonic()
                if record.state.is_final or self._closed or left_s <= 0:
                    return record
                woken.wait(left_s)
        finally:
            self._leave(task_id, woken)

    def on_event(self, event: Event) -> None:
        """A task has made a step."""
        if event.state.is_final:
            self.on_finished(event.id)

    def on_finished(self, task_id: str) -> None:
        """A task or workflow has come to its end."""
        with self._lock:
            woken = list(self._waiting.get(task_id, ()))
        for one in woken:
            one.set()

    def look_all(self) -> None:
        """Events may have been missed: everybody looks once."""
        with self._lock:
            woken = [one for group in self._waiting.values() for one in group]
        for one in woken:
            one.set()

    def close(self) -> None:
        """Nobody waits any more: the service stops."""
        self._closed = True
        self.look_all()

    def _enter(self, task_id: str, woken: threading.Event) -> None:
        with self._lock:
            if self._count >= self._max_waiting:
                raise TooManyWaiting
            self._count += 1
            self._waiting.setdefault(task_id, []).append(woken)

    def _leave(self, task_id: str, woken: threading.Event) -> None:
        with self._lock:
            self._count -= 1
            group = self._waiting[task_id]
            group.remove(woken)
            if not group:
                del self._waiting[task_id]
