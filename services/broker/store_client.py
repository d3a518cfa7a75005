"""The queue as a program sees it without a broker: it writes to the store itself.

The broker is stateless, so whatever it does for a client a program can do in its own process, by
the same code, as the workers do:

    BROKER_URL=http://…     program ──HTTP──▶ broker ──RESP──▶ kvdb      the address is enough
    BROKER_URL=redis://…    program ─────────────────RESP────▶ kvdb      no HTTP on the way

The second way is what Celery's and huey's clients do. It saves a hop, and costs what a hop is good
for: the program must be allowed to reach the store, and be of the same version as its workers.
A broker is needed all the same, for whatever has to be done at its time.
"""

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from services.broker import keys
from services.broker.announcer import Announcer
from services.broker.clock import clock_ms
from services.broker.conflicts import TooManyConflicts
from services.broker.errors import BrokerError
from services.broker.events import decode_events, decode_workflow_end
from services.broker.result import Result, TaskDocument, wait_for
from services.broker.states import IllegalTransition
from services.broker.submission import SubmissionError, parse_submission
from services.broker.task_queue import NoSuchTask, TaskQueue
from services.broker.task_record import TaskRecord
from services.broker.waiting import TooManyWaiting, Waiting
from services.broker.workflows import NoSuchWorkflow, Workflows
from services.common.health import Vitals
from services.common.logs import Log
from services.common.redis_url import RedisURL
from services.common.resp import ReplyError
from services.common.resp_client import ConnectionLost
from services.kvdb.client import KVClient
from services.pubsub.client import SharedSubscriber

MAX_WAITING = 10_000
_STATUSES: dict[type[Exception], int] = {
    NoSuchTask: 404,
    NoSuchWorkflow: 404,
    IllegalTransition: 409,
    TooManyConflicts: 409,
    TooManyWaiting: 503,
    ConnectionLost: 503,
    ReplyError: 500,
}
"""The same as the broker answers over HTTP; see `api`."""
_WORDS = {NoSuchTask: "there is no task {}", NoSuchWorkflow: "there is no workflow {}"}


class StoreClient:
    """The queue in kvdb, for any thread. Every method raises BrokerError."""

    def __init__(self, kvdb_url: RedisURL, pubsub_url: RedisURL):
        self.url = f"redis://{kvdb_url.address}"
        self._log = Log("tasks")
        self._pubsub_url = pubsub_url
        self._kv = KVClient(kvdb_url)
        self._announcer = Announcer(pubsub_url, Vitals("client"), self._log)
        self._announcer.start()
        self._queue = TaskQueue(self._kv, self._announcer, clock_ms, self._expect)
        self._workflows = Workflows(self._kv, self._queue, self._announcer, clock_ms)
        self._waiting = Waiting(self._queue.get, MAX_WAITING, self._until_task, takes_records=True)
        self._workflows_waiting = Waiting(self._workflows.get, MAX_WAITING, self._until_workflow)
        self._lock = threading.Lock()
        self._ends: SharedSubscriber | None = None
        self._workflow_ends: SharedSubscriber | None = None
        self._is_listening = False

    def submit(
        self,
        task: str,
        args: Sequence[object] = (),
        kwargs: Mapping[str, object] | None = None,
        **options: object,
    ) -> TaskDocument:
        """Submit one task; options by their names in the API, such as `retries=3`."""
        document = {"task": task, "args": list(args), "kwargs": kwargs or {}, "options": options}
        return self.submit_many([document])[0]

    def submit_for_id(self, document: Mapping[str, object]) -> str:
        """Submit one task as a document; its id alone."""
        return self._submitted([document])[0].id

    def submit_many(self, submissions: Sequence[Mapping[str, object]]) -> list[TaskDocument]:
        """Submit tasks as documents, `{"task": …, "args": …}`: all or none."""
        return [record.as_json() for record in self._submitted(submissions)]

    def _submitted(self, documents: Sequence[Mapping[str, object]]) -> list[TaskRecord]:
        now_ms = clock_ms()

        def submitted() -> list[tuple[TaskRecord, bool]]:
            return self._queue.submit([parse_submission(one, now_ms) for one in documents])

        return [record for record, _ in self._do(submitted)]

    def get(self, task_id: str) -> TaskDocument:
        sight = self._do(lambda: self._queue.look(task_id))
        return sight.record.as_json() | {"progress": sight.progress and sight.progress.as_json()}

    def wait(self, task_id: str, timeout_s: float | None) -> TaskDocument:
        """The task when it is finished, or as it is after `timeout_s`."""
        return wait_for(self, task_id, timeout_s)

    def wait_once(self, task_id: str, timeout_s: float) -> TaskDocument:
        """The same; woken by the task's event. Raises BrokerError while kvdb is away."""
        return self._do(lambda: self._waiting.wait(task_id, timeout_s)).as_json()

    def cancel(self, task_id: str) -> TaskDocument:
        return self._do(lambda: self._queue.cancel(task_id)).as_json()

    def retry(self, task_id: str) -> TaskDocument:
        return self._do(lambda: self._queue.retry(task_id)).as_json()

    # Workflows.

    def submit_workflow(self, document: Mapping[str, object]) -> dict[str, object]:
        """Begin a workflow; see `signatures` for how one is made."""
        return self._do(lambda: self._workflows.submit(document)).as_json()

    def workflow(self, workflow_id: str) -> dict[str, object]:
        return self._do(lambda: self._workflows.get(workflow_id)).as_json()

    def wait_workflow_once(self, workflow_id: str, timeout_s: float) -> dict[str, object]:
        """The workflow when it is over, or as it is after `timeout_s`."""
        return self._do(lambda: self._workflows_waiting.wait(workflow_id, timeout_s)).as_json()

    def cancel_workflow(self, workflow_id: str) -> dict[str, object]:
        return self._do(lambda: self._workflows.cancel(workflow_id)).as_json()

    def result(self, task_id: str) -> Result:
        """The future of a task that somebody has submitted."""
        return Result(self, task_id)

    def close(self) -> None:
        """Tell what is still to be told, and end the threads."""
        self._waiting.close()
        self._workflows_waiting.close()
        for subscriber in (self._ends, self._workflow_ends):
            if subscriber is not None:
                subscriber.stop()
        self._announcer.stop()
        self._kv.close()

    def __enter__(self) -> "StoreClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _hear_ends(self) -> SharedSubscriber:
        """Listen from the first wait on; whoever waits looks again when the subscription stands."""
        with self._lock:
            if self._ends is None:
                # They come from kvdb itself: see `events`.
                self._ends = SharedSubscriber(
                    self._kv.url,
                    self._on_ends,
                    self._log,
                    channels=[keys.ENDS_CHANNEL],
                    on_connected=self._on_connected,
                    on_lost=self._on_lost,
                )
                self._ends.start()
            return self._ends

    def _hear_workflow_ends(self) -> SharedSubscriber:
        with self._lock:
            if self._workflow_ends is None:
                self._workflow_ends = SharedSubscriber(
                    self._pubsub_url,
                    self._on_workflow_event,
                    self._log,
                    channels=[keys.WORKFLOWS_CHANNEL],
                    on_connected=self._workflows_waiting.look_all,
                    on_lost=lambda reason: self._workflows_waiting.look_all(),
                )
                self._workflow_ends.start()
            return self._workflow_ends

    def _expect(self, task_ids: Iterable[str]) -> None:
        if self._is_listening:
            self._waiting.expect(task_ids)

    def _until_task(self, woken: threading.Event, timeout_s: float) -> None:
        self._hear_ends().listen_until(woken, timeout_s)

    def _until_workflow(self, woken: threading.Event, timeout_s: float) -> None:
        self._hear_workflow_ends().listen_until(woken, timeout_s)

    def _on_connected(self) -> None:
        self._waiting.look_all()
        self._is_listening = True

    def _on_lost(self, reason: str) -> None:
        self._is_listening = False
        self._waiting.look_all()

    def _on_ends(self, channel: str, message: bytes) -> None:
        for event in decode_events(message):
            self._waiting.on_event(event)

    def _on_workflow_event(self, channel: str, message: bytes) -> None:
        if (workflow_id := decode_workflow_end(message)) is not None:
            self._workflows_waiting.on_finished(workflow_id)

    def _do(self, action: Callable[[], object]) -> object:
        with _broker_errors():
            return action()


@contextlib.contextmanager
def _broker_errors() -> Iterator[None]:
    """What went wrong, in the words and with the status of the HTTP API."""
    try:
        yield
    except SubmissionError as error:
        raise BrokerError(str(error), 422, error.field) from error
    except tuple(_STATUSES) as error:
        raise BrokerError(
            _WORDS.get(type(error), "{}").format(error), _STATUSES[type(error)]
        ) from error
