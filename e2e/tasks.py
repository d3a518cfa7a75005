"""Submitting tasks and waiting for them, as a client of the broker's HTTP API does."""

import requests

from e2e.stack import Stack, wait_until

PATIENCE_S = 60.0
FINAL_STATES = {"succeeded", "failed", "dead", "cancelled", "expired"}


def submit(
    stack: Stack, http: requests.Session, task: str, args: list[object], **options: object
) -> str:
    """The id of a new task."""
    request = {"task": task, "args": args, "options": options}
    answer = http.post(f"{stack.url('broker')}/tasks", json=request, timeout=10)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def show(stack: Stack, http: requests.Session, task_id: str) -> dict:
    answer = http.get(f"{stack.url('broker')}/tasks/{task_id}", timeout=10)
    assert answer.status_code == 200, answer.text
    return answer.json()


def finished(stack: Stack, http: requests.Session, task_id: str) -> dict:
    """The task's record once nothing more will happen to it."""

    def is_final() -> dict | None:
        task = show(stack, http, task_id)
        return task if task["state"] in FINAL_STATES else None

    return wait_until(is_final, f"task {task_id} ends")


def running(stack: Stack, http: requests.Session, task_id: str) -> dict:
    """The task's record once a worker runs it."""

    def is_running() -> dict | None:
        task = show(stack, http, task_id)
        return task if task["state"] == "running" else None

    return wait_until(is_running, f"task {task_id} runs")
