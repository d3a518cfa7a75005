"""The panel of the ledger: how far each node is, whether they agree, balances, transfers."""

from services.web.dashboard.ledger.metrics import ledger_metrics
from services.web.dashboard.ledger.routes import install
from services.web.dashboard.panel import Panel

PANEL = Panel(
    name="ledger",
    title="Ledger",
    order=50,
    install=install,
    metrics=ledger_metrics,
    services=("ledger",),
)
