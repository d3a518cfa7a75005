"""Waiting for a task on a terminal: one line that moves, and vanishes when the task has ended.

    ███████████▌············  48%  resize  running  page 12 of 25  6.2 s

The broker is asked to answer when the task has ended, or after a moment, whichever comes first; so
the end is shown at once, and the way to it some times a second.
"""

import time
from collections.abc import Callable
from typing import Any, TextIO

from services.broker.result import TaskDocument, is_finished

REFRESH_S = 0.25
WIDTH = 24
_PARTS = " ▏▎▍▌▋▊▉█"
_CLEAR_LINE = "\r\x1b[K"


def wait_with_bar(
    wait_once: Callable[[str, float], TaskDocument],
    task_id: str,
    timeout_s: float | None,
    out: TextIO,
    columns: int,
) -> TaskDocument:
    """The task when it is finished, or as it is after `timeout_s`; draws on `out` meanwhile."""
    started_s = time.monotonic()
    deadline_s = float("inf") if timeout_s is None else started_s + timeout_s
    try:
        while True:
            left_s = max(0.0, deadline_s - time.monotonic())
            task = wait_once(task_id, min(REFRESH_S, left_s))
            now_s = time.monotonic()
            if is_finished(task) or now_s >= deadline_s:
                return task
            out.write(_CLEAR_LINE + line(task, now_s - started_s)[: columns - 1])
            out.flush()
    finally:
        out.write(_CLEAR_LINE)
        out.flush()


def line(task: dict[str, Any], elapsed_s: float) -> str:
    """What is shown of a task that has not ended."""
    told = task.get("progress") if task["state"] == "running" else None
    parts = [bar(told["fraction"]), f"{told['fraction']:4.0%}"] if told else []
    parts += [task["task"], task["state"]]
    if told and told["message"]:
        parts.append(told["message"])
    shown = "  ".join([*parts, f"{elapsed_s:.1f} s"])
    return "".join(one if one.isprintable() else " " for one in shown)


def bar(fraction: float, width: int = WIDTH) -> str:
    """A bar of blocks, to an eighth of one."""
    eighths = round(min(1.0, max(0.0, fraction)) * width * 8)
    full, part = divmod(eighths, 8)
    drawn = "█" * full + (_PARTS[part] if part else "")
    return drawn + "·" * (width - len(drawn))
