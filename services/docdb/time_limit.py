"""maxTimeMS: a command that reads for too long is stopped where it is.

There is one thread, and it is in the middle of the query. So the kernel has to knock: a timer
sends SIGALRM, and its handler raises an exception, wherever the interpreter is just then; even
within a regular expression that backtracks without end, since `re` looks for signals too.

That is only safe for what changes nothing. A command that writes is asked between its statements
how late it is (`commands.batches`), and a single statement of it is never cut short.
# Real: OperationContext::checkForInterrupt(), which every plan stage calls now and then.
"""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from services.docdb.bson.types import Document
from services.docdb.command import Command, Pending, Request
from services.docdb.errors import MongoError, bad_value

if TYPE_CHECKING:
    from services.docdb.engine import Engine

READS = frozenset({"find", "count", "distinct", "aggregate", "explain"})
TIME_IS_OVER = 50
_MOST_MS = 2**31 - 1


class TimeLimitExceeded(BaseException):
    """Not an Exception: nothing between the query and the dispatcher may take it for its own."""


def exceeded() -> MongoError:
    return MongoError(TIME_IS_OVER, "operation exceeded time limit")


@contextmanager
def time_limit(limit_s: float) -> Iterator[None]:
    """Raises TimeLimitExceeded out of what takes longer. Elsewhere than in the main thread,
    where no signal is handled, there is no limit.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def on_alarm(number: int, frame: object) -> None:
        raise TimeLimitExceeded

    before = signal.signal(signal.SIGALRM, on_alarm)
    try:
        signal.setitimer(signal.ITIMER_REAL, max(limit_s, 1e-6))
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def read_limit_s(body: Document) -> float | None:
    """What maxTimeMS says; None is no limit. Raises MongoError."""
    value = body.get("maxTimeMS")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise bad_value("maxTimeMS must be a whole number")
    if not 0 <= value <= _MOST_MS:
        raise bad_value(f"{value} value for maxTimeMS is out of range")
    return value / 1000 or None


def may_be_stopped(request: Request) -> bool:
    """Whether a command changes nothing, wherever it is stopped."""
    if request.name not in READS:
        return False
    pipeline = request.get("pipeline")
    last = pipeline[-1] if type(pipeline) is list and pipeline else None
    return not (type(last) is dict and ("$out" in last or "$merge" in last))


def run_limited(command: Command, engine: "Engine", request: Request) -> Document | Pending:
    """Run a command, under its limit where it may be stopped. Raises MongoError.

    What is left of the limit goes to its cursor.
    """
    limit_s = read_limit_s(request.body) or engine.settings.read_limit_s
    if not limit_s or not may_be_stopped(request):
        return command.handler(engine, request)
    left_s = limit_s - (time.monotonic() - request.received_at_s)
    started_s = time.monotonic()
    try:
        with time_limit(left_s):
            reply = command.handler(engine, request)
    except TimeLimitExceeded:
        raise exceeded() from None
    number = reply["cursor"]["id"] if "cursor" in reply else 0
    if number:
        left_s -= time.monotonic() - started_s
        engine.cursors.get(number).time_left_s = left_s
    return reply
