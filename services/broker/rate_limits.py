"""Rate limits: tasks of one name are started at most so often, by all workers together.

A limit of `10/s` is a start every 100 ms. kvdb keeps one number for each name: the last start that
is taken. The next is free an interval later. A task that comes earlier reserves that moment and
waits for it in `tasks:due`; the number moves on:

    task              A      B       C
    comes at          5      20      30                                   (ms, limit 10/s)
    starts at         5      105     205    and the next one is free at 305

The interval is that of the task which asks: whoever puts `1/h` right to `10/s` need not wait for
the hour that `1/h` would have made of it.

So each task that is limited is claimed twice, however many of them there are, and in between it is
in nobody's way. A reservation is good for a moment only. When no worker was there at its time, it
has lapsed, and the task reserves another: a worker that comes back after an hour does not start an
hour's worth of tasks at once.

Starts are evenly spaced, so in no period there are more than the limit says; late starts, by
`LATE_MS` or an interval at most, are the one inexactness. The clocks of the workers are taken to
agree, as with NTP they do within milliseconds.
# Real: GCRA (the generic cell rate algorithm) with a burst of one; Celery's rate_limit counts
# for each worker on its own.
"""

import math
from collections.abc import Sequence

from services.broker import keys
from services.broker.gates import Gate, TurnedAway, View
from services.broker.states import State
from services.broker.task_record import TaskRecord
from services.kvdb.client import Command

LATE_MS = 1000


class RateLimits(Gate):
    """Spaces the starts of tasks that have a `rate_limit`."""

    def reads(self, record: TaskRecord) -> Sequence[Command]:
        return () if record.options.rate_limit is None else (_read(record),)

    def check(self, record: TaskRecord, view: View, now_ms: int) -> TurnedAway | None:
        limit = record.options.rate_limit
        if limit is None or _has_reservation(record, now_ms):
            return None
        free_at_ms = _free_at_ms(record, view)
        if free_at_ms <= now_ms:
            return None
        due_at_ms = math.ceil(free_at_ms)
        after = record.moved_to(
            State.SCHEDULED,
            now_ms,
            detail=f"the rate limit of {limit} lets it start in {(due_at_ms - now_ms) / 1000:g} s",
            due_at_ms=due_at_ms,
            reserved_at_ms=due_at_ms,
        )
        return TurnedAway(after, _take(record, free_at_ms, view, now_ms))

    def enter(self, record: TaskRecord, view: View, now_ms: int) -> Sequence[Command]:
        if record.options.rate_limit is None or _has_reservation(record, now_ms):
            return ()
        start_ms = max(float(now_ms), _free_at_ms(record, view))
        return _take(record, start_ms, view, now_ms)


def _read(record: TaskRecord) -> Command:
    return ("GET", keys.rate(record.task))


def _free_at_ms(record: TaskRecord, view: View) -> float:
    last = view[_read(record)]
    try:
        return 0.0 if last is None else float(last) + record.options.rate_limit.interval_ms
    except ValueError:
        return 0.0  # Somebody else has written there; the next start repairs it.


def _has_reservation(record: TaskRecord, now_ms: int) -> bool:
    if record.reserved_at_ms is None:
        return False
    return now_ms - record.reserved_at_ms <= max(LATE_MS, record.options.rate_limit.interval_ms)


def _take(record: TaskRecord, start_ms: float, view: View, now_ms: int) -> tuple[Command, ...]:
    """The start at `start_ms` is taken: the next one is an interval later."""
    view[_read(record)] = start_ms
    # A start that is an interval ago limits nothing, so the key may go.
    kept_ms = max(1, math.ceil(start_ms + record.options.rate_limit.interval_ms - now_ms))
    return (("SET", keys.rate(record.task), repr(start_ms), "PX", kept_ms),)
