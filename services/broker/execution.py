"""The attempt under way, for the code inside a task: who am I, and how far have I come.

    @task
    def convert(path: str) -> None:
        for page, total in pages_of(path):
            progress(page / total, f"page {page} of {total}")

A report goes from the child to its worker, which stores it beside the record and tells whoever
listens (see `progress.py`). Reports are told at most `REPORTS_PER_S` times a second, and the last
one is never the one that is dropped. Outside of a worker `progress` does nothing, so a task can be
called as the function that it is.
# Real: update_state(state="PROGRESS") in Celery, job.meta in RQ.
"""

import contextlib
import contextvars
from collections.abc import Callable, Iterator
from dataclasses import dataclass

MAX_MESSAGE_CHARACTERS = 200
REPORTS_PER_S = 10

Report = Callable[[float, str], None]


class SoftTimeout(Exception):
    """Raised inside a task when its `soft_timeout` is over: time to clean up, and to end."""


def _to_nobody(fraction: float, message: str) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Execution:
    """One attempt at one task."""

    task_id: str
    attempt: int
    report: Report = _to_nobody
    """Tells the worker how far it has come."""


_current: contextvars.ContextVar[Execution] = contextvars.ContextVar("execution")


def current_task() -> Execution | None:
    """The attempt that this code is running in; None outside of a worker."""
    return _current.get(None)


@contextlib.contextmanager
def executing(execution: Execution) -> Iterator[None]:
    """Let `current_task` be this attempt in the block."""
    token = _current.set(execution)
    try:
        yield
    finally:
        _current.reset(token)


def progress(fraction: float, message: str = "") -> None:
    """Say how far the task has come, from 0 to 1, and what it does. Raises ValueError."""
    if isinstance(fraction, bool) or not isinstance(fraction, int | float):
        raise ValueError(f"progress is a number from 0 to 1, not {fraction!r}")
    if not 0 <= fraction <= 1:
        raise ValueError(f"progress goes from 0 to 1, {fraction!r} is beyond")
    execution = current_task()
    if execution is not None:
        execution.report(float(fraction), str(message)[:MAX_MESSAGE_CHARACTERS])
