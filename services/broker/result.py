"""Results as futures: what a program holds that has submitted a task.

    result = resize.delay("cat.png", width=200)
    result.get(timeout=10)        the value, or the exception of the task

`get` is woken, it never asks again and again: see `waiting`, which is behind it in the broker and
in `store_client` alike. It notes that it waits first and reads the record then, so a task that
finished before `get` was called is as good as one that finishes later.

    the task                      get() raises
    ───────────────────────────   ─────────────────────────────────────────────────────────────
    failed, dead                  TaskFailed, with the traceback from the worker as a note
    cancelled                     TaskCancelled
    expired                       TaskExpired
    is not finished in time       TimeoutError; the task goes on, and `get` may be called again

A broker that restarts meanwhile is waited for: the task is none the worse for it.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from services.broker.errors import BrokerError
from services.broker.progress import Progress
from services.broker.states import FINAL
from services.broker.task_options import timestamp_ms
from services.common.backoff import Backoff

LONGEST_WAIT_S = 30.0
_FINAL_NAMES = frozenset(state.value for state in FINAL)

TaskDocument = dict[str, Any]
"""A task as the API shows it."""


class Queue(Protocol):
    """Who answers for a task: a broker, over HTTP, or the store itself."""

    def get(self, task_id: str) -> TaskDocument:
        """The task."""

    def wait_once(self, task_id: str, timeout_s: float) -> TaskDocument:
        """The task when it is finished, or as it is after at most `timeout_s`."""

    def cancel(self, task_id: str) -> TaskDocument:
        """Let it not run, or have it stopped."""

    def retry(self, task_id: str) -> TaskDocument:
        """Queue it again."""

    def workflow(self, workflow_id: str) -> dict[str, Any]:
        """A workflow."""

    def wait_workflow_once(self, workflow_id: str, timeout_s: float) -> dict[str, Any]:
        """The same when it is over, or as it is after at most `timeout_s`."""

    def cancel_workflow(self, workflow_id: str) -> dict[str, Any]:
        """Submit nothing more of it."""


class NoResult(Exception):
    """The task came to an end without a result; `task` is all that is known of it."""

    def __init__(self, message: str, task: TaskDocument):
        super().__init__(message)
        self.task = task


class TaskFailed(NoResult):
    """It raised, and no attempt is left. `type` is the name of the exception's class there."""

    def __init__(self, task: TaskDocument):
        error = task.get("error") or {}
        self.type = error.get("type") or "Unknown"
        self.traceback = error.get("traceback")
        super().__init__(f"{self.type}: {error.get('message') or ''}".rstrip(": "), task)
        if self.traceback:
            self.add_note(f"in {task.get('worker')}:\n{self.traceback}")


class TaskCancelled(NoResult):
    """Somebody did not want it any more."""


class TaskExpired(NoResult):
    """It had not been started by the time it expired."""


class Result:
    """The future of one task, by its id."""

    def __init__(self, queue: Queue, task_id: str):
        self._queue = queue
        self.id = task_id

    def __repr__(self) -> str:
        return f"Result({self.id!r})"

    @property
    def task(self) -> TaskDocument:
        """All that is known of the task now."""
        return self._queue.get(self.id)

    @property
    def state(self) -> str:
        return self.task["state"]

    @property
    def progress(self) -> Progress | None:
        """The last report of the attempt under way; None before the first one."""
        told = self.task.get("progress")
        if not told:
            return None
        return Progress(told["fraction"], told["message"] or "", timestamp_ms(told["at"]))

    def is_finished(self) -> bool:
        return is_finished(self.task)

    def wait(self, timeout: float | None = None) -> TaskDocument:
        """The task when it is finished, whatever came of it. Raises TimeoutError."""
        task = wait_for(self._queue, self.id, timeout)
        if not is_finished(task):
            raise TimeoutError(f"{self.id} is {task['state']} after {timeout:g} s")
        return task

    def get(self, timeout: float | None = None) -> Any:
        """What the task returned; raises what this module's table says."""
        return value_of(self.wait(timeout))

    def cancel(self) -> str:
        """Let it not run, or have it stopped; its state then, `running` until it has stopped."""
        return self._queue.cancel(self.id)["state"]

    def retry(self) -> None:
        """Queue it again, where it ended without success."""
        self._queue.retry(self.id)


class WorkflowFailed(Exception):
    """A workflow that failed, or was cancelled; `workflow` is all that is known of it."""

    def __init__(self, workflow: dict[str, Any]):
        super().__init__(workflow.get("error") or f"the workflow was {workflow['state']}")
        self.workflow = workflow


class WorkflowResult:
    """The future of a workflow, by its id."""

    def __init__(self, queue: Queue, workflow_id: str):
        self._queue = queue
        self.id = workflow_id

    def __repr__(self) -> str:
        return f"WorkflowResult({self.id!r})"

    @property
    def workflow(self) -> dict[str, Any]:
        """All that is known of it now: its state, and the tasks of its nodes."""
        return self._queue.workflow(self.id)

    @property
    def state(self) -> str:
        return self.workflow["state"]

    def get(self, timeout: float | None = None) -> Any:
        """Its value; raises WorkflowFailed, or TimeoutError."""
        workflow = _until(
            lambda left_s: self._queue.wait_workflow_once(self.id, left_s),
            _is_over,
            timeout,
        )
        if not _is_over(workflow):
            raise TimeoutError(f"{self.id} is {workflow['state']} after {timeout:g} s")
        if workflow["state"] == "succeeded":
            return workflow["result"]
        raise WorkflowFailed(workflow)

    def cancel(self) -> str:
        """Submit nothing more of it; its state then."""
        return self._queue.cancel_workflow(self.id)["state"]


def value_of(task: TaskDocument) -> Any:
    """The value of a finished task, or its exception."""
    match task["state"]:
        case "succeeded":
            return task["result"]
        case "cancelled":
            raise TaskCancelled(f"{task['task']} was cancelled", task)
        case "expired":
            raise TaskExpired(f"{task['task']} had not been started by the time it expired", task)
    raise TaskFailed(task)


def gather(results: Iterable[Result], timeout: float | None = None) -> list[Any]:
    """The values of several, in their order; raises for the first that has none."""
    deadline_s = None if timeout is None else time.monotonic() + timeout
    values = []
    for result in results:
        left_s = None if deadline_s is None else max(0.0, deadline_s - time.monotonic())
        values.append(result.get(left_s))
    return values


def wait_for(queue: Queue, task_id: str, timeout_s: float | None) -> TaskDocument:
    """The task when it is finished, or as it is after `timeout_s`; None waits for ever."""
    return _until(lambda left_s: queue.wait_once(task_id, left_s), is_finished, timeout_s)


def _until(
    wait_once: Callable[[float], dict[str, Any]],
    is_over: Callable[[dict[str, Any]], bool],
    timeout_s: float | None,
) -> dict[str, Any]:
    """What `wait_once` gives when it is over, or when the time is."""
    deadline_s = float("inf") if timeout_s is None else time.monotonic() + timeout_s
    backoff = Backoff(limit_s=2.0)
    while True:
        left_s = max(0.0, deadline_s - time.monotonic())
        try:
            answer = wait_once(min(left_s, LONGEST_WAIT_S))
        except BrokerError as error:
            if not error.may_pass or left_s <= 0:
                raise
            time.sleep(min(left_s, backoff.next_delay_s()))
            continue
        if is_over(answer) or time.monotonic() >= deadline_s:
            return answer


def is_finished(task: TaskDocument) -> bool:
    """Whether nothing more happens to it by itself."""
    return task["state"] in _FINAL_NAMES


def _is_over(workflow: dict[str, Any]) -> bool:
    return workflow["state"] != "running"
