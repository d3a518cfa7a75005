"""A look at the interrupts from where no session is at hand: deep in a plan, an array, a text.

A statement holds the latch while it computes, so each loop of it that may be long looks up now and
then (`transactions.interrupts`): somebody may have cancelled it, others may wait. Loops of the
executor get the function for it as an argument. Functions of values and walks over plans don't:
they call `check_for_interrupts`, which finds that of the thread's session.
# Real: CHECK_FOR_INTERRUPTS() reads the variables of its process; ours are those of a thread.

In a thread without a session, as in most tests, there is nothing to look at.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")

PACE = 1024
"""How many items of a loop are handled between two looks."""


class _Thread(threading.local):
    check: Callable[[], None] | None = None


_THREAD = _Thread()


@contextmanager
def interrupted_by(check: Callable[[], None] | None) -> Iterator[None]:
    """Within the body `check` is what this thread looks at; None: it is not to be interrupted.

    The latter is for what computes in the middle of a change, as the key of an index: nobody else
    may come in there.
    """
    before, _THREAD.check = _THREAD.check, check
    try:
        yield
    finally:
        _THREAD.check = before


def check_for_interrupts() -> None:
    """Raise what interrupts the statement; let others in, when its slice is used up."""
    check = _THREAD.check
    if check is not None:
        check()


def paced(items: Collection[Item], pace: int = PACE) -> Iterable[Item]:
    """The items, with a look every thousand; few of them cost nothing."""
    if len(items) <= pace or _THREAD.check is None:
        return items
    return paced_stream(items, pace)


def paced_stream(items: Iterable[Item], pace: int = PACE) -> Iterator[Item]:
    """`paced` for what has no length."""
    items = iter(items)
    while batch := tuple(islice(items, pace)):
        check_for_interrupts()
        yield from batch
