"""The routes of queues, and of those who work: weight and pause, workers, definitions."""

from services.broker import schemas
from services.broker.listing import Listing
from services.broker.queues import Queues
from services.broker.workers import Workers
from services.web.openapi import documented
from services.web.requests import Request
from services.web.routing import Router


def queue_routes(queues: Queues, listing: Listing, all_workers: Workers) -> Router:
    router = Router()

    @router.get("/queues")
    @documented(result=schemas.Queues)
    def all_queues(request: Request) -> dict[str, object]:
        """Every queue with its depth, weight and pause, and how many tasks are in each state."""
        return {"queues": queues.all(), "states": listing.counts()}

    @router.get("/queues/<name>")
    @documented(result=schemas.Queue)
    def one_queue(request: Request, name: str) -> dict[str, object]:
        """One queue."""
        return queues.get(name)

    @router.post("/queues/<name>")
    @documented(body=schemas.QueueChange, result=schemas.Queue)
    def change_queue(request: Request, name: str) -> dict[str, object]:
        """Set the weight of a queue, pause it, let it go on: `{"weight": 3, "paused": true}`.

        Once a pause is answered, nothing of the queue starts; what runs goes on.
        """
        return queues.change(name, request.json())

    @router.get("/workers")
    @documented(result=schemas.Workers)
    def workers(request: Request) -> dict[str, object]:
        """The vital signs of each worker, and what it runs now."""
        return {"workers": all_workers.all()}

    @router.get("/definitions")
    @documented(result=schemas.Definitions)
    def definitions(request: Request) -> dict[str, object]:
        """The tasks that workers know, with the options of their definitions."""
        return {"definitions": all_workers.definitions()}

    return router
