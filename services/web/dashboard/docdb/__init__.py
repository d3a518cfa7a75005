"""The panel of the document database: its collections and documents, queries and their plans."""

from services.web.dashboard.docdb.metrics import docdb_metrics
from services.web.dashboard.docdb.routes import install
from services.web.dashboard.panel import Panel

PANEL = Panel(
    name="docdb",
    title="Documents",
    order=25,
    install=install,
    metrics=docdb_metrics,
    services=("docdb",),
)
