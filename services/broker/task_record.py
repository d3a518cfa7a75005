"""The task record: everything that is known of one task, as one immutable value.

A record is stored in kvdb as one JSON document, and it is what decides: lists and indexes only
say where to look. It is never changed in place. `moved_to` makes the next record out of this
one, checks the step against the table in `states`, and writes it into the history; whoever
made it then commits it together with the task's new place (see `places`), and only if nobody
else has changed the record in between.

Times are milliseconds since 1970 here and in kvdb, and ISO 8601 in the HTTP API.
# Real: kombu's message plus Celery's result record, which are two things in two places there.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any

from services.broker import keys
from services.broker.states import ALLOWED, IllegalTransition, State
from services.broker.task_options import TaskOptions, parse_options
from services.common.logs import Log

MAX_HISTORY = 60
"""A task that is retried a thousand times keeps its first steps and its last ones."""
_KEPT_FROM_THE_START = 20


class CorruptRecord(ValueError):
    """What is stored under a record's key is no record: somebody else wrote there."""


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of a task's history: the state that it entered."""

    state: State
    at_ms: int
    worker: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class TaskError:
    """Why an attempt failed: the exception's class, its message, and its traceback as text."""

    type: str
    message: str
    traceback: str | None = None

    def __str__(self) -> str:
        return f"{self.type}: {self.message}" if self.message else self.type


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """One task. `args`, `kwargs` and `result` are JSON values."""

    id: str
    task: str
    created_at_ms: int
    args: list[object] = field(default_factory=list)
    kwargs: dict[str, object] = field(default_factory=dict)
    options: TaskOptions = field(default_factory=TaskOptions)
    state: State = State.QUEUED
    attempts: int = 0
    """How often a worker has started it."""
    failures: int = 0
    """How many of them failed, since it was last submitted or retried by hand."""
    losses: int = 0
    """How often the worker that ran it has died."""
    due_at_ms: int | None = None
    """When it is to be queued; set while it is scheduled or retrying."""
    expires_at_ms: int | None = None
    reserved_at_ms: int | None = None
    """The start that a rate limit has granted it; set while it waits for that."""
    lane: str | None = None
    """Where it waits, instead of in its queue, while it is queued and may not start yet."""
    started_at_ms: int | None = None
    finished_at_ms: int | None = None
    worker: str | None = None
    """The name of the worker that runs it, or ran it last."""
    session: str | None = None
    """The session of that worker which holds it; set while it runs."""
    workflow: str | None = None
    """The id of the workflow that it is a step of."""
    schedule: str | None = None
    """The name of the schedule that submitted it."""
    result: object = None
    error: TaskError | None = None
    """Of the last attempt that failed; kept while the next one is waited for."""
    output: str | None = None
    """What the last attempt printed."""
    history: tuple[Step, ...] = ()

    def moved_to(
        self,
        state: State,
        at_ms: int,
        *,
        worker: str | None = None,
        detail: str | None = None,
        **changes: object,
    ) -> "TaskRecord":
        """The record after a step of the state machine. Raises IllegalTransition.

        `worker` is the one that made the step, and `detail` says why in words.
        """
        if state not in ALLOWED[self.state]:
            raise IllegalTransition(self.state, state)
        if state.is_final:
            changes["finished_at_ms"] = at_ms
        if not state.is_waiting_for_time:
            changes["due_at_ms"] = None
        if state is State.RUNNING:
            changes["reserved_at_ms"] = None
        else:
            changes["session"] = None
        if worker is not None:
            changes["worker"] = worker
        history = _extended(self.history, Step(state, at_ms, worker, detail))
        return self.with_changes(state=state, lane=None, history=history, **changes)

    def with_changes(self, **changes: object) -> "TaskRecord":
        """What `dataclasses.replace` gives, in a third of its time."""
        return TaskRecord(**dict(zip(_FIELDS, _values_of(self), strict=True)) | changes)

    def waiting_in(self, lane: str, at_ms: int, detail: str) -> "TaskRecord":
        """The record of a queued task that may not start yet, and waits in a lane until it may."""
        step = Step(State.QUEUED, at_ms, None, detail)
        return self.with_changes(lane=lane, history=_extended(self.history, step))

    @property
    def list_name(self) -> str:
        """The queue list that it waits in, or would wait in."""
        options = self.options.effective()
        return keys.list_name(options.queue, options.priority)

    @property
    def entered_at_ms(self) -> int:
        """When it entered its present state."""
        return self.history[-1].at_ms if self.history else self.created_at_ms

    def has_expired(self, now_ms: int) -> bool:
        return self.expires_at_ms is not None and now_ms >= self.expires_at_ms

    def encode(self) -> bytes:
        """The document that is stored."""
        return _as_json(document_of(self)).encode("utf-8", "surrogatepass")

    def as_json(self) -> dict[str, object]:
        """The task as the HTTP API shows it; nothing is left out, what is not there is null."""
        options = self.options.effective()
        return {
            "id": self.id,
            "task": self.task,
            "state": self.state.value,
            "args": self.args,
            "kwargs": self.kwargs,
            "queue": options.queue,
            "result": self.result,
            "error": _error_as_json(self.error),
            "attempts": self.attempts,
            "losses": self.losses,
            "worker": self.worker,
            "lane": self.lane,
            "workflow": self.workflow,
            "schedule": self.schedule,
            "created_at": iso_time(self.created_at_ms),
            "due_at": iso_time(self.due_at_ms),
            "expires_at": iso_time(self.expires_at_ms),
            "started_at": iso_time(self.started_at_ms),
            "finished_at": iso_time(self.finished_at_ms),
            "output": self.output,
            "options": options.as_json(),
            "history": [
                {
                    "state": step.state.value,
                    "at": iso_time(step.at_ms),
                    "worker": step.worker,
                    "detail": step.detail,
                }
                for step in self.history
            ],
        }


def decode_record(document: bytes) -> TaskRecord:
    """The record of a stored document. Raises CorruptRecord."""
    try:
        return record_of(json.loads(document.decode("utf-8", "surrogatepass")))
    except (ValueError, RecursionError) as error:
        raise CorruptRecord(f"{type(error).__name__}: {error}") from error


def record_of(stored: Mapping[str, Any]) -> TaskRecord:
    """The record of what `document_of` gives. Raises CorruptRecord."""
    try:
        return TaskRecord(
            **stored
            | {
                "options": parse_options(stored["options"]),
                "state": State(stored["state"]),
                "error": TaskError(**stored["error"]) if "error" in stored else None,
                "history": tuple(
                    Step(**step | {"state": State(step["state"])}) for step in stored["history"]
                ),
            }
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise CorruptRecord(f"{type(error).__name__}: {error}") from error


def decode_if_readable(document: bytes | None, log: Log) -> TaskRecord | None:
    """None for a record that has vanished, and for one that cannot be read, which is logged."""
    if document is None:
        return None
    try:
        return decode_record(document)
    except CorruptRecord as error:
        log.error("the record of a task cannot be read", reason=error)
        return None


def iso_time(at_ms: int | None) -> str | None:
    """`2026-11-23T09:30:00.125Z`."""
    if at_ms is None:
        return None
    return f"{_iso_second(at_ms // 1000)}.{at_ms % 1000:03d}Z"


@lru_cache(maxsize=64)
def _iso_second(at_s: int) -> str:
    # Six of these are in every task that is shown, and mostly they are the same. To write one,
    # isoformat takes a third of strftime's time.
    return datetime.fromtimestamp(at_s, UTC).isoformat()[:19]


def new_task_id(now_ms: int, random_bits: int) -> str:
    """32 hexadecimal digits that sort by time: 12 of milliseconds, 20 of 80 random bits."""
    return f"{now_ms & (1 << 48) - 1:012x}{random_bits & (1 << 80) - 1:020x}"


def document_of(record: TaskRecord) -> dict[str, object]:
    """Every field that says something; the others are the defaults of the class."""
    values = zip(_PLAIN_FIELDS, _plain_values_of(record), strict=True)
    document: dict[str, object] = {name: value for name, value in values if value is not None}
    document["options"] = record.options.as_json()
    document["state"] = record.state.value
    if record.error is not None:
        document["error"] = _error_as_json(record.error)
    document["history"] = [_step_document(step) for step in record.history]
    return document


# Made once: json.dumps makes an encoder for each document, which takes as long as a short one.
_as_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

_FIELDS = tuple(TaskRecord.__dataclass_fields__)
_PLAIN_FIELDS = tuple(
    name for name in _FIELDS if name not in ("options", "state", "error", "history")
)
_values_of = attrgetter(*_FIELDS)
_plain_values_of = attrgetter(*_PLAIN_FIELDS)


def _step_document(step: Step) -> dict[str, object]:
    document: dict[str, object] = {"state": step.state.value, "at_ms": step.at_ms}
    if step.worker is not None:
        document["worker"] = step.worker
    if step.detail is not None:
        document["detail"] = step.detail
    return document


def _error_as_json(error: TaskError | None) -> Mapping[str, object] | None:
    if error is None:
        return None
    return {"type": error.type, "message": error.message, "traceback": error.traceback}


def _extended(history: tuple[Step, ...], step: Step) -> tuple[Step, ...]:
    if len(history) >= MAX_HISTORY:
        cut = _KEPT_FROM_THE_START
        history = history[:cut] + history[cut + 1 :]
    return (*history, step)
