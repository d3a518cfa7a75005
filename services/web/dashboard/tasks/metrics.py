"""The figures of the topic `tasks` as metrics."""

from collections.abc import Mapping

from services.web.dashboard.metrics import Family, Figures


def tasks_metrics(figures: Figures) -> list[Family]:
    # Not `_total`: a state is left again, and old tasks are forgotten.
    tasks = Family("tasks", "gauge", "Tasks that the broker knows, by state.")
    states = figures.get("states")
    for state, count in (states if isinstance(states, Mapping) else {}).items():
        tasks.add(count, state=str(state))
    depth = Family("queue_depth", "gauge", "Tasks that wait in the queue.")
    age = Family("queue_oldest_task_age_seconds", "gauge", "How long its oldest task has waited.")
    paused = Family("queue_paused", "gauge", "Whether the queue is paused (1).")
    for queue in figures.get("queues", ()):
        name = str(queue.get("name"))
        depth.add(queue.get("depth"), queue=name)
        age.add(queue.get("oldest_age_s"), queue=name)
        paused.add(int(queue.get("paused") is True), queue=name)
    return [tasks, depth, age, paused]
