"""A panel: one folder of the dashboard, and all that the dashboard knows of it.

    kvdb/__init__.py   PANEL, what is declared below
    kvdb/routes.py     its page and its part of the API
    kvdb/page.html     the page, within the shell
    kvdb/metrics.py    what a Prometheus is told of it, if anything
    kvdb/icon.svg      its picture in the navigation
    kvdb/static/       its modules and styles, served below /static/kvdb

Every folder with a `PANEL` is found at the start. To add a service is to add a folder: its routes,
its topics and the probes of its processes come with it, and so do the entry of the navigation, the
rows of the overview and the node on its map.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.web.dashboard.metrics import Metrics
    from services.web.dashboard.shell import Dashboard

FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Panel:
    """What one folder brings."""

    name: str
    """The folder, and `/name` in the address of the page."""
    title: str
    order: int
    """Its place in the navigation."""
    install: Callable[[Dashboard], None]
    """Adds its routes, topics and probes."""
    services: tuple[str, ...] = ()
    """The services that it is about; the navigation shows how they are."""
    context: Callable[[Dashboard], Mapping[str, object]] = lambda dashboard: {}
    """What its page is rendered with, beside what every page has."""
    metrics: Metrics | None = None
    """What `/metrics` tells of the topic that has the panel's name."""

    @property
    def icon(self) -> str:
        """The template of its picture in the navigation."""
        return f"{self.name}/icon.svg"

    @property
    def path(self) -> str:
        return "/" if self.name == "overview" else f"/{self.name}"


def find_panels() -> list[Panel]:
    """The panel of every folder that has one, in the order of the navigation."""
    packages = [
        importlib.import_module(f"{__package__}.{module.name}")
        for module in pkgutil.iter_modules([str(FOLDER)])
        if module.ispkg and (FOLDER / module.name / "page.html").exists()
    ]
    return sorted((package.PANEL for package in packages), key=lambda panel: panel.order)
