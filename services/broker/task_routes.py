"""The routes of tasks: submit, look, list, wait, cancel, retry, and the same for many at once."""

from services.broker import queries
from services.broker.bulk import Bulk
from services.broker.clock import Clock
from services.broker.listing import Listing
from services.broker.progress import Progress
from services.broker.schemas import Changed, Selection, Submission, Task, TaskPage, Tasks
from services.broker.states import State
from services.broker.submission import SubmissionError, parse_submission
from services.broker.task_queue import Sight, TaskQueue
from services.broker.task_record import TaskRecord
from services.broker.waiting import Waiting
from services.web.openapi import documented
from services.web.requests import Request
from services.web.responses import JSONResponse, Response
from services.web.routing import Router

MAX_SUBMISSIONS = 1000

# A list shows what fits on a line; the rest comes with the task itself.
_LEFT_OUT_OF_LISTS = ("result", "output", "history", "options")


def task_routes(
    queue: TaskQueue, waiting: Waiting, listing: Listing, bulk: Bulk, clock_ms: Clock
) -> Router:
    router = Router()
    _add_routes_of_one(router, queue, waiting)
    _add_routes_of_many(router, bulk)

    @router.post("/tasks")
    @documented(body=Submission | list[Submission], result=Task | Tasks, status="2XX")
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
        shown = _with_progress(record, None if is_new else queue.progress(record.id))
        return JSONResponse(shown, 201 if is_new else 200, location)

    @router.get("/tasks")
    @documented(query=queries.FILTER | queries.PAGE, result=TaskPage)
    def tasks(request: Request) -> dict[str, object]:
        """Tasks, newest first; `state` may name several, separated by commas.

        `next_cursor` is where the next page begins; null after the last one.
        """
        which, cursor = queries.task_filter(request), queries.cursor(request)
        page = listing.tasks(which, queries.limit(request), cursor)
        return {
            "tasks": [_in_a_list(record) for record in page.tasks],
            "next_cursor": None if page.next_cursor is None else str(page.next_cursor),
        }

    return router


def _add_routes_of_one(router: Router, queue: TaskQueue, waiting: Waiting) -> None:
    @router.get("/tasks/<task_id>")
    @documented(result=Task)
    def task(request: Request, task_id: str) -> dict[str, object]:
        """One task: its state, result or error, attempts, times, progress and history."""
        return _shown(queue.look(task_id))

    @router.get("/tasks/<task_id>/wait")
    @documented(query=queries.WAIT, result=Task)
    def wait(request: Request, task_id: str) -> dict[str, object]:
        """The task when it is finished, or as it is after `timeout` seconds."""
        return _shown(waiting.wait(task_id, queries.timeout_s(request)))

    @router.post("/tasks/<task_id>/cancel")
    @documented(result=Task, status="2XX")
    def cancel(request: Request, task_id: str) -> Response:
        """Cancel a task that waits (200), or have a running one stopped (202)."""
        record = queue.cancel(task_id)
        shown = _with_progress(record, queue.progress(task_id))
        return JSONResponse(shown, 202 if record.state is State.RUNNING else 200)

    @router.post("/tasks/<task_id>/retry")
    @documented(result=Task)
    def retry(request: Request, task_id: str) -> dict[str, object]:
        """Queue a task again that failed, died, expired or was cancelled."""
        return _with_progress(queue.retry(task_id), None)


def _add_routes_of_many(router: Router, bulk: Bulk) -> None:
    @router.post("/tasks/requeue")
    @documented(body=Selection, result=Changed)
    def requeue(request: Request) -> dict[str, object]:
        """Queue finished tasks again, by filter: `{"state": "dead", "queue": …, "task": …}`.

        `ids` names them one by one, `limit` bounds their number; `more` says whether some are left.
        """
        return bulk.requeue(request.json())

    @router.post("/tasks/purge")
    @documented(body=Selection, result=Changed)
    def purge(request: Request) -> dict[str, object]:
        """Delete finished tasks with their results, by filter."""
        return bulk.purge(request.json())

    @router.post("/tasks/cancel")
    @documented(body=Selection, result=Changed)
    def cancel_many(request: Request) -> dict[str, object]:
        """Cancel tasks that wait or run, by filter."""
        return bulk.cancel(request.json())


def _submitted_many(queue: TaskQueue, documents: list[object], now_ms: int) -> Response:
    if not 0 < len(documents) <= MAX_SUBMISSIONS:
        raise SubmissionError("body", f"must hold 1 to {MAX_SUBMISSIONS} tasks")
    submissions = []
    for index, document in enumerate(documents):
        try:
            submissions.append(parse_submission(document, now_ms))
        except SubmissionError as error:
            raise SubmissionError(f"{index}.{error.field}", error.reason) from None
    tasks = [_in_a_list(record) for record, _ in queue.submit(submissions)]
    return JSONResponse({"tasks": tasks}, 201)


def _shown(sight: Sight) -> dict[str, object]:
    return _with_progress(sight.record, sight.progress)


def _with_progress(record: TaskRecord, progress: Progress | None) -> dict[str, object]:
    return record.as_json() | {"progress": None if progress is None else progress.as_json()}


def _in_a_list(record: TaskRecord) -> dict[str, object]:
    shown = record.as_json()
    return {name: shown[name] for name in shown if name not in _LEFT_OUT_OF_LISTS}
