"""The page of the overview, and what it shows as JSON.

    GET /api/services    every process: state, version, uptime, address, memory, request rate

The collector's rounds are the topic `services`, which every page watches for the states in the
navigation. They go on slowly while nobody looks, so that whoever comes sees the last minutes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from services.web.dashboard.live import Poll
from services.web.dashboard.shell import Dashboard
from services.web.dashboard.vital_signs import State, VitalSigns
from services.web.openapi import documented
from services.web.requests import Request
from services.web.routing import Router

INTERVAL_S = 2.0
IDLE_INTERVAL_S = 15.0


class Process(TypedDict):
    """One process: its vital signs, and its requests over the last minutes."""

    name: str
    service: str
    state: str
    address: str
    software: str
    version: str
    uptime_s: float | None
    memory_bytes: int | None
    requests_total: int | None
    problems: dict[str, str]
    request_rate: float | None
    rate_history: list[list[float]]


class Round(TypedDict):
    """Every process, as the collector's last round saw it."""

    services: list[Process]
    history_s: float


def install(dashboard: Dashboard) -> None:
    """Add the API and the topic `services`."""
    rounds = Poll(
        "services",
        dashboard.collector.collect,
        dashboard.log,
        interval_s=INTERVAL_S,
        idle_interval_s=IDLE_INTERVAL_S,
    )
    dashboard.add_poll(rounds)
    router = Router()

    @router.get("/api/services")
    @documented(result=Round)
    def services(request: Request) -> object:
        """Every process of the constellation with its vital signs."""
        return rounds.state()

    dashboard.add_routes(router)


def context(dashboard: Dashboard) -> Mapping[str, object]:
    """The rows that the page is first painted with, and a blank one for those that come later."""
    latest = dashboard.latest("services")
    return {
        "services": latest["services"] if latest else [],
        "blank": VitalSigns("", "", State.UNKNOWN).as_json(),
    }
