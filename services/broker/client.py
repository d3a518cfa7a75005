"""What other programs use of the task queue.

Programs that submit tasks speak HTTP with a broker, through `BrokerClient`:

    broker = BrokerClient("http://127.0.0.1:4246")
    task = broker.submit("sleep", [3], retries=2)
    broker.wait(task["id"], timeout_s=10)["state"]              ─▶ "succeeded"

A worker is a client of another kind. It asks no broker, it shares the queue in kvdb with it, by the
same code: the session that claims and finishes tasks, the records, the rules, the messages. What
it needs of them is named here, and nothing else of the broker is its business.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from services.broker.delivery import Fenced, Round, Session
from services.broker.events import Announcer, decode_cancel, decode_wake
from services.broker.keys import ORDERS_CHANNEL, SESSIONS, WAKE_CHANNEL, lease
from services.broker.outcomes import Cancelled, Failed, HandedBack, Outcome, Succeeded
from services.broker.rules import standard_rules
from services.broker.states import FINAL, State
from services.broker.store import kvdb_url, pubsub_url, store_options
from services.broker.task_options import OptionError, TaskOptions, parse_options
from services.broker.task_record import TaskError, TaskRecord
from services.web.client import HTTPClient

__all__ = [
    "FINAL",
    "ORDERS_CHANNEL",
    "SESSIONS",
    "WAKE_CHANNEL",
    "Announcer",
    "BrokerClient",
    "Cancelled",
    "Failed",
    "Fenced",
    "HandedBack",
    "OptionError",
    "Outcome",
    "Round",
    "Session",
    "State",
    "Succeeded",
    "TaskError",
    "TaskOptions",
    "TaskRecord",
    "decode_cancel",
    "decode_wake",
    "kvdb_url",
    "lease",
    "parse_options",
    "pubsub_url",
    "standard_rules",
    "store_options",
]

# A request to wait is answered at least so often; the broker itself allows a little more.
LONGEST_WAIT_S = 30.0
_FINAL_NAMES = frozenset(state.value for state in FINAL)


class BrokerClient:
    """A broker over HTTP. Tasks are the dicts that its API shows.

    Every method raises `services.web.client.HTTPClientError` when the broker cannot be reached or
    refuses; its `status` is the HTTP status then.
    """

    def __init__(self, url: str, *, timeout_s: float = 10.0):
        self._http = HTTPClient(url, timeout_s=timeout_s + LONGEST_WAIT_S)

    def submit(
        self,
        task: str,
        args: Sequence[object] = (),
        kwargs: Mapping[str, object] | None = None,
        **options: object,
    ) -> dict[str, Any]:
        """Submit one task; options by their names in the API, such as `retries=3`."""
        document = {"task": task, "args": list(args), "kwargs": kwargs or {}, "options": options}
        return self._http.post("/tasks", json=document).check().json()

    def submit_many(self, submissions: Sequence[Mapping[str, object]]) -> list[dict[str, Any]]:
        """Submit tasks as documents, `{"task": …, "args": …}`: all or none, at most 1000."""
        return self._http.post("/tasks", json=list(submissions)).check().json()["tasks"]

    def get(self, task_id: str) -> dict[str, Any]:
        return self._http.get(_path(task_id)).check().json()

    def wait(self, task_id: str, timeout_s: float) -> dict[str, Any]:
        """The task when it is finished, or as it is after `timeout_s`."""
        deadline_s = time.monotonic() + timeout_s
        while True:
            left_s = min(max(0.0, deadline_s - time.monotonic()), LONGEST_WAIT_S)
            query = {"timeout": f"{left_s:.3f}"}
            task = self._http.get(_path(task_id, "wait"), query=query).check().json()
            if task["state"] in _FINAL_NAMES or time.monotonic() >= deadline_s:
                return task

    def cancel(self, task_id: str) -> dict[str, Any]:
        return self._http.post(_path(task_id, "cancel"), json={}).check().json()

    def retry(self, task_id: str) -> dict[str, Any]:
        return self._http.post(_path(task_id, "retry"), json={}).check().json()

    def tasks(self, **query: object) -> dict[str, Any]:
        """A page of tasks: `{"tasks": […], "next_cursor": …}`; filters as in the API."""
        given = {name: value for name, value in query.items() if value is not None}
        return self._http.get("/tasks", query=given).check().json()

    def queues(self) -> dict[str, Any]:
        return self._http.get("/queues").check().json()

    def workers(self) -> list[dict[str, Any]]:
        return self._http.get("/workers").check().json()["workers"]

    def close(self) -> None:
        self._http.close()


def _path(task_id: str, verb: str | None = None) -> str:
    path = f"/tasks/{quote(task_id, safe='')}"
    return f"{path}/{verb}" if verb else path
