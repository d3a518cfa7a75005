"""The page of the audit log, and its entries as JSON.

    GET /api/audit    the last changes, the newest first: who, from where, what, with which status

The entries are written by `audit_log`, which wakes the topic `audit` for each.
"""

from __future__ import annotations

from typing import TypedDict

from services.web.dashboard.audit_log import Entry
from services.web.dashboard.live import Poll
from services.web.dashboard.shell import Dashboard
from services.web.openapi import documented
from services.web.requests import Request
from services.web.routing import Router

# Each entry wakes the topic; this is only how long it may sleep without one.
_INTERVAL_S = 60.0


class Entries(TypedDict):
    """The last changes, the newest first."""

    entries: list[Entry]


def install(dashboard: Dashboard) -> None:
    """Add the API and the topic `audit`."""
    audit_log = dashboard.audit_log

    def entries() -> dict[str, object]:
        return {"entries": audit_log.entries()}

    poll = Poll("audit", entries, dashboard.log, interval_s=_INTERVAL_S)
    audit_log.on_entry = poll.wake
    dashboard.add_poll(poll)
    router = Router()

    @router.get("/api/audit")
    @documented(result=Entries)
    def audit(request: Request) -> dict[str, object]:
        """The last changes that were made, or tried, through the dashboard."""
        return entries()

    dashboard.add_routes(router)
