"""The panel of the key-value database: browse its keys, look into values, set, delete, expire."""

from services.web.dashboard.kvdb.metrics import kvdb_metrics
from services.web.dashboard.kvdb.routes import install
from services.web.dashboard.panel import Panel

PANEL = Panel(
    name="kvdb",
    title="Keys",
    order=20,
    install=install,
    metrics=kvdb_metrics,
    services=("kvdb",),
)
