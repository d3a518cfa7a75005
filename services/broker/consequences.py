"""Consequences: what else a step of a task changes, in the same transaction as the step itself.

Each rule that keeps something beside the records, such as the slots of a concurrency key, has a
function here from the record before the step and the one after it to commands. They need to read
nothing. So whoever makes the step (a worker, the reaper, the scheduler, the API), and wherever it
dies, the step and its consequences have both happened, or neither.
"""

from services.broker.concurrency import commands_to_release
from services.broker.events import commands_to_tell
from services.broker.steps import commands_to_report
from services.broker.task_record import TaskRecord
from services.kvdb.client import Command

_RULES = (commands_to_release, commands_to_report, commands_to_tell)


def consequences(before: TaskRecord, after: TaskRecord) -> list[Command]:
    """In the order of the rules."""
    return [command for rule in _RULES for command in rule(before, after)]
