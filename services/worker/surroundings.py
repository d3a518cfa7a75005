"""What a task leaves in its process: the trace of an exception, and what the next would notice.

A child runs many tasks, and each is to find the process as the first one did. An alarm that was set
and the mask for new files are put right. What cannot be put right again makes the child *spent*: it
says so with the result, and the worker replaces it.

Left out: threads that go on, and what a task has changed in the modules that it shares with others.
Nobody can tell these from what was meant to stay, such as a pool of connections.
"""

import os
import resource
import signal
import sys
import traceback

MAX_TRACEBACK_CHARACTERS = 16 * 1024
MAX_MESSAGE_CHARACTERS = 4 * 1024
_LIMITS = tuple(getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_"))
_OUR_MODULES = frozenset({"__main__", "services.worker.child"})


def describe(error: BaseException) -> dict[str, object]:
    """Class, message and traceback of an exception, none of them endless.

    The traceback begins below our own files: how the worker came to call the task tells nobody
    anything.
    """
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_globals.get("__name__") in _OUR_MODULES:
        frames = frames.tb_next
    text = "".join(traceback.format_exception(type(error), error, frames))
    return {
        "type": type(error).__name__,
        "message": _text(error)[:MAX_MESSAGE_CHARACTERS],
        "traceback": text[-MAX_TRACEBACK_CHARACTERS:],
    }


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return "(an exception that cannot be shown)"


class Surroundings:
    """The process as it was before its first task."""

    def __init__(self) -> None:
        self._streams = (sys.stdout, sys.stderr)
        self._files = [_identity(number) for number in (0, 1, 2)]
        self._directory = _directory()
        self._limits = _limits()
        self._mask = os.umask(0o077)
        os.umask(self._mask)

    def put_right(self) -> None:
        """Undo what can be undone. An alarm that is left would kill the task after this one."""
        for clock in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF):
            signal.setitimer(clock, 0)
        os.umask(self._mask)

    def what_is_wrong(self) -> str | None:
        """What the task has changed for good, in words; None where all is as it was."""
        if _has_children():
            return "it has left processes behind"
        if [_identity(number) for number in (0, 1, 2)] != self._files:
            return "it has closed or replaced its standard streams"
        if (sys.stdout, sys.stderr) != self._streams or any(s.closed for s in self._streams):
            return "it has closed or replaced its standard streams"
        if _directory() != self._directory:
            return "it has changed the working directory"
        if _limits() != self._limits:
            return "it has changed the limits of its process"
        return None


def _has_children() -> bool:
    """Whether a process that the task has started still runs; those that have ended are buried."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def _identity(descriptor: int) -> tuple[int, int] | None:
    try:
        found = os.fstat(descriptor)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _limits() -> list[tuple[int, int]]:
    """What `ulimit` shows. A soft limit could be put back, a hard one not."""
    return [resource.getrlimit(kind) for kind in _LIMITS]


def _directory() -> str | None:
    try:
        return os.getcwd()
    except OSError:
        return None
