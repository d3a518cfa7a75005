"""What the API takes and gives, as types: the OpenAPI document is made of them.

They check nothing. What a client sends is checked where it is understood (`submission`,
`schedules`, `queues`, `bulk`), with words that say what is wrong; that the answers are of these
types is what schemathesis looks at (`e2e/test_openapi.py`). Times of answers are ISO 8601, those
within options are seconds.
# Real: schemas.py in FastAPI's projects, without the validation.
"""

from datetime import datetime
from typing import Any, NotRequired, TypedDict

from services.broker.schedules import CatchUp
from services.broker.states import State
from services.broker.task_options import Delivery
from services.broker.workflow_record import WorkflowState


class Options(TypedDict, total=False):
    """How a task is run; null is the same as leaving one out."""

    queue: str | None
    priority: int | None
    retries: int | None
    retry_delay: float | None
    retry_max_delay: float | None
    timeout: float | None
    soft_timeout: float | None
    expires: float | None
    delivery: Delivery | None
    result_ttl: float | None
    rate_limit: str | None
    unique_for: float | None
    concurrency_key: str | None
    concurrency_limit: int | None


class SubmittedOptions(Options, total=False):
    """Those of a submission, which may say when it is to run, and that it is not to run twice."""

    eta: datetime | None
    countdown: float | None
    idempotency_key: str | None


class Submission(TypedDict):
    """A task that somebody wants to be run."""

    task: str
    args: NotRequired[list[Any] | None]
    kwargs: NotRequired[dict[str, Any] | None]
    options: NotRequired[SubmittedOptions | None]


class Failure(TypedDict):
    """The exception of an attempt."""

    type: str
    message: str
    traceback: str | None


class HistoryStep(TypedDict):
    """A state that a task has entered."""

    state: State
    at: datetime
    worker: str | None
    detail: str | None


class Report(TypedDict):
    """How far a task says that it has come."""

    fraction: float
    message: str | None
    at: datetime


class ListedTask(TypedDict):
    """A task in a list, without what may be large."""

    id: str
    task: str
    state: State
    args: list[Any]
    kwargs: dict[str, Any]
    queue: str
    error: Failure | None
    attempts: int
    losses: int
    worker: str | None
    lane: str | None
    workflow: str | None
    schedule: str | None
    created_at: datetime
    due_at: datetime | None
    expires_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None


class Task(ListedTask):
    """A task with all that is known of it; only where it was looked up, also its progress."""

    result: Any
    output: str | None
    options: Options
    history: list[HistoryStep]
    progress: NotRequired[Report | None]


class Tasks(TypedDict):
    """Tasks that were submitted together."""

    tasks: list[ListedTask]


class TaskPage(Tasks):
    """Some tasks, and where the next page begins."""

    next_cursor: str | None


class Selection(TypedDict, total=False):
    """Which tasks to change: those that fit, or those that are named."""

    state: str | list[str] | None
    queue: str | None
    task: str | None
    ids: list[str] | None
    limit: int


class Changed(TypedDict):
    """How many tasks were changed, and whether there are more that fit."""

    changed: int
    more: bool


class Queue(TypedDict):
    """What waits in a queue."""

    name: str
    depth: int
    by_priority: dict[str, int]
    blocked: int
    weight: int
    paused: bool
    oldest_age_s: float | None


class Queues(TypedDict):
    """Every queue, and how many tasks are in each state."""

    queues: list[Queue]
    states: dict[str, int]


class QueueChange(TypedDict, total=False):
    """What of a queue is to be otherwise."""

    weight: int | None
    paused: bool | None


class Workers(TypedDict):
    """What each worker says of itself, and what it runs."""

    workers: list[dict[str, Any]]


class Definitions(TypedDict):
    """The options of each task that workers know."""

    definitions: dict[str, dict[str, Any]]


class NewSchedule(Submission):
    """What is to be submitted again and again, and when: `every` so many seconds, or by `cron`."""

    every: NotRequired[float | None]
    cron: NotRequired[str | None]
    timezone: NotRequired[str | None]
    catch_up: NotRequired[CatchUp]
    paused: NotRequired[bool]


class Schedule(Submission):
    """A schedule, with its next run and its last."""

    name: str
    every: float | None
    cron: str | None
    timezone: str
    catch_up: CatchUp
    paused: bool
    next_run: datetime | None
    last_run: datetime | None
    last_task: str | None
    created_at: datetime


class Schedules(TypedDict):
    """Every schedule."""

    schedules: list[Schedule]


class Pause(TypedDict):
    """Whether a schedule waits."""

    paused: bool


class StepCounts(TypedDict):
    """How far the tasks of a workflow have come."""

    total: int
    submitted: int
    finished: int
    failed: int


class ListedWorkflow(TypedDict):
    """A workflow in a list, without its tree."""

    id: str
    name: str | None
    state: WorkflowState
    result: Any
    error: str | None
    created_at: datetime
    finished_at: datetime | None
    tasks: StepCounts


class Workflow(ListedWorkflow):
    """A workflow with its tree; a node that is no task has `nodes` of the same form."""

    root: dict[str, Any]


class WorkflowPage(TypedDict):
    """Some workflows, and where the next page begins."""

    workflows: list[ListedWorkflow]
    next_cursor: str | None
