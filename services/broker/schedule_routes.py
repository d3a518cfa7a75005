"""The routes of schedules."""

from services.broker.schedule_book import ScheduleBook
from services.broker.schemas import NewSchedule, Pause, Schedule, Schedules, Task
from services.web.openapi import documented
from services.web.requests import Request
from services.web.responses import JSONResponse, Response
from services.web.routing import Router


def schedule_routes(book: ScheduleBook) -> Router:
    router = Router()

    @router.get("/schedules")
    @documented(result=Schedules)
    def schedules(request: Request) -> dict[str, object]:
        """Every schedule, with its next run and its last."""
        return {"schedules": [schedule.as_json() for schedule in book.all()]}

    @router.get("/schedules/<name>")
    @documented(result=Schedule)
    def schedule(request: Request, name: str) -> dict[str, object]:
        """One schedule."""
        return book.get(name).as_json()

    @router.put("/schedules/<name>")
    @documented(body=NewSchedule, result=Schedule, status="2XX")
    def put(request: Request, name: str) -> Response:
        """Write a schedule: a submission, and `every` so many seconds or a `cron` line.

        `timezone` is that of the cron line, `catch_up` says what becomes of runs that were missed
        (`once` or `skip`), `paused` lets it wait. 201 for a new one, 200 for one that was there.
        """
        written, is_new = book.put(name, request.json())
        location = {"Location": f"/schedules/{name}"}
        return JSONResponse(written.as_json(), 201 if is_new else 200, location)

    @router.post("/schedules/<name>")
    @documented(body=Pause, result=Schedule)
    def change(request: Request, name: str) -> dict[str, object]:
        """Pause a schedule, or let it go on: `{"paused": true}`."""
        return book.change(name, request.json()).as_json()

    @router.delete("/schedules/<name>")
    @documented(result=None, status=204)
    def delete(request: Request, name: str) -> Response:
        """Delete a schedule; the tasks that it has submitted stay."""
        book.delete(name)
        return Response(b"", 204)

    @router.post("/schedules/<name>/run")
    @documented(result=Task, status=201)
    def run(request: Request, name: str) -> Response:
        """Submit its task now; its regular runs stay as they are."""
        record = book.run(name)
        return JSONResponse(record.as_json(), 201, {"Location": f"/tasks/{record.id}"})

    return router
