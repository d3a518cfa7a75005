"""The routes of workflows."""

from typing import Any

from services.broker import queries
from services.broker.listing import Listing
from services.broker.schemas import Workflow, WorkflowPage
from services.broker.waiting import Waiting
from services.broker.workflows import Workflows
from services.web.openapi import documented
from services.web.requests import Request
from services.web.responses import JSONResponse, Response
from services.web.routing import Router


def workflow_routes(workflows: Workflows, waiting: Waiting, listing: Listing) -> Router:
    router = Router()

    @router.post("/workflows")
    @documented(body=dict[str, Any], result=Workflow, status=201)
    def submit(request: Request) -> Response:
        """Submit a workflow: a tree of tasks, `chain`, `group` and `chord`.

        `{"chain": [{"task": "a"}, {"group": [{"task": "b"}, {"task": "c"}]}, {"task": "d"}]}`.
        """
        record = workflows.submit(request.json())
        return JSONResponse(record.as_json(), 201, {"Location": f"/workflows/{record.id}"})

    @router.get("/workflows")
    @documented(query=queries.PAGE, result=WorkflowPage)
    def page(request: Request) -> dict[str, object]:
        """Workflows, newest first; `next_cursor` is where the next page begins."""
        found, cursor = listing.workflows(queries.limit(request), queries.cursor(request))
        return {
            "workflows": [record.as_json(with_tree=False) for record in found],
            "next_cursor": None if cursor is None else str(cursor),
        }

    @router.get("/workflows/<workflow_id>")
    @documented(result=Workflow)
    def workflow(request: Request, workflow_id: str) -> dict[str, object]:
        """One workflow, with its steps and their tasks."""
        return workflows.get(workflow_id).as_json()

    @router.get("/workflows/<workflow_id>/wait")
    @documented(query=queries.WAIT, result=Workflow)
    def wait(request: Request, workflow_id: str) -> dict[str, object]:
        """The workflow when it is finished, or as it is after `timeout` seconds."""
        return waiting.wait(workflow_id, queries.timeout_s(request)).as_json()

    @router.post("/workflows/<workflow_id>/cancel")
    @documented(result=Workflow)
    def cancel(request: Request, workflow_id: str) -> dict[str, object]:
        """Submit nothing more of it, cancel what waits, stop what runs."""
        return workflows.cancel(workflow_id).as_json()

    return router
