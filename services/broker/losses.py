"""Losses: the worker that ran a task has died, and nobody knows how far the task came.

By default it runs again, in front of the others: at least once. Two rules say otherwise. A task
that must not run twice is dead: a person has to look what it did. And a task whose workers keep
dying may be what kills them, so after some losses it is dead too, before it takes down one
worker after the other.
# Real: acks_late and the poison-message limits (x-delivery-limit) of RabbitMQ's quorum queues.
"""

from services.broker.middleware import Middleware, Verdict
from services.broker.states import State
from services.broker.task_options import Delivery
from services.broker.task_record import TaskRecord

MAX_LOSSES = 5


class Losses(Middleware):
    """What follows the loss of a worker; `record.losses` counts this one already."""

    def after_loss(self, record: TaskRecord, now_ms: int) -> Verdict | None:
        lost = f"{record.worker} was lost while it ran"
        if record.options.effective().delivery is Delivery.AT_MOST_ONCE:
            return Verdict(State.DEAD, f"{lost}, and it must not run twice")
        if record.losses >= MAX_LOSSES:
            return Verdict(State.DEAD, f"{lost}, for the {record.losses}th time")
        return None
