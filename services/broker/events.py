"""Events: what has happened, told over pub/sub to whoever listens.

Pub/sub keeps nothing, so an event is never the truth, only a reason to look: who misses one (the
service was down, the listener was away) looks by himself when he is connected again. Telling
must hold up nobody, so it is done by a thread of its own, the `Announcer`: many events that
come together leave in one write, and when pub/sub is down they are dropped.

The messages are described in `keys`.
"""

import json
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from services.broker import keys
from services.broker.places import list_of
from services.broker.progress import Progress, encode_progress
from services.broker.states import State
from services.broker.task_record import TaskRecord
from services.broker.workflow_record import WorkflowState
from services.common.backoff import Backoff
from services.common.health import Vitals
from services.common.logs import Log
from services.common.redis_url import RedisURL
from services.common.resp import ReplyError
from services.common.resp_client import ConnectionLost, RespConnection

MAX_PENDING = 10_000
MAX_EVENTS_IN_A_MESSAGE = 200


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


def event_of(record: TaskRecord) -> Event:
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
    )


def encode_events(events: Iterable[Event]) -> bytes:
    return json.dumps(
        [
            {name: value for name, value in _members(event).items() if value is not None}
            for event in events
        ],
        separators=(",", ":"),
    ).encode()


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


_OPTIONAL = {"worker": str, "due_at_ms": int, "workflow": str, "follow_up": bool}


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
    }


def encode_wake(list_name: str, count: int) -> bytes:
    return json.dumps({"list": list_name, "count": count}, separators=(",", ":")).encode()


def decode_wake(message: bytes) -> tuple[str, int] | None:
    """List and count; None for what is no such message."""
    match _json_or_none(message):
        case {"list": str(name), "count": int(count)} if count > 0:
            return name, count
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


class Announcer:
    """Publishes from a thread of its own; whoever has something to tell never waits."""

    def __init__(self, url: RedisURL, vitals: Vitals, log: Log):
        self._url = url
        self._vitals = vitals
        self._log = log
        self._changed = threading.Condition()
        self._steps: list[TaskRecord] = []
        self._messages: list[tuple[str, bytes]] = []
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="announcer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float = 2.0) -> None:
        """Publish what is left and end."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join(timeout_s)

    def announce(self, steps: Iterable[TaskRecord]) -> None:
        """Tell of the last step of each record, and wake the workers for those that are queued."""
        with self._changed:
            self._steps.extend(steps)
            # Nobody is told while pub/sub is away: the newest are worth more than the oldest.
            del self._steps[:-MAX_PENDING]
            self._changed.notify()

    def order_cancel(self, task_id: str) -> None:
        """Tell the workers that one of them is to stop this task."""
        self._tell(keys.ORDERS_CHANNEL, encode_cancel(task_id))

    def order_look(self, queued: Mapping[str, int]) -> None:
        """Tell the workers to read the settings of queues, and what waits in these lists."""
        self._tell(keys.ORDERS_CHANNEL, ORDER_TO_LOOK)
        for list_name, count in queued.items():
            self._tell(keys.WAKE_CHANNEL, encode_wake(list_name, count))

    def announce_progress(self, reports: Mapping[str, Progress]) -> None:
        """Tell how far tasks have come."""
        self._tell(keys.PROGRESS_CHANNEL, encode_progress(reports))

    def announce_workflow(self, workflow_id: str, state: str, at_ms: int) -> None:
        """Tell that a workflow has started, or ended."""
        message = encode_workflow_event(workflow_id, state, at_ms)
        self._tell(keys.WORKFLOWS_CHANNEL, message)

    def _tell(self, channel: str, message: bytes) -> None:
        with self._changed:
            self._messages.append((channel, message))
            del self._messages[:-MAX_PENDING]
            self._changed.notify()

    def _run(self) -> None:
        backoff = Backoff(limit_s=2.0)
        connection: RespConnection | None = None
        while (messages := self._next_messages()) is not None:
            try:
                connection = connection or RespConnection(self._url)
                _publish(connection, messages)
                self._found()
                backoff.reset()
            except (ConnectionLost, ReplyError) as error:
                if connection is not None:
                    connection.close()
                connection = None
                self._lost(str(error))
                with self._changed:
                    self._changed.wait_for(lambda: self._stopping, backoff.next_delay_s())
        if connection is not None:
            connection.close()

    def _next_messages(self) -> list[tuple[str, bytes]] | None:
        """Everything that waits, as (channel, message); waits for something; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._steps or self._messages or self._stopping)
            steps, self._steps = self._steps, []
            messages, self._messages = self._messages, []
        if not steps and not messages:
            return None
        return _of_steps(steps, messages)

    def _lost(self, reason: str) -> None:
        if "announcements" not in self._vitals.problems:
            self._log.warning("cannot announce", address=self._url.address, reason=reason)
        self._vitals.problems["announcements"] = reason

    def _found(self) -> None:
        if self._vitals.problems.pop("announcements", None) is not None:
            self._log.info("announcing again", address=self._url.address)


def _publish(connection: RespConnection, messages: list[tuple[str, bytes]]) -> None:
    """Raises ConnectionLost, or ReplyError where pub/sub refuses (it may ask for a password)."""
    for reply in connection.pipeline([("PUBLISH", *message) for message in messages]):
        if isinstance(reply, ReplyError):
            raise reply


def _of_steps(steps: list[TaskRecord], others: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """Wake-ups first: a worker that is woken early costs nobody anything."""
    queued = Counter(
        list_of(record) for record in steps if record.state is State.QUEUED and record.lane is None
    )
    messages = [
        (keys.WAKE_CHANNEL, encode_wake(list_name, count)) for list_name, count in queued.items()
    ]
    messages += others
    for start in range(0, len(steps), MAX_EVENTS_IN_A_MESSAGE):
        part = steps[start : start + MAX_EVENTS_IN_A_MESSAGE]
        messages.append((keys.EVENTS_CHANNEL, encode_events(map(event_of, part))))
    return messages
