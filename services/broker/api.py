"""The HTTP/JSON API of the task queue.

    POST /tasks                      one submission, or an array of them
    GET  /tasks?state=&queue=&task=&limit=&cursor=
    GET  /tasks/ID
    GET  /tasks/ID/wait?timeout=     answers when the task is finished
    POST /tasks/ID/cancel
    POST /tasks/ID/retry
    GET  /queues                     depth of each queue, number of tasks in each state
    GET  /workers                    vital signs, and what each runs now
    GET  /definitions                the tasks that workers have announced

Whatever is wrong with a request is an `application/problem+json` that says what and where:
400 no JSON, 404 no such task, 409 not possible in the task's state, 413 too large, 422 an
argument that does not fit (with `field`), 503 without kvdb.
"""

from collections.abc import Callable, Iterable

from services.broker.listing import MAX_LIMIT, Filter, Listing, parse_cursor
from services.broker.states import IllegalTransition, State
from services.broker.submission import SubmissionError, parse_submission
from services.broker.task_queue import NoSuchTask, TaskQueue, TooManyConflicts
from services.broker.task_record import TaskRecord
from services.broker.waiting import TooManyWaiting, Waiting
from services.common.health import VERSION
from services.common.resp_client import ConnectionLost
from services.web.application import Application
from services.web.errors import HTTPError
from services.web.requests import Request
from services.web.responses import JSONResponse, Response
from services.web.routing import Router

MAX_SUBMISSIONS = 1000
MAX_WAIT_S = 60.0
DEFAULT_WAIT_S = 30.0
DEFAULT_LIMIT = 50

# A list shows what fits on a line; the rest comes with the task itself.
_LEFT_OUT_OF_LISTS = ("result", "output", "history", "options")


def build_application(
    queue: TaskQueue, waiting: Waiting, listing: Listing, clock_ms: Callable[[], int]
) -> Application:
    """The WSGI application of a broker."""
    application = Application(
        title="broker", version=VERSION, description="A task queue: submit, watch, cancel, retry."
    )
    application.include("", _task_routes(queue, waiting, clock_ms))
    application.include("", _list_routes(listing))
    _add_error_handlers(application)
    return application


def _task_routes(queue: TaskQueue, waiting: Waiting, clock_ms: Callable[[], int]) -> Router:
    router = Router()

    @router.post("/tasks")
    def submit(request: Request) -> Response:
        """Submit one task, or an array of them: all or none.

        `{"task": NAME, "args": [...], "kwargs": {...}, "options": {...}}`. The answer is the task
        (201), or the one that was submitted before under the same idempotency key (200).
        """
        document = request.json()
        if isinstance(document, list):
            return _submitted_many(queue, document, clock_ms())
        ((record, is_new),) = queue.submit([parse_submission(document, clock_ms())])
        location = {"Location": f"/tasks/{record.id}"}
        return JSONResponse(record.as_json(), 201 if is_new else 200, location)

    @router.get("/tasks/<task_id>")
    def task(request: Request, task_id: str) -> dict[str, object]:
        """One task: its state, result or error, attempts, times and history."""
        return queue.get(task_id).as_json()

    @router.get("/tasks/<task_id>/wait")
    def wait(request: Request, task_id: str) -> dict[str, object]:
        """The task when it is finished, or as it is after `timeout` seconds."""
        timeout_s = _number(request, "timeout", DEFAULT_WAIT_S, 0, MAX_WAIT_S)
        return waiting.wait(task_id, timeout_s).as_json()

    @router.post("/tasks/<task_id>/cancel")
    def cancel(request: Request, task_id: str) -> Response:
        """Cancel a task that waits (200), or have a running one stopped (202)."""
        record = queue.cancel(task_id)
        return JSONResponse(record.as_json(), 202 if record.state is State.RUNNING else 200)

    @router.post("/tasks/<task_id>/retry")
    def retry(request: Request, task_id: str) -> dict[str, object]:
        """Queue a task again that failed, died, expired or was cancelled."""
        return queue.retry(task_id).as_json()

    return router


def _list_routes(listing: Listing) -> Router:
    router = Router()

    @router.get("/tasks")
    def tasks(request: Request) -> dict[str, object]:
        """Tasks, newest first; `state` may name several, separated by commas.

        `next_cursor` is where the next page begins; null after the last one.
        """
        cursor = request.query.get("cursor")
        try:
            position = parse_cursor(cursor) if cursor else None
        except ValueError as reason:
            raise _unfit("cursor", str(reason)) from None
        limit = int(_number(request, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT))
        page = listing.tasks(_filter(request), limit, position)
        return {
            "tasks": [_in_a_list(record) for record in page.tasks],
            "next_cursor": None if page.next_cursor is None else str(page.next_cursor),
        }

    @router.get("/queues")
    def queues(request: Request) -> dict[str, object]:
        """The depth of each queue, and how many tasks are in each state."""
        return {"queues": listing.queues(), "states": listing.counts()}

    @router.get("/workers")
    def workers(request: Request) -> dict[str, object]:
        """The vital signs of each worker, and what it runs now."""
        return {"workers": listing.workers()}

    @router.get("/definitions")
    def definitions(request: Request) -> dict[str, object]:
        """The tasks that workers know, with the options of their definitions."""
        return {"definitions": listing.definitions()}

    return router


def _submitted_many(queue: TaskQueue, documents: list[object], now_ms: int) -> Response:
    if not 0 < len(documents) <= MAX_SUBMISSIONS:
        raise _unfit("body", f"must hold 1 to {MAX_SUBMISSIONS} tasks")
    submissions = []
    for index, document in enumerate(documents):
        try:
            submissions.append(parse_submission(document, now_ms))
        except SubmissionError as error:
            raise SubmissionError(f"{index}.{error.field}", error.reason) from None
    tasks = [_in_a_list(record) for record, _ in queue.submit(submissions)]
    return JSONResponse({"tasks": tasks}, 201)


def _in_a_list(record: TaskRecord) -> dict[str, object]:
    shown = record.as_json()
    return {name: shown[name] for name in shown if name not in _LEFT_OUT_OF_LISTS}


def _filter(request: Request) -> Filter:
    return Filter(
        states=_states(request.query.get("state") or ""),
        queue=request.query.get("queue") or None,
        task=request.query.get("task") or None,
    )


def _states(text: str) -> frozenset[State]:
    names: Iterable[str] = filter(None, text.split(","))
    try:
        return frozenset(map(State, names)) or frozenset(State)
    except ValueError:
        choices = ", ".join(state.value for state in State)
        raise _unfit("state", f"there are {choices}") from None


def _number(request: Request, name: str, default: float, minimum: float, maximum: float) -> float:
    text = request.query.get(name)
    try:
        value = float(text) if text else default
    except ValueError:
        value = float("nan")
    if not minimum <= value <= maximum:
        raise _unfit(name, f"must be a number from {minimum:g} to {maximum:g}")
    return value


def _unfit(field: str, reason: str) -> HTTPError:
    return HTTPError(422, f"{field}: {reason}", field=field)


def _add_error_handlers(application: Application) -> None:
    @application.error_handler(SubmissionError)
    def unfit(request: Request, error: SubmissionError) -> Response:
        raise _unfit(error.field, error.reason)

    @application.error_handler(NoSuchTask)
    def unknown(request: Request, error: NoSuchTask) -> Response:
        raise HTTPError(404, f"there is no task {error}")

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
