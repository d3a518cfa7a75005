"""The page of the task queue and its API; every request is one to the broker's own.

    GET    /api/tasks                       the newest tasks and the queues
    GET    /api/tasks/page?state=&queue=&task=&cursor=     one page of those that fit
    POST   /api/tasks                       {"task": "sleep", "args": [3], "options": {…}}
    GET    /api/tasks/definitions           the tasks that the workers know
    GET    /api/tasks/ID                    one task whole: result, error, attempts, history
    POST   /api/tasks/ID/cancel · retry     it is not wanted any more; run it again
    POST   /api/tasks/bulk/requeue · purge · cancel        {"state": "dead", …}: many at once
    POST   /api/tasks/queues/NAME           {"paused": true}, {"weight": 3}
    PUT    /api/tasks/schedules/NAME        make or change a schedule
    POST   /api/tasks/schedules/NAME        {"paused": true};  …/run: run it now
    DELETE /api/tasks/schedules/NAME
    GET    /api/tasks/workflows/ID          one workflow with its nodes;  POST …/cancel

The broker checks what it is asked for and says what is wrong with it; nothing is checked twice, and
the broker's own OpenAPI document tells what its documents hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NotRequired, TypedDict
from urllib.parse import quote

from services.web.dashboard.fields import json_object
from services.web.dashboard.shell import Dashboard
from services.web.dashboard.tasks.topics import MAX_LISTED, Topics, list_in, listed
from services.web.dashboard.upstream import Upstream
from services.web.dashboard.vital_signs import VitalSigns, from_report
from services.web.errors import HTTPError
from services.web.openapi import documented
from services.web.requests import Request
from services.web.responses import JSONResponse, Response
from services.web.routing import Router

_FILTERS = ("state", "queue", "task", "cursor")
_BULK_VERBS = ("requeue", "purge", "cancel")


class Overview(TypedDict):
    """What the page begins with; `error` says why there is nothing to show."""

    tasks: list[dict[str, Any]]
    queues: list[dict[str, Any]]
    states: dict[str, int]
    history_s: NotRequired[float]
    error: str


class TaskPage(TypedDict):
    """Some tasks, and where the next page begins."""

    tasks: list[dict[str, Any]]
    next_cursor: str | None


def install(dashboard: Dashboard) -> None:
    """Add the API, the topics, and the probes of the broker and its workers."""
    broker = Upstream(dashboard.settings.broker_url)
    dashboard.add_probe("broker", "broker", broker.address, lambda: [_broker_vital_signs(broker)])
    dashboard.add_probe(
        "workers", "worker", broker.address, lambda: _workers_vital_signs(broker), is_listing=True
    )
    topics = Topics(dashboard, broker)
    dashboard.add_routes(_list_routes(broker, topics))
    dashboard.add_routes(_task_routes(broker, topics))
    dashboard.add_routes(_schedule_routes(broker, topics))
    dashboard.add_routes(_workflow_routes(broker, topics))


def _list_routes(broker: Upstream, topics: Topics) -> Router:
    router = Router()

    @router.get("/api/tasks")
    @documented(result=Overview)
    def tasks(request: Request) -> object:
        """The newest tasks, and how many are in each queue."""
        return topics.tasks.state()

    @router.get("/api/tasks/page")
    @documented(query=dict.fromkeys(_FILTERS, str), result=TaskPage)
    def page(request: Request) -> object:
        """The tasks that fit the filters, and where the next page begins."""
        given = {name: value for name in _FILTERS if (value := request.query.get(name))}
        answer = broker.get("/tasks", limit=MAX_LISTED, **given)
        next_cursor = answer.get("next_cursor") if isinstance(answer, dict) else None
        return {"tasks": listed(answer), "next_cursor": next_cursor}

    @router.get("/api/tasks/definitions")
    @documented(result=dict[str, Any])
    def task_definitions(request: Request) -> object:
        """The names of the tasks that workers have announced, with their options."""
        return broker.get("/definitions")

    @router.post("/api/tasks/bulk/<verb>")
    @documented(body=dict[str, Any], result=dict[str, Any])
    def change_many(request: Request, verb: str) -> object:
        """Requeue, purge or cancel all that fit."""
        if verb not in _BULK_VERBS:
            raise HTTPError(404, f"there is no {verb}; there are {', '.join(_BULK_VERBS)}")
        changed = broker.post(f"/tasks/{verb}", json_object(request))
        topics.wake()
        return changed

    @router.post("/api/tasks/queues/<name>")
    @documented(body=dict[str, Any], result=dict[str, Any])
    def change_queue(request: Request, name: str) -> object:
        """Pause a queue, let it go on, or give it a weight."""
        changed = broker.post(f"/queues/{_segment(name)}", json_object(request))
        topics.wake()
        return changed

    return router


def _task_routes(broker: Upstream, topics: Topics) -> Router:
    router = Router()

    @router.post("/api/tasks")
    @documented(body=dict[str, Any], result=dict[str, Any], status=201)
    def submit_task(request: Request) -> Response:
        """Submit a task; the answer is the broker's."""
        task = broker.post("/tasks", json_object(request))
        topics.tasks.wake()
        return JSONResponse(task, status=201)

    @router.get("/api/tasks/<id>")
    @documented(result=dict[str, Any])
    def task(request: Request, id: str) -> object:
        """One task with its result or error, its attempts and its history."""
        return broker.get(f"/tasks/{_segment(id)}")

    @router.post("/api/tasks/<id>/cancel")
    @documented(result=dict[str, Any])
    def cancel_task(request: Request, id: str) -> object:
        """Let a task not run, or stop it while it runs."""
        return _change(broker, topics, f"/tasks/{_segment(id)}/cancel")

    @router.post("/api/tasks/<id>/retry")
    @documented(result=dict[str, Any])
    def retry_task(request: Request, id: str) -> object:
        """Queue a task again that has ended."""
        return _change(broker, topics, f"/tasks/{_segment(id)}/retry")

    return router


def _schedule_routes(broker: Upstream, topics: Topics) -> Router:
    router = Router()

    @router.put("/api/tasks/schedules/<name>")
    @documented(body=dict[str, Any], result=dict[str, Any])
    def put_schedule(request: Request, name: str) -> object:
        """Make a schedule, or change one."""
        schedule = broker.put(f"/schedules/{_segment(name)}", json_object(request))
        topics.wake()
        return schedule

    @router.post("/api/tasks/schedules/<name>")
    @documented(body=dict[str, Any], result=dict[str, Any])
    def change_schedule(request: Request, name: str) -> object:
        """Pause a schedule, or let it go on."""
        schedule = broker.post(f"/schedules/{_segment(name)}", json_object(request))
        topics.wake()
        return schedule

    @router.post("/api/tasks/schedules/<name>/run")
    @documented(result=dict[str, Any])
    def run_schedule(request: Request, name: str) -> object:
        """Submit its task now, whatever its next time is."""
        return _change(broker, topics, f"/schedules/{_segment(name)}/run")

    @router.delete("/api/tasks/schedules/<name>")
    @documented(result=None, status=204)
    def delete_schedule(request: Request, name: str) -> Response:
        """Forget a schedule."""
        broker.delete(f"/schedules/{_segment(name)}")
        topics.wake()
        return Response(status=204)

    return router


def _workflow_routes(broker: Upstream, topics: Topics) -> Router:
    router = Router()

    @router.get("/api/tasks/workflows/<id>")
    @documented(result=dict[str, Any])
    def workflow(request: Request, id: str) -> object:
        """One workflow with all its nodes."""
        return broker.get(f"/workflows/{_segment(id)}")

    @router.post("/api/tasks/workflows/<id>/cancel")
    @documented(result=dict[str, Any])
    def cancel_workflow(request: Request, id: str) -> object:
        """Submit nothing more of it."""
        return _change(broker, topics, f"/workflows/{_segment(id)}/cancel")

    return router


def _change(broker: Upstream, topics: Topics, path: str) -> object:
    changed = broker.post(path, {})
    topics.wake()
    return changed


def _segment(text: str) -> str:
    return quote(text, safe="")


def _broker_vital_signs(broker: Upstream) -> VitalSigns:
    return from_report("broker", broker.get("/healthz"), address=broker.address)


def _workers_vital_signs(broker: Upstream) -> Sequence[VitalSigns]:
    """Each worker by its own name; the broker knows them by their heartbeats."""
    reports = list_in(broker.get("/workers"), "workers")
    return [from_report(str(report.get("name", "worker")), report) for report in reports]
