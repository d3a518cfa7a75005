"""Unique tasks: with `unique_for` the same work is not queued a second time while it waits or runs.

The same work is a task of the same name with the same arguments. For so many seconds from its
submission, and until it is finished, submitting it again gives the task that is there (`once`).
# Real: unique jobs of Sidekiq Enterprise and BullMQ; Celery has them as extensions (celery-once).
"""

import hashlib
import json

from services.broker import keys
from services.broker.once import Once
from services.broker.task_record import TaskRecord


def once_for(record: TaskRecord) -> Once | None:
    """None for a task that need not be unique."""
    unique_for_s = record.options.unique_for_s
    if unique_for_s is None:
        return None
    work = json.dumps([record.task, record.args, record.kwargs], sort_keys=True)
    digest = hashlib.sha256(work.encode()).hexdigest()
    return Once(keys.unique(digest), round(unique_for_s * 1000), is_until_end=True)
