"""The panel of the relational database: schema, SQL and its plans, sessions and locks, the log."""

from services.web.dashboard.panel import Panel
from services.web.dashboard.sqldb.metrics import sqldb_metrics
from services.web.dashboard.sqldb.routes import install

PANEL = Panel(
    name="sqldb",
    title="Tables",
    order=27,
    install=install,
    metrics=sqldb_metrics,
    services=("sqldb",),
)
