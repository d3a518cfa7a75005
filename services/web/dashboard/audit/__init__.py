"""The panel of the audit log: what was changed through the dashboard, by whom, and from where."""

from services.web.dashboard.audit.routes import install
from services.web.dashboard.panel import Panel

PANEL = Panel(name="audit", title="Audit", order=90, install=install)
