"""What the page of the task queue shows live: one topic for each of its tabs, asked of the broker.

    tasks             the newest tasks, the queues with their history, how many in each state
    task-workers      the workers, and what each runs now
    task-schedules    the schedules
    task-workflows    the newest workflows
    task-dead         the dead-letter queue

A tab is asked for while somebody looks at it. Each topic tells in `error` why it has nothing to
show, so the page can say so and keep what it showed before.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from services.web.dashboard.live import Poll
from services.web.dashboard.shell import Dashboard
from services.web.dashboard.tasks.history import HISTORY_S, QueueHistory
from services.web.dashboard.upstream import Refused, Unreachable, Upstream

INTERVAL_S = 1.0
SLOW_INTERVAL_S = 3.0
IDLE_INTERVAL_S = 3.0
"""The queues are also looked at while nobody does, for the charts."""
MAX_LISTED = 100
MAX_ARGUMENTS_CHARACTERS = 200
# The broker and the workers tell here of each step of a task, and of what a task reports.
EVENTS_CHANNEL = "tasks:events"
PROGRESS_CHANNEL = "tasks:progress"
WORKFLOWS_CHANNEL = "tasks:workflows"

_LISTED_FIELDS = (
    "id",
    "task",
    "state",
    "queue",
    "attempts",
    "worker",
    "created_at",
    "started_at",
    "finished_at",
    "workflow",
    "schedule",
)


class Topics:
    """The topics, and the door to each of them for whoever has changed something."""

    def __init__(self, dashboard: Dashboard, broker: Upstream) -> None:
        self._broker = broker
        self._history = QueueHistory()
        log = dashboard.log
        self.tasks = Poll(
            "tasks", self.overview, log, interval_s=INTERVAL_S, idle_interval_s=IDLE_INTERVAL_S
        )
        self.workers = Poll("task-workers", self._ask("/workers"), log, interval_s=INTERVAL_S)
        self.schedules = Poll("task-schedules", self._ask("/schedules"), log, interval_s=INTERVAL_S)
        self.workflows = Poll(
            "task-workflows", self._ask("/workflows"), log, interval_s=SLOW_INTERVAL_S
        )
        self.dead = Poll("task-dead", self._dead, log, interval_s=SLOW_INTERVAL_S)
        dashboard.add_poll(self.tasks, announced_on=EVENTS_CHANNEL)
        dashboard.add_poll(self.workers, announced_on=PROGRESS_CHANNEL)
        dashboard.add_poll(self.workflows, announced_on=WORKFLOWS_CHANNEL)
        dashboard.add_poll(self.schedules)
        dashboard.add_poll(self.dead)

    def wake(self) -> None:
        """Something was changed by hand: every tab that is looked at is to show it at once."""
        for poll in (self.tasks, self.workers, self.schedules, self.workflows, self.dead):
            poll.wake()

    def overview(self) -> dict[str, object]:
        """What the page begins with, or the reason why it cannot be shown."""
        try:
            tasks = self._broker.get("/tasks", limit=MAX_LISTED)
            queues = self._broker.get("/queues")
        except (Unreachable, Refused) as error:
            return {"tasks": [], "queues": [], "states": {}, "error": str(error)}
        found = [queue for queue in list_in(queues, "queues") if isinstance(queue, dict)]
        self._history.add(found)
        return {
            "tasks": listed(tasks),
            "queues": [
                queue | {"history": self._history.of(str(queue["name"]))} for queue in found
            ],
            "history_s": HISTORY_S,
            "states": queues.get("states", {}) if isinstance(queues, dict) else {},
            "error": "",
        }

    def _dead(self) -> dict[str, object]:
        answer = self._ask("/tasks", state="dead", limit=MAX_LISTED)()
        return {"tasks": listed(answer), "error": answer.get("error", "")}

    def _ask(self, path: str, **query: object) -> Callable[[], dict[str, object]]:
        def ask() -> dict[str, object]:
            try:
                answer = self._broker.get(path, **query)
            except (Unreachable, Refused) as error:
                return {"error": str(error)}
            return answer if isinstance(answer, dict) else {"error": "the broker talks nonsense"}

        return ask


def listed(answer: object) -> list[dict[str, object]]:
    """The rows of a page of tasks.

    The broker reads one index after the other: a task that moves meanwhile may be in two.
    """
    rows = {task.get("id"): _row(task) for task in reversed(list_in(answer, "tasks"))}
    return list(reversed(rows.values()))


def _row(task: dict[str, object]) -> dict[str, object]:
    """Arguments and results may be large and come with the task alone."""
    arguments = [json.dumps(value, ensure_ascii=False) for value in list_in(task, "args")]
    keywords = task.get("kwargs")
    if isinstance(keywords, dict):
        arguments += [f"{name}={json.dumps(value)}" for name, value in keywords.items()]
    error = task.get("error")
    return {
        **{name: task.get(name) for name in _LISTED_FIELDS},
        "arguments": ", ".join(arguments)[:MAX_ARGUMENTS_CHARACTERS],
        "error": f"{error.get('type')}: {error.get('message')}"[:MAX_ARGUMENTS_CHARACTERS]
        if isinstance(error, dict)
        else None,
    }


def list_in(answer: object, name: str) -> list:
    """The list of objects or values that an answer holds under `name`."""
    found = answer.get(name) if isinstance(answer, dict) else None
    return found if isinstance(found, list) else []
