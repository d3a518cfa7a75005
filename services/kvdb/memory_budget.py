"""How much the data may take, so that the *process* stays near the memory limit.

`Keyspace.used_bytes` is what the data should take. What the process holds is more: the interpreter
itself, and memory that was freed in places where what comes next does not fit. Where a store that
was full of small strings is filled with hashes, the two can lie far apart: the last strings keep
whole arenas of Python's allocator alive, and large values leave holes between each other. So the
process is asked to give back what it holds for nothing, and the data takes less until it grows no
more:

    resident ───▶ above 1.2 × limit:  the budget shrinks each tick by a quarter of what is too
                                      much, at least by 2 % of the limit, and the C library gives
                                      back free pages (malloc_trim), up to three times a second
                  below 1.1 × limit:  it grows again, up to the limit
                  in between:         it stays

The tables of the databases are made anew then, too, where they have become much too large for the
keys that are left (`Database.compact`).

It never falls below two fifths of the limit: a budget that followed the resident size alone would
empty the store, for evicting does not make the process smaller at once. And it stays the limit
where the process was larger than half of it when it held nothing: such a limit is about the data.
# Real: Redis's allocator tells used_memory exactly, and `activedefrag` moves what pins pages.
"""

import contextlib
import ctypes
from collections.abc import Callable

from services.common.health import resident_bytes

# Shares of the limit.
_SHRINK_ABOVE = 1.2
_GROW_BELOW = 1.1
_STEP = 0.02
_SMALLEST = 0.4
# Ticks, ten a second, between two searches for free pages: each takes milliseconds.
_TRIM_TICKS = 3


class MemoryBudget:
    """The share of the limit that the data may take now."""

    def __init__(
        self,
        resident: Callable[[], int] = resident_bytes,
        trim: Callable[[], None] | None = None,
    ):
        self._resident = resident
        self._trim = trim or _find_trim()
        _return_large_blocks()
        self._ticks_until_trim = 0
        self._empty_bytes = resident()
        self._share = 1.0

    def of(self, limit_bytes: int) -> int:
        """What the data may take under this limit."""
        return limit_bytes if self._share == 1.0 else int(limit_bytes * self._share)

    def tick(self, limit_bytes: int) -> bool:
        """Look at the process; called ten times a second where something can be evicted.

        True where it is too large.
        """
        if 2 * self._empty_bytes > limit_bytes:
            self._share = 1.0
            return False
        resident = self._resident()
        if resident > _SHRINK_ABOVE * limit_bytes:
            excess = resident / limit_bytes - _SHRINK_ABOVE
            self._share = max(_SMALLEST, self._share - max(_STEP, excess / 4))
            self._give_back()
            return True
        if resident < _GROW_BELOW * limit_bytes and self._share < 1.0:
            self._share = min(1.0, self._share + _STEP)
        return False

    def _give_back(self) -> None:
        self._ticks_until_trim -= 1
        if self._ticks_until_trim < 0:
            self._ticks_until_trim = _TRIM_TICKS
            self._trim()


def _find_trim() -> Callable[[], None]:
    """glibc's malloc_trim: the free pages in the middle of its heap, back to the system. Other C
    libraries do that by themselves."""
    try:
        malloc_trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):
        return lambda: None
    return lambda: malloc_trim(0)


_M_MMAP_THRESHOLD = -3
_LARGE_BYTES = 2 * 2**20


def _return_large_blocks() -> None:
    """Have the C library give back what is large as soon as it is freed.

    A dict of a million slots takes twenty megabytes, and while it grows there are two of them.
    glibc notes that such a block was freed and keeps the next ones for itself, so that the old
    tables of the keys and of their expiry would stay until somebody asks for as much again.
    """
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
