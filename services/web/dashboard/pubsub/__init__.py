"""The panel of publish/subscribe: watch channels and patterns live, publish to a channel."""

from services.web.dashboard.panel import Panel
from services.web.dashboard.pubsub.metrics import pubsub_metrics
from services.web.dashboard.pubsub.routes import install

PANEL = Panel(
    name="pubsub",
    title="Channels",
    order=30,
    install=install,
    metrics=pubsub_metrics,
    services=("pubsub",),
)
