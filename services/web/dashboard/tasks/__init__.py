"""The panel of the task queue: submit tasks, watch their states change, look into one."""

from services.web.dashboard.panel import Panel
from services.web.dashboard.tasks.metrics import tasks_metrics
from services.web.dashboard.tasks.routes import install

PANEL = Panel(
    name="tasks",
    title="Tasks",
    order=40,
    install=install,
    metrics=tasks_metrics,
    services=("broker", "worker"),
)
