"""Submissions: what a client asks for, checked, and the record that it becomes.

    {"task": "resize", "args": ["cat.png"], "kwargs": {"width": 200},
     "options": {"retries": 3, "countdown": 10}}

Besides the options of `task_options` a submission may say when the task is to run (`eta` or
`countdown`) and carry an `idempotency_key`: as long as the task that was first submitted with it
is known, the same key gives that task instead of a second one, so a client that did not hear the
answer may simply ask again.

The name of the task is not checked. The broker imports no tasks; whoever deploys a new one should
not have to start the workers before the callers; and a worker that gets a name it does not know
fails the task with an error that says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from services.broker.states import State
from services.broker.task_options import (
    MAX_DURATION_S,
    OptionError,
    TaskOptions,
    duration_s,
    parse_options,
)
from services.broker.task_options import timestamp_ms as parse_timestamp_ms
from services.broker.task_record import Step, TaskRecord

MAX_NAME_LENGTH = 200
MAX_IDEMPOTENCY_KEY_LENGTH = 255
_MEMBERS = ("task", "args", "kwargs", "options")
_SCHEDULING = ("eta", "countdown", "idempotency_key")


class SubmissionError(ValueError):
    """A submission that cannot be taken; `field` is where in the document the mistake is."""

    def __init__(self, field: str, reason: str):
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Submission:
    """One task that somebody wants to be run."""

    task: str
    args: list[object]
    kwargs: dict[str, object]
    options: TaskOptions
    due_at_ms: int | None = None
    idempotency_key: str | None = None
    workflow: str | None = None
    """The id of the workflow that it is a step of."""
    schedule: str | None = None
    """The name of the schedule that submits it."""


def parse_submission(document: object, now_ms: int) -> Submission:
    """A submission from its JSON. Raises SubmissionError."""
    if not isinstance(document, Mapping):
        raise SubmissionError("body", 'must be an object such as {"task": "echo"}')
    for name in document:
        if name not in _MEMBERS:
            raise SubmissionError(name, f"is not known; there are {', '.join(_MEMBERS)}")
    options = _member(document, "options", dict, "an object")
    if options.get("eta") is not None and options.get("countdown") is not None:
        raise SubmissionError("options.countdown", "and eta exclude each other")
    try:
        parsed = parse_options(
            {name: value for name, value in options.items() if name not in _SCHEDULING}
        )
    except OptionError as error:
        raise SubmissionError(f"options.{error.option}", error.reason) from None
    return Submission(
        task=_task_name(document.get("task")),
        args=_member(document, "args", list, "an array"),
        kwargs=_member(document, "kwargs", dict, "an object"),
        options=parsed,
        due_at_ms=_due_at_ms(options, now_ms),
        idempotency_key=_idempotency_key(options.get("idempotency_key")),
    )


def new_record(
    submission: Submission, definition: TaskOptions | None, task_id: str, now_ms: int
) -> TaskRecord:
    """The record of a task that has just been submitted: queued, or scheduled for later.

    `definition` is what the workers have announced of the task, None where it is not known (yet).
    """
    options = submission.options
    if definition is not None:
        options = options.filled_from(definition)
    due_at_ms = submission.due_at_ms
    is_later = due_at_ms is not None and due_at_ms > now_ms
    state = State.SCHEDULED if is_later else State.QUEUED
    return TaskRecord(
        id=task_id,
        task=submission.task,
        args=submission.args,
        kwargs=submission.kwargs,
        options=options,
        state=state,
        created_at_ms=now_ms,
        due_at_ms=due_at_ms if is_later else None,
        expires_at_ms=expiry_ms(options, now_ms),
        workflow=submission.workflow,
        schedule=submission.schedule,
        history=(Step(state, now_ms),),
    )


def expiry_ms(options: TaskOptions, now_ms: int) -> int | None:
    """When a task expires that is submitted now."""
    return None if options.expires_s is None else now_ms + round(options.expires_s * 1000)


def _member(document: Mapping[str, object], name: str, kind: type, words: str) -> object:
    value = document.get(name)
    if value is None:
        return kind()
    if not isinstance(value, kind):
        raise SubmissionError(name, f"must be {words}")
    return value


def _task_name(value: object) -> str:
    if value is None:
        raise SubmissionError("task", "is missing: it is the name of the task to run")
    if not isinstance(value, str) or not 0 < len(value) <= MAX_NAME_LENGTH:
        raise SubmissionError("task", f"must be a name of at most {MAX_NAME_LENGTH} characters")
    if not value.isprintable():
        raise SubmissionError("task", "must be printable")
    return value


def _due_at_ms(options: Mapping[str, object], now_ms: int) -> int | None:
    try:
        if options.get("countdown") is not None:
            return now_ms + round(duration_s(options["countdown"]) * 1000)
    except ValueError as reason:
        raise SubmissionError("options.countdown", str(reason)) from None
    try:
        eta_ms = None if options.get("eta") is None else parse_timestamp_ms(options["eta"])
    except ValueError as reason:
        raise SubmissionError("options.eta", str(reason)) from None
    if eta_ms is not None and eta_ms > now_ms + MAX_DURATION_S * 1000:
        raise SubmissionError("options.eta", f"must be at most {MAX_DURATION_S:g} seconds away")
    return eta_ms


def _idempotency_key(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= MAX_IDEMPOTENCY_KEY_LENGTH:
        reason = f"must be a text of 1 to {MAX_IDEMPOTENCY_KEY_LENGTH} characters"
        raise SubmissionError("options.idempotency_key", reason)
    if not value.isprintable():
        raise SubmissionError("options.idempotency_key", "must be printable")
    return value
