"""Retries: an attempt that failed is followed by another one, later and later.

    retry      1        2        3        4      …
    delay      1 s      2 s      4 s      8 s        at most `retry_max_delay` (600 s)
    less a random part of up to a half: what failed together does not come back together

After the last one that was asked for, the task is dead. A task without retries is failed at
once: nobody asked for more, so nobody has to look at it in the dead-letter queue.
# Real: dramatiq's Retries middleware; autoretry_for and retry_backoff in Celery.
"""

from services.broker.middleware import Middleware, Verdict
from services.broker.states import State
from services.broker.task_record import TaskError, TaskRecord


class Retries(Middleware):
    """What follows a failure; `record.failures` counts this one already."""

    def after_failure(
        self, record: TaskRecord, error: TaskError, now_ms: int, chance: float
    ) -> Verdict | None:
        options = record.options.effective()
        if record.failures <= options.retries:
            delay_s = retry_delay_s(
                record.failures, options.retry_delay_s, options.retry_max_delay_s, chance
            )
            return Verdict(
                State.RETRYING,
                f"{error}; next attempt in {delay_s:.3g} s",
                due_at_ms=now_ms + round(delay_s * 1000),
            )
        if options.retries:
            return Verdict(State.DEAD, f"{error}; no retry is left, of {options.retries}")
        return None


def retry_delay_s(failures: int, first_s: float, limit_s: float, chance: float) -> float:
    """How long to wait after so many failures (from 1); `chance` from 0 to 1 shortens it."""
    # Two to the power of a thousand is no float; the limit is reached long before.
    delay_s = min(limit_s, first_s * 2.0 ** min(failures - 1, 64))
    return delay_s * (1 - chance / 2)
