"""The queue as a program sees it through a broker: HTTP and JSON.

    broker = BrokerClient("http://127.0.0.1:4246")
    task = broker.submit("sleep", [3], retries=2)
    broker.wait(task["id"], timeout_s=10)["state"]              ─▶ "succeeded"

A thread that waits for a task keeps its connection busy, so each request takes an idle one or opens
another. Tasks are the dicts that the API shows.
"""

import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from services.broker.errors import BrokerError
from services.broker.result import LONGEST_WAIT_S, Result, TaskDocument, wait_for
from services.web.client import HTTPClient, HTTPClientError, Reply


class BrokerClient:
    """A broker over HTTP, for any thread. Every method raises BrokerError."""

    def __init__(self, url: str, *, timeout_s: float = 10.0):
        self.url = url
        self._timeout_s = timeout_s + LONGEST_WAIT_S
        self._lock = threading.Lock()
        self._idle: list[HTTPClient] = []
        # Raises ValueError for what is no address, here and not at the first request.
        self._give_back(HTTPClient(url, timeout_s=self._timeout_s))

    # Tasks.

    def submit(
        self,
        task: str,
        args: Sequence[object] = (),
        kwargs: Mapping[str, object] | None = None,
        **options: object,
    ) -> TaskDocument:
        """Submit one task; options by their names in the API, such as `retries=3`."""
        document = {"task": task, "args": list(args), "kwargs": kwargs or {}, "options": options}
        return self.post("/tasks", document)

    def submit_for_id(self, document: Mapping[str, object]) -> str:
        """Submit one task as a document; its id alone."""
        return self.post("/tasks", document)["id"]

    def submit_many(self, submissions: Sequence[Mapping[str, object]]) -> list[TaskDocument]:
        """Submit tasks as documents, `{"task": …, "args": …}`: all or none, at most 1000."""
        return self.post("/tasks", list(submissions))["tasks"]

    def get(self, task_id: str) -> TaskDocument:
        return self.ask(path_of("/tasks", task_id))

    def wait(self, task_id: str, timeout_s: float | None) -> TaskDocument:
        """The task when it is finished, or as it is after `timeout_s`."""
        return wait_for(self, task_id, timeout_s)

    def wait_once(self, task_id: str, timeout_s: float) -> TaskDocument:
        """The same, where the broker may answer sooner that it is not finished yet."""
        return self.ask(path_of("/tasks", task_id, "wait"), timeout=f"{timeout_s:.3f}")

    def cancel(self, task_id: str) -> TaskDocument:
        return self.post(path_of("/tasks", task_id, "cancel"), {})

    def retry(self, task_id: str) -> TaskDocument:
        return self.post(path_of("/tasks", task_id, "retry"), {})

    def result(self, task_id: str) -> Result:
        """The future of a task that somebody has submitted."""
        return Result(self, task_id)

    def tasks(self, **query: object) -> dict[str, Any]:
        """A page of tasks: `{"tasks": […], "next_cursor": …}`; filters as in the API."""
        return self.ask("/tasks", **{k: value for k, value in query.items() if value is not None})

    # Workflows.

    def submit_workflow(self, document: Mapping[str, object]) -> dict[str, Any]:
        """Begin a workflow; see `signatures` for how one is made."""
        return self.post("/workflows", document)

    def workflow(self, workflow_id: str) -> dict[str, Any]:
        return self.ask(path_of("/workflows", workflow_id))

    def wait_workflow_once(self, workflow_id: str, timeout_s: float) -> dict[str, Any]:
        """The workflow when it is over; the broker may answer sooner that it is not yet."""
        path = path_of("/workflows", workflow_id, "wait")
        return self.ask(path, timeout=f"{timeout_s:.3f}")

    def cancel_workflow(self, workflow_id: str) -> dict[str, Any]:
        return self.post(path_of("/workflows", workflow_id, "cancel"), {})

    # What there is.

    def queues(self) -> dict[str, Any]:
        return self.ask("/queues")

    def workers(self) -> list[dict[str, Any]]:
        return self.ask("/workers")["workers"]

    def schedules(self) -> list[dict[str, Any]]:
        return self.ask("/schedules")["schedules"]

    # The wire.

    def ask(self, path: str, **query: object) -> Any:
        """GET: the JSON of the answer."""
        return self._request("GET", path, query=query)

    def post(self, path: str, document: object) -> Any:
        """POST: the JSON of the answer."""
        return self._request("POST", path, json=document)

    def put(self, path: str, document: object) -> Any:
        """PUT: the JSON of the answer."""
        return self._request("PUT", path, json=document)

    def delete(self, path: str) -> Any:
        """DELETE: the JSON of the answer."""
        return self._request("DELETE", path)

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for http in idle:
            http.close()

    def __enter__(self) -> "BrokerClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _request(self, method: str, path: str, **arguments: Any) -> Any:
        try:
            with self._lend() as http:
                reply = http.request(method, path, **arguments)
            return _checked(reply)
        except HTTPClientError as error:
            raise BrokerError(str(error), error.status) from error

    @contextlib.contextmanager
    def _lend(self) -> Iterator[HTTPClient]:
        with self._lock:
            http = self._idle.pop() if self._idle else None
        http = http or HTTPClient(self.url, timeout_s=self._timeout_s)
        try:
            yield http
        finally:
            self._give_back(http)

    def _give_back(self, http: HTTPClient) -> None:
        with self._lock:
            self._idle.append(http)


def _checked(reply: Reply) -> Any:
    """The JSON of an answer, or the problem that it is."""
    if reply.status < 400:
        return reply.json() if reply.body else None
    try:
        problem = reply.json()
    except HTTPClientError:
        problem = {}
    detail = problem.get("detail") or problem.get("title") or reply.text[:200]
    raise BrokerError(str(detail), reply.status, problem.get("field"))


def path_of(collection: str, name: str, verb: str | None = None) -> str:
    """`/tasks/ID/cancel`, whatever characters a name has."""
    path = f"{collection}/{quote(name, safe='')}"
    return f"{path}/{verb}" if verb else path
