"""What a process has started, and what those have started in turn.

A process group is not enough for that: `start_new_session=True` is all that it takes to leave it.
Linux tells the children of each thread of a process; elsewhere nobody knows of any.

Left out: what makes itself a daemon (it forks twice, and lets the one in between end) belongs to
nobody any more.
# Real: billiard kills its process group; systemd has a cgroup for it, which nobody can leave.
"""

import os
import signal
from pathlib import Path

_PROCESSES = Path("/proc")


def descendants(pid: int) -> list[int]:
    """The processes below this one, parents first."""
    found = []
    for child in _children(pid):
        found += [child, *descendants(child)]
    return found


def kill_descendants(pid: int) -> None:
    """Kill what a process has started, whichever session it is in."""
    for number in descendants(pid):
        try:
            os.kill(number, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass  # It has ended by itself, or is somebody else now.


def _children(pid: int) -> list[int]:
    children = []
    # Of each thread: a task may start programs from a pool of threads.
    for thread in _PROCESSES.glob(f"{pid}/task/*/children"):
        try:
            children += map(int, thread.read_text().split())
        except OSError:
            pass  # The thread has just ended.
    return children
