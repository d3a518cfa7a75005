"""The HTTP/JSON API of the task queue.

    POST /tasks                      one submission, or an array of them            task_routes
    GET  /tasks?state=&queue=&task=&limit=&cursor=
    GET  /tasks/ID · /tasks/ID/wait?timeout=
    POST /tasks/ID/cancel · /tasks/ID/retry
    POST /tasks/requeue · /tasks/purge · /tasks/cancel    many at once, by filter
    GET  /queues · GET, POST /queues/NAME                 depth, weight, pause      queue_routes
    GET  /workers · /definitions
    GET  /schedules · GET, PUT, POST, DELETE /schedules/NAME · POST …/run           schedule_routes
    POST, GET /workflows · GET /workflows/ID · …/wait · POST …/cancel               workflow_routes

Whatever is wrong with a request is an `application/problem+json` that says what and where:
400 no JSON, or an unknown parameter, 404 no such thing, 409 not possible in its state, 413 too
large, 422 an argument that does not fit (with `field`), 503 without kvdb.
"""

from collections.abc import Callable
from dataclasses import dataclass

from services.broker.bulk import Bulk
from services.broker.clock import Clock
from services.broker.conflicts import TooManyConflicts
from services.broker.listing import Listing
from services.broker.queries import refuse_unknown
from services.broker.queue_routes import queue_routes
from services.broker.queues import NoSuchQueue, Queues
from services.broker.schedule_book import NoSuchSchedule, ScheduleBook
from services.broker.schedule_routes import schedule_routes
from services.broker.states import IllegalTransition
from services.broker.submission import SubmissionError
from services.broker.task_queue import NoSuchTask, TaskQueue
from services.broker.task_routes import task_routes
from services.broker.waiting import TooManyWaiting, Waiting
from services.broker.workers import Workers
from services.broker.workflow_routes import workflow_routes
from services.broker.workflows import NoSuchWorkflow, Workflows
from services.common.health import VERSION
from services.common.resp_client import ConnectionLost
from services.web.application import Application
from services.web.errors import HTTPError
from services.web.requests import Request
from services.web.responses import Response


@dataclass(frozen=True, slots=True)
class Parts:
    """What the handlers call."""

    queue: TaskQueue
    waiting: Waiting
    listing: Listing
    workers: Workers
    bulk: Bulk
    queues: Queues
    schedules: ScheduleBook
    workflows: Workflows
    workflows_waiting: Waiting


def build_application(parts: Parts, clock_ms: Clock) -> Application:
    """The WSGI application of a broker."""
    application = Application(
        title="broker", version=VERSION, description="A task queue: submit, watch, cancel, retry."
    )
    routers = (
        task_routes(parts.queue, parts.waiting, parts.listing, parts.bulk, clock_ms),
        queue_routes(parts.queues, parts.listing, parts.workers),
        schedule_routes(parts.schedules),
        workflow_routes(parts.workflows, parts.workflows_waiting, parts.listing),
    )
    for router in routers:
        application.include("", refuse_unknown(router))
    _add_error_handlers(application)
    return application


def _add_error_handlers(application: Application) -> None:
    """Each exception of the parts becomes its problem here, and nowhere else."""

    @application.error_handler(SubmissionError)
    def unfit(request: Request, error: SubmissionError) -> Response:
        raise HTTPError(422, f"{error.field}: {error.reason}", field=error.field)

    @application.error_handler(IllegalTransition)
    def illegal(request: Request, error: IllegalTransition) -> Response:
        raise HTTPError(409, str(error), state=error.before.value)

    @application.error_handler(TooManyConflicts)
    def conflict(request: Request, error: TooManyConflicts) -> Response:
        raise HTTPError(409, str(error))

    @application.error_handler(TooManyWaiting)
    def busy(request: Request, error: TooManyWaiting) -> Response:
        raise HTTPError(503, "too many clients wait for tasks", headers={"Retry-After": "1"})

    @application.error_handler(ConnectionLost)
    def storeless(request: Request, error: ConnectionLost) -> Response:
        raise HTTPError(503, f"kvdb does not answer: {error}", headers={"Retry-After": "1"})

    for kind, noun in _MISSING.items():
        application.error_handler(kind)(_answer_missing(noun))


_MISSING: dict[type[LookupError], str] = {
    NoSuchTask: "task",
    NoSuchQueue: "queue",
    NoSuchSchedule: "schedule",
    NoSuchWorkflow: "workflow",
}


def _answer_missing(noun: str) -> Callable[[Request, LookupError], Response]:
    def missing(request: Request, error: LookupError) -> Response:
        raise HTTPError(404, f"there is no {noun} {error}")

    return missing
