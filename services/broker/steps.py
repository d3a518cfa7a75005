"""Steps of a workflow: the end of a task that is one is noted, for the workflow to go on.

The note is written in the transaction that ends the task, and taken away in the one that follows
it up (`progression`). Between the two everybody may die, and the note waits.
# Real: the transactional outbox.
"""

from services.broker import keys
from services.broker.task_record import TaskRecord
from services.kvdb.client import Command


def commands_to_report(before: TaskRecord, after: TaskRecord) -> list[Command]:
    """The note, where a step of a workflow has come to its end."""
    if after.workflow is None or not after.state.is_final:
        return []
    return [("ZADD", keys.STEPS, after.entered_at_ms, f"{after.workflow} {after.id}")]
