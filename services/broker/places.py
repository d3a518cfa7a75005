"""The place of a task follows from its record; moving one there is one set of commands.

    state                 place                        indexes
    queued                tasks:queue:NAME/PRIORITY    state, expiring
    queued, with a lane   tasks:lane:KEY               state, expiring
    scheduled, retrying   tasks:due                    state, expiring
    running               tasks:claimed:SESSION        state
    succeeded … expired   none                         state; the record expires

`commands_to_create` and `commands_to_move` are the only code that changes records, places and
indexes. Their commands always go out in one MULTI/EXEC, so a task is never in two places and
never in none, whichever process dies at whichever moment. What rules keep beside the records
changes with them (`consequences`).
"""

from services.broker import keys
from services.broker.consequences import consequences
from services.broker.states import State
from services.broker.task_record import TaskRecord
from services.kvdb.client import Command

STEP_KEPT_MS = 24 * 3600 * 1000


def commands_to_create(record: TaskRecord) -> list[Command]:
    """A task that did not exist before: queued or scheduled."""
    return [*_store(record), *_enter(record)]


def commands_to_move(
    before: TaskRecord, after: TaskRecord, held_by: str | None = None
) -> list[Command]:
    """From the place of one record to that of the next.

    `held_by` is the session that has claimed the task, where one has: a claimed task lies in the
    session's list, whether it has been started yet or not.
    """
    # What comes back from a worker or a lane has waited once, so it goes in front of the others.
    is_back = held_by is not None or before.lane is not None
    return [
        *_leave(before, after, held_by),
        *_store(after),
        *_enter(after, is_back=is_back),
        *consequences(before, after),
    ]


def commands_to_delete(record: TaskRecord) -> list[Command]:
    """Forget a task that is finished."""
    names = (keys.record(record.id), keys.progress(record.id))
    return [("DEL", *names), ("ZREM", keys.in_state(record.state), record.id)]


def commands_to_drop(task_id: str, session: str) -> list[Command]:
    """Take an id out of a session's hands that turned out to be none of its business."""
    return [("LREM", keys.claimed(session), 1, task_id)]


def _rank(record: TaskRecord) -> int:
    """The place in a lane: by priority, then by age; below 2 to the power of 53, so exact."""
    return (9 - record.options.effective().priority) * 10**14 + record.created_at_ms


def _store(record: TaskRecord) -> list[Command]:
    if record.state.is_final:
        kept_ms = max(1, round(record.options.effective().result_ttl_s * 1000))
        if record.workflow is not None:
            # Whoever goes on with the workflow has to find the result.
            kept_ms = max(kept_ms, STEP_KEPT_MS)
        return [("SET", keys.record(record.id), record.encode(), "PX", kept_ms)]
    # SET without a time also takes away the one that a finished record had.
    return [("SET", keys.record(record.id), record.encode())]


def _enter(record: TaskRecord, *, is_back: bool = False) -> list[Command]:
    commands: list[Command] = [
        ("ZADD", keys.in_state(record.state), record.entered_at_ms, record.id)
    ]
    if record.lane is not None:
        commands += [
            ("SADD", keys.LANES, record.lane),
            ("ZADD", keys.lane(record.lane), _rank(record), record.id),
            ("HINCRBY", keys.BLOCKED, record.options.effective().queue, 1),
        ]
    elif record.state is State.QUEUED:
        name = record.list_name
        push = "LPUSH" if is_back else "RPUSH"
        commands += [("SADD", keys.QUEUES, name), (push, keys.queue(name), record.id)]
    elif record.state.is_waiting_for_time:
        commands.append(("ZADD", keys.DUE, record.due_at_ms, record.id))
    if record.expires_at_ms is not None and record.state.is_before_start:
        commands.append(("ZADD", keys.EXPIRING, record.expires_at_ms, record.id))
    return commands


def _leave(before: TaskRecord, after: TaskRecord, held_by: str | None) -> list[Command]:
    commands: list[Command] = [("ZREM", keys.in_state(before.state), before.id)]
    if before.lane is not None:
        commands += [
            ("ZREM", keys.lane(before.lane), before.id),
            ("HINCRBY", keys.BLOCKED, before.options.effective().queue, -1),
        ]
    if held_by is not None:
        # A start keeps the id in the session's list; everything else ends the session's claim.
        if after.state is not State.RUNNING:
            commands.append(("LREM", keys.claimed(held_by), 1, before.id))
    elif before.state is State.QUEUED and before.lane is None:
        # Costs a walk along the list, but only for what leaves a queue before its turn.
        commands.append(("LREM", keys.queue(before.list_name), 1, before.id))
    elif before.state.is_waiting_for_time:
        commands.append(("ZREM", keys.DUE, before.id))
    if before.expires_at_ms is not None:
        commands.append(("ZREM", keys.EXPIRING, before.id))
    return commands
