"""A forked child that writes down what is in memory, while its parent goes on changing it.

A snapshot of a database is to be of one moment, and takes seconds to write. fork() gives that for
nothing: the child has a copy of the whole memory, which nothing changes any more, and the kernel
copies a page only when one of the two writes to it.

    parent   ──┬── serves ──────────────────────────┬─ outcome() is "": rename the file ──▶
               └─ child: write(), fsync ──▶ exit 0 ─┘

The parent waits for the fork alone, which copies the page tables: some milliseconds for a gigabyte.
In Python the child copies more than in C, because to read an object is to write its reference
count; memory for twice the data must be there.

It is the parent that renames, because a child that has outlived its parent (kill -9) must not put
old data over what a new parent has saved since. For the same reason the child writes to a file
whose name no other parent will take for one of its own; and it had better look whether there is
still anybody to write for (`while_parent_lives`).

# Real: rdbSaveBackground() in Redis
"""

import contextlib
import errno
import gc
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator

_UNKNOWN_STATUS = 255
_MANY_DESCRIPTORS = 1 << 20
"""How many the child closes where there is no limit to them."""


class ForkedWriter:
    """At most one child at a time; for one thread."""

    def __init__(self) -> None:
        self._pid = 0
        self._parent_pid = 0
        self.last_pause_s = 0.0
        """How long the parent stood still for the last fork."""
        self.forks_total = 0

    @property
    def pid(self) -> int:
        """The child's process number; 0: there is none."""
        return self._pid

    @property
    def is_running(self) -> bool:
        """Whether there is a child whose outcome nobody has heard."""
        return self._pid != 0

    def start(self, write: Callable[[], None], *, keeps_frozen: bool = False) -> None:
        """Fork; the child calls `write` and ends. Raises OSError.

        `write` takes no lock and logs nothing: of the threads of the parent there is only this one.
        `keeps_frozen`: what is in memory now is no garbage, so the collector need never visit it
        again (`gc.freeze`), neither in the child, where each visit copies a page, nor afterwards.
        """
        sys.stdout.flush()
        self._parent_pid = os.getpid()
        started_s = time.perf_counter()
        gc.freeze()
        try:
            pid = os.fork()
            if pid == 0:
                _run(write)
        finally:
            if not keeps_frozen:
                gc.unfreeze()
        self._pid = pid
        self.forks_total += 1
        self.last_pause_s = time.perf_counter() - started_s

    def while_parent_lives(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """For the child: what it writes, as long as somebody waits for it. Raises OSError."""
        for chunk in chunks:
            if os.getppid() != self._parent_pid:
                raise OSError(errno.ESRCH, os.strerror(errno.ESRCH))
            yield chunk

    def outcome(self, *, waits: bool = False) -> str | None:
        """Empty when the child has written everything, else why not; None while it still writes.

        `waits` until it has ended. Each child's outcome is told once.
        """
        if not self._pid:
            return None
        pid, status = os.waitpid(self._pid, 0 if waits else os.WNOHANG)
        if not pid:
            return None
        self._pid = 0
        code = os.waitstatus_to_exitcode(status)
        if 0 < code < _UNKNOWN_STATUS:
            return os.strerror(code)
        return f"the child ended with {code}" if code else ""

    def kill(self) -> bool:
        """Nobody wants it any more; false: there was none."""
        if not self._pid:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        self._pid = 0
        return True


def _run(write: Callable[[], None]) -> None:
    """The child's whole life; its exit status is 0 or the errno."""
    status = _UNKNOWN_STATUS
    try:
        gc.disable()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        # The port and the clients must be free as soon as the parent is gone.
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        os.closerange(3, _MANY_DESCRIPTORS if limit == resource.RLIM_INFINITY else limit)
        write()
        status = 0
    except OSError as error:
        status = error.errno or status
    finally:
        os._exit(status)
