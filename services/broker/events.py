"""Events: what has happened, told over pub/sub to whoever listens.

Pub/sub keeps nothing, so an event is never the truth, only a reason to look: who misses one (the
service was down, the listener was away) looks by himself when he is connected again. Telling
must hold up nobody (`announcer`), and when pub/sub is down, events are dropped.

Each event goes out on `tasks:events`, for those who watch. The few that a scheduler acts upon go
out on `tasks:news` as well: to be woken for nothing costs as much as to be woken for something.

The end of a task is what somebody may wait for, and is told on another way: the transaction that
ends the task publishes it, in kvdb itself (`commands_to_tell`, one of the `consequences`). So it is
told if it has happened, and not otherwise, whoever dies in between; and it is on its way two
messages sooner than if the worker had to hear of its success first.
# Real: Celery's result backend for Redis, which publishes each result where it stores it.

The messages are described in `keys`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from services.broker import keys
from services.broker.progress import Progress, encode_progress
from services.broker.states import State
from services.broker.task_record import TaskRecord, document_of
from services.broker.workflow_record import WorkflowState
from services.kvdb.client import Command

MAX_EVENTS_IN_A_MESSAGE = 200
MAX_IDS_IN_A_WAKE = 16
MAX_END_CHARACTERS = 4096
"""Of one event with its record: every broker and every program that waits reads all of them."""

Message = tuple[str, bytes]
"""A channel, and what is published there."""


@dataclass(frozen=True, slots=True)
class Event:
    """One step of one task, as it was announced."""

    id: str
    task: str
    queue: str
    state: State
    at_ms: int
    worker: str | None = None
    due_at_ms: int | None = None
    workflow: str | None = None
    follow_up: bool | None = None
    """The scheduler has something to do now."""
    record: Mapping[str, object] | None = None
    """Of a task that has ended: `task_record.document_of` its record."""

    @property
    def is_news(self) -> bool:
        """A scheduler may have to act upon it."""
        return self.due_at_ms is not None or bool(self.follow_up)


def end_of(record: TaskRecord) -> Event:
    """The end of a task, with its record."""
    return event_of(record, document_of(record))


def event_of(record: TaskRecord, document: Mapping[str, object] | None = None) -> Event:
    """The last step of a record."""
    is_over = record.state is not State.RUNNING and record.lane is None
    has_slot = record.options.slot_key(record.task) is not None
    is_step = record.workflow is not None and record.state.is_final
    return Event(
        id=record.id,
        task=record.task,
        queue=record.options.effective().queue,
        state=record.state,
        at_ms=record.entered_at_ms,
        worker=record.worker,
        due_at_ms=record.due_at_ms,
        workflow=record.workflow,
        follow_up=is_step or (has_slot and is_over) or None,
        record=document,
    )


def commands_to_tell(before: TaskRecord, after: TaskRecord) -> list[Command]:
    """What a step of a task tells those who wait for its end."""
    if not after.state.is_final:
        return []
    return [("PUBLISH", keys.ENDS_CHANNEL, encode_events([end_of(after)]))]


def encode_events(events: Iterable[Event]) -> bytes:
    return f"[{','.join(map(_encoded, events))}]".encode()


def _encoded(event: Event) -> str:
    members = {name: value for name, value in _members(event).items() if value is not None}
    text = _as_json(members)
    if event.record is not None and len(text) > MAX_END_CHARACTERS:
        return _encoded(replace(event, record=None))
    return text


def decode_events(message: bytes) -> list[Event]:
    """The events of a message; none for what is no such message, anybody may publish."""
    try:
        return [_event(members) for members in json.loads(message)]
    except (ValueError, TypeError, RecursionError):
        return []


def _event(members: object) -> Event:
    match members:
        case {
            "id": str(),
            "task": str(),
            "queue": str(),
            "state": str(state),
            "at_ms": int(),
            **others,
        } if all(isinstance(others.get(name), kind | None) for name, kind in _OPTIONAL.items()):
            return Event(**members | {"state": State(state)})
    raise ValueError("not an event")


# Made once: json.dumps makes an encoder for each document, which takes as long as a short one.
_as_json = json.JSONEncoder(separators=(",", ":")).encode

_OPTIONAL = {
    "worker": str,
    "due_at_ms": int,
    "workflow": str,
    "follow_up": bool,
    "record": dict,
}


def _members(event: Event) -> dict[str, object]:
    return {
        "id": event.id,
        "task": event.task,
        "queue": event.queue,
        "state": event.state.value,
        "at_ms": event.at_ms,
        "worker": event.worker,
        "due_at_ms": event.due_at_ms,
        "workflow": event.workflow,
        "follow_up": event.follow_up,
        "record": event.record,
    }


@dataclass(frozen=True, slots=True)
class Wake:
    """There is work in a queue list."""

    list_name: str
    count: int
    ids: tuple[str, ...] = ()
    """Of the first of these tasks: a worker that claims one of them can read ahead."""


def encode_wake(list_name: str, count: int, ids: Sequence[str] = ()) -> bytes:
    told = {"list": list_name, "count": count, "ids": list(ids[:MAX_IDS_IN_A_WAKE])}
    return _as_json(told).encode()


def decode_wake(message: bytes) -> Wake | None:
    """None for what is no such message."""
    match _json_or_none(message):
        case {"list": str(name), "count": int(count), **others} if count > 0:
            ids = others.get("ids")
            are_ids = isinstance(ids, list) and all(isinstance(one, str) for one in ids)
            return Wake(name, count, tuple(ids[:MAX_IDS_IN_A_WAKE]) if are_ids else ())
    return None


def encode_cancel(task_id: str) -> bytes:
    return json.dumps({"cancel": task_id}).encode()


ORDER_TO_LOOK = json.dumps({"look": "queues"}).encode()
"""Settings of queues have changed: the workers are to read them."""


def encode_workflow_event(workflow_id: str, state: str, at_ms: int) -> bytes:
    return json.dumps({"id": workflow_id, "state": state, "at_ms": at_ms}).encode()


def decode_workflow_end(message: bytes) -> str | None:
    """The id of a workflow that has ended; None for any other message."""
    match _json_or_none(message):
        case {"id": str(workflow_id), "state": str(state)} if state != WorkflowState.RUNNING.value:
            return workflow_id
    return None


def _json_or_none(message: bytes) -> object:
    try:
        return json.loads(message)
    except (ValueError, RecursionError):
        return None


def message_of_progress(reports: Mapping[str, Progress]) -> Message:
    """What is published of how far tasks have come."""
    return keys.PROGRESS_CHANNEL, encode_progress(reports)


def messages_of(steps: Sequence[TaskRecord]) -> list[Message]:
    """What is published of these steps."""
    return [*messages_to_act_upon(steps), *messages_to_watch(steps)]


def messages_to_act_upon(steps: Sequence[TaskRecord]) -> list[Message]:
    """Those that a worker or a scheduler acts upon."""
    queued: dict[str, list[str]] = {}
    for record in steps:
        if record.state is State.QUEUED and record.lane is None:
            queued.setdefault(record.list_name, []).append(record.id)
    wakes = [(keys.WAKE_CHANNEL, encode_wake(name, len(ids), ids)) for name, ids in queued.items()]
    news = [event for event in map(event_of, steps) if event.is_news]
    return wakes + _messages(keys.NEWS_CHANNEL, news)


def messages_to_watch(steps: Sequence[TaskRecord]) -> list[Message]:
    """All of them, for those who look on."""
    return _messages(keys.EVENTS_CHANNEL, [event_of(record) for record in steps])


def _messages(channel: str, events: Sequence[Event]) -> list[Message]:
    starts = range(0, len(events), MAX_EVENTS_IN_A_MESSAGE)
    return [(channel, encode_events(events[at : at + MAX_EVENTS_IN_A_MESSAGE])) for at in starts]
