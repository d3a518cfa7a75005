"""The overview: every process of the constellation and how it is."""

from services.web.dashboard.overview.routes import context, install
from services.web.dashboard.panel import Panel

PANEL = Panel(name="overview", title="Overview", order=10, install=install, context=context)
