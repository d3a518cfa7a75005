"""Expiry: what was not started in time is not started at all.

A worker asks before each start. That alone would leave an expired task "queued" for as long as
no worker comes by, so the scheduler looks as well (`tasks:expiring`), and says so within a second
to whoever waits for the task.
# Real: `expires` in Celery, `max_age` in dramatiq.
"""

from services.broker.middleware import Middleware, Verdict
from services.broker.states import State
from services.broker.task_record import TaskRecord

REASON = "it had not been started by the time it expired"


class Expiry(Middleware):
    """No start after `expires_at_ms`, be it the first one or a retry."""

    def before_start(self, record: TaskRecord, now_ms: int) -> Verdict | None:
        if record.has_expired(now_ms):
            return Verdict(State.EXPIRED, REASON)
        return None
