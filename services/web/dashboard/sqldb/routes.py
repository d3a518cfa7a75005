"""The page of sqldb and its API; every request is a few statements over PostgreSQL's protocol.

    GET    /api/sqldb/schema                          schemas, and what is in them
    GET    /api/sqldb/relation?schema=shop&name=orders          columns, constraints, indexes
    POST   /api/sqldb/run                             {"sql": "…", "limit": 100}: statements
    POST   /api/sqldb/explain                         {"sql": "…", "position": 0}: the plan
    POST   /api/sqldb/cancel                          {"run": "…"}: stop what is running
    GET    /api/sqldb/activity                        sessions and locks
    POST   /api/sqldb/sessions                        {"pid": 7, "action": "cancel"}
    POST   /api/sqldb/checkpoint                      make one now

A text that changes something is answered with `asks` until `"is_confirmed": true` comes with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from services.sqldb.client import ClientError
from services.web.dashboard.fields import json_object, text_field
from services.web.dashboard.live import Poll
from services.web.dashboard.shell import Dashboard
from services.web.dashboard.sqldb import schemas
from services.web.dashboard.sqldb.console import STATEMENT_TIMEOUT_S, Console
from services.web.dashboard.sqldb.pool import SqlPool
from services.web.dashboard.sqldb.schema import describe, list_schemas
from services.web.dashboard.sqldb.server import ServerFigures
from services.web.dashboard.sqldb.type_names import TypeNames
from services.web.errors import HTTPError, error_response
from services.web.openapi import documented
from services.web.requests import Request
from services.web.responses import Response
from services.web.routing import Router

TIMEOUT_S = 4.0
# A statement is ended by the server, which says why; the socket only waits a little longer.
_PATIENCE_S = 2.0
_STATISTICS_INTERVAL_S = 2.0
_STATISTICS_IDLE_INTERVAL_S = 6.0
_MAX_PID = 2**31 - 1

_RELATION: Mapping[str, type] = MappingProxyType({"schema": str, "name": str})


def install(dashboard: Dashboard) -> None:
    """Add the page, the API, the `sqldb` topic and the probe of sqldb."""
    address = dashboard.settings.sqldb_url
    pool = SqlPool(
        address,
        application_name="glassbox dashboard",
        timeout_s=TIMEOUT_S + _PATIENCE_S,
        preparation=f"SET statement_timeout = {TIMEOUT_S * 1000:.0f}",
    )
    of_console = SqlPool(
        address,
        application_name="glassbox console",
        timeout_s=STATEMENT_TIMEOUT_S + _PATIENCE_S,
        preparation=f"SET statement_timeout = {STATEMENT_TIMEOUT_S * 1000:.0f}",
    )
    figures = ServerFigures(pool)
    dashboard.on_stop(pool.close)
    where = address.address
    dashboard.add_probe("sqldb", "sqldb", where, lambda: [figures.vital_signs(where)])
    dashboard.add_poll(
        Poll(
            "sqldb",
            figures.statistics,
            dashboard.log,
            interval_s=_STATISTICS_INTERVAL_S,
            # Who opens the page finds the last minutes on its charts.
            idle_interval_s=_STATISTICS_IDLE_INTERVAL_S,
        )
    )
    dashboard.add_routes(_schema_routes(pool))
    dashboard.add_routes(_console_routes(Console(of_console, TypeNames(pool))))
    dashboard.add_routes(_server_routes(figures))

    @dashboard.app.error_handler(ClientError)
    def refused(request: Request, error: ClientError) -> Response:
        return error_response(
            HTTPError(400, f"{error} ({error.sqlstate or 'no SQLSTATE'})"), request
        )


def _schema_routes(pool: SqlPool) -> Router:
    router = Router()

    @router.get("/api/sqldb/schema")
    @documented(result=schemas.Schemas)
    def sqldb_schema(request: Request) -> dict[str, object]:
        """Every schema with its tables, views, sequences and types."""
        return list_schemas(pool)

    @router.get("/api/sqldb/relation")
    @documented(query=_RELATION, result=schemas.Relation)
    def sqldb_relation(request: Request) -> dict[str, object]:
        """One of them, with all its parts."""
        return describe(pool, _named(request, "schema"), _named(request, "name"))

    return router


def _console_routes(console: Console) -> Router:
    router = Router()

    @router.post("/api/sqldb/run")
    @documented(body=schemas.Run, result=schemas.RunResult)
    def sqldb_run(request: Request) -> dict[str, object]:
        """Run statements; what changes something has to be confirmed."""
        return console.run(json_object(request))

    @router.post("/api/sqldb/explain")
    @documented(body=schemas.Explain, result=schemas.Plan)
    def sqldb_explain(request: Request) -> dict[str, object]:
        """How a statement is run, and what each part of that took."""
        return console.explain(json_object(request))

    @router.post("/api/sqldb/cancel")
    @documented(body=schemas.CancelledRun, result=None, status=204)
    def cancel_sqldb_run(request: Request) -> Response:
        """Cancel what a run is doing."""
        console.cancel(text_field(json_object(request), "run"))
        return Response(status=204)

    return router


def _server_routes(figures: ServerFigures) -> Router:
    router = Router()

    @router.get("/api/sqldb/activity")
    @documented(result=schemas.Activity)
    def sqldb_activity(request: Request) -> dict[str, object]:
        """Who is connected, what each does, and who waits for whom."""
        return figures.activity()

    @router.post("/api/sqldb/sessions")
    @documented(body=schemas.Interruption, result=None, status=204)
    def interrupt_sqldb_session(request: Request) -> Response:
        """Cancel a session's statement, or end the session."""
        body = json_object(request)
        pid = body.get("pid")
        if type(pid) is not int or not 0 < pid <= _MAX_PID:
            raise HTTPError(400, "pid must be a whole number above 0")
        figures.interrupt(pid, text_field(body, "action"))
        return Response(status=204)

    @router.post("/api/sqldb/checkpoint")
    @documented(result=None, status=204)
    def sqldb_checkpoint(request: Request) -> Response:
        """Make a checkpoint now."""
        figures.checkpoint()
        return Response(status=204)

    return router


def _named(request: Request, name: str) -> str:
    value = request.query.get(name)
    if not value:
        raise HTTPError(400, f"the query names no {name}: ?{name}=…")
    return value
