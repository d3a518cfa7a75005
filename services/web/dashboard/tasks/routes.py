"""The page of the task queue and its API; every request is one to the broker's own.

    GET  /api/tasks                  the newest tasks and the queues
    POST /api/tasks                  {"task": "sleep", "args": [3], "options": {…}}: POST /tasks
    GET  /api/tasks/ID               one task whole: result, error, attempts, history
    POST /api/tasks/ID/cancel        it is not wanted any more
    POST /api/tasks/ID/retry         run it again
    GET  /api/tasks/definitions      the tasks that the workers know

The broker checks what is submitted and says what is wrong with it; nothing is checked twice.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from urllib.parse import quote

from services.web.dashboard.fields import json_object
from services.web.dashboard.live import Poll
from services.web.dashboard.shell import Dashboard
from services.web.dashboard.upstream import Refused, Unreachable, Upstream
from services.web.dashboard.vital_signs import VitalSigns, from_report
from services.web.requests import Request
from services.web.responses import JSONResponse, Response
from services.web.routing import Router

INTERVAL_S = 1.0
MAX_LISTED = 100
MAX_ARGUMENTS_CHARACTERS = 200
# The broker and the workers tell here of each step of a task.
EVENTS_CHANNEL = "tasks:events"

_LISTED_FIELDS = ("id", "task", "state", "queue", "attempts", "worker", "created_at", "finished_at")


def install(dashboard: Dashboard) -> None:
    """Add the API, the topic `tasks`, and the probes of the broker and its workers."""
    broker = Upstream(dashboard.settings.broker_url)
    dashboard.add_probe("broker", "broker", broker.address, lambda: [_broker_vital_signs(broker)])
    dashboard.add_probe(
        "workers", "worker", broker.address, lambda: _workers_vital_signs(broker), is_listing=True
    )
    poll = Poll("tasks", lambda: overview(broker), dashboard.log, interval_s=INTERVAL_S)
    dashboard.add_poll(poll, announced_on=EVENTS_CHANNEL)
    dashboard.add_routes(_routes(broker, poll))


def _routes(broker: Upstream, poll: Poll) -> Router:
    router = Router()

    @router.get("/api/tasks")
    def tasks(request: Request) -> object:
        """The newest tasks, and how many are in each queue."""
        return poll.state()

    @router.post("/api/tasks")
    def submit_task(request: Request) -> Response:
        """Submit a task; the answer is the broker's."""
        task = broker.post("/tasks", json_object(request))
        poll.wake()
        return JSONResponse(task, status=201)

    @router.get("/api/tasks/definitions")
    def task_definitions(request: Request) -> object:
        """The names of the tasks that workers have announced, with their options."""
        return broker.get("/definitions")

    @router.get("/api/tasks/<id>")
    def task(request: Request, id: str) -> object:
        """One task with its result or error, its attempts and its history."""
        return broker.get(f"/tasks/{_segment(id)}")

    @router.post("/api/tasks/<id>/cancel")
    def cancel_task(request: Request, id: str) -> object:
        """Let a task not run, or stop it while it runs."""
        return _change(broker, poll, id, "cancel")

    @router.post("/api/tasks/<id>/retry")
    def retry_task(request: Request, id: str) -> object:
        """Queue a task again that has ended."""
        return _change(broker, poll, id, "retry")

    return router


def overview(broker: Upstream) -> dict[str, object]:
    """What the page shows, or the reason why it cannot be shown."""
    try:
        tasks = broker.get("/tasks", limit=MAX_LISTED)
        queues = broker.get("/queues")
    except (Unreachable, Refused) as error:
        return {"tasks": [], "queues": [], "states": {}, "error": str(error)}
    # The broker reads one index after the other: a task that moves meanwhile may be in two.
    listed = {task.get("id"): _listed(task) for task in reversed(_list_in(tasks, "tasks"))}
    return {
        "tasks": list(reversed(listed.values())),
        "queues": _list_in(queues, "queues"),
        "states": queues.get("states", {}) if isinstance(queues, dict) else {},
        "error": "",
    }


def _listed(task: dict[str, object]) -> dict[str, object]:
    """A row of the list; arguments and results may be large and come with the task alone."""
    arguments = [json.dumps(value, ensure_ascii=False) for value in _list_in(task, "args")]
    keywords = task.get("kwargs")
    if isinstance(keywords, dict):
        arguments += [f"{name}={json.dumps(value)}" for name, value in keywords.items()]
    text = ", ".join(arguments)
    return {
        **{name: task.get(name) for name in _LISTED_FIELDS},
        "arguments": text[:MAX_ARGUMENTS_CHARACTERS],
    }


def _list_in(answer: object, name: str) -> list:
    """The list of objects or values that an answer holds under `name`."""
    found = answer.get(name) if isinstance(answer, dict) else None
    return found if isinstance(found, list) else []


def _change(broker: Upstream, poll: Poll, task_id: str, verb: str) -> object:
    changed = broker.post(f"/tasks/{_segment(task_id)}/{verb}", {})
    poll.wake()
    return changed


def _segment(text: str) -> str:
    return quote(text, safe="")


def _broker_vital_signs(broker: Upstream) -> VitalSigns:
    return from_report("broker", broker.get("/healthz"), address=broker.address)


def _workers_vital_signs(broker: Upstream) -> Sequence[VitalSigns]:
    """Each worker by its own name; the broker knows them by their heartbeats."""
    reports = _list_in(broker.get("/workers"), "workers")
    return [from_report(str(report.get("name", "worker")), report) for report in reports]
