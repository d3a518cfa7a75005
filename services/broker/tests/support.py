"""What the tests of the task queue share: stores to run on, and the parts wired to them.

Every test that needs a store runs on ours, and again on a real redis-server where there is one:
both must do.
"""

import contextlib
import inspect
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from services.broker.api import Parts
from services.broker.bulk import Bulk
from services.broker.delivery import Session
from services.broker.fence import Blocking, completed
from services.broker.listing import Listing
from services.broker.queues import Queues
from services.broker.schedule_book import ScheduleBook
from services.broker.states import State
from services.broker.submission import Submission, new_record
from services.broker.task_options import TaskOptions
from services.broker.task_queue import TaskQueue
from services.broker.task_record import TaskRecord
from services.broker.waiting import Waiting
from services.broker.workers import Workers
from services.broker.workflows import Workflows
from services.common.logs import Log
from services.common.redis_url import RedisURL, parse_redis_url
from services.common.resp_client import ConnectionLost, RespConnection
from services.kvdb.client import KVClient
from tests.processes import Running, running_service

LOG = Log("test")


@dataclass
class Store:
    """Where a test keeps its queue: what becomes KVDB_URL and PUBSUB_URL."""

    kind: str
    kvdb_url: str
    pubsub_url: str

    @property
    def settings(self) -> dict[str, str]:
        return {"KVDB_URL": self.kvdb_url, "PUBSUB_URL": self.pubsub_url}

    @property
    def kvdb(self) -> RedisURL:
        return parse_redis_url(self.kvdb_url, 0)

    @property
    def pubsub(self) -> RedisURL:
        return parse_redis_url(self.pubsub_url, 0)


@pytest.fixture(scope="session", params=["glassbox", "redis-server"])
def running_store(request, tmp_path_factory) -> Iterator[Store]:
    directory = tmp_path_factory.mktemp("store")
    if request.param == "redis-server":
        if shutil.which("redis-server") is None:
            pytest.skip("no redis-server is installed here")
        with real_redis(directory) as url:
            yield Store(request.param, f"{url}/0", url)
    else:
        with kvdb(directory) as store, pubsub(directory) as announcements:
            yield Store(
                request.param, f"redis://{store.endpoint}/0", f"redis://{announcements.endpoint}"
            )


@pytest.fixture
def store(running_store: Store) -> Store:
    """An empty store."""
    kv = KVClient(running_store.kvdb)
    kv.execute("FLUSHDB")
    kv.close()
    return running_store


@pytest.fixture
def kv(store: Store) -> Iterator[KVClient]:
    client = KVClient(store.kvdb)
    yield client
    client.close()


def kvdb(directory: Path, port: int = 0) -> contextlib.AbstractContextManager[Running]:
    settings = {"KVDB_PORT": str(port), "KVDB_DATA_DIR": str(directory / "kvdb")}
    return running_service("kvdb", settings, directory / "kvdb.log")


def pubsub(directory: Path, port: int = 0) -> contextlib.AbstractContextManager[Running]:
    return running_service("pubsub", {"PUBSUB_PORT": str(port)}, directory / "pubsub.log")


@contextlib.contextmanager
def real_redis(directory: Path) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = ["redis-server", "--port", str(port), "--save", "", "--dir", str(directory)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            url = f"redis://127.0.0.1:{port}"
            _wait_until_it_answers(parse_redis_url(url, 0), process)
            yield url
        finally:
            process.kill()


def _wait_until_it_answers(url: RedisURL, process: subprocess.Popen) -> None:
    while True:
        try:
            RespConnection(url).close()
            return
        except ConnectionLost:
            assert process.poll() is None, "redis-server has ended"


class Stepped:
    """A session whose methods answer before they return, as tests like it."""

    def __init__(self, session: Session):
        self._session = session

    def open(self, connection: RespConnection, lease_ms: int, vitals: bytes) -> None:
        completed(self._session.open(Blocking(connection), lease_ms, vitals))

    def reconcile(self, connection: RespConnection) -> list[TaskRecord]:
        return completed(self._session.reconcile(Blocking(connection)))

    @property
    def connection(self) -> RespConnection:
        return self._session._kvdb.connection.connection

    def __getattr__(self, name: str) -> object:
        attribute = getattr(self._session, name)
        if not inspect.iscoroutinefunction(attribute):
            return attribute
        return lambda *arguments, **named: completed(attribute(*arguments, **named))


@dataclass
class HandClock:
    """A clock that stands still until it is moved."""

    now_ms: int = 1_800_000_000_000

    def __call__(self) -> int:
        return self.now_ms

    def monotonic_s(self) -> float:
        return self.now_ms / 1000

    def advance_s(self, seconds: float) -> None:
        self.now_ms += round(seconds * 1000)


@dataclass
class Announcements:
    """In the place of an announcer: remembers what it was told."""

    steps: list[TaskRecord] = field(default_factory=list)
    orders: list[str] = field(default_factory=list)
    looks: list[dict[str, int]] = field(default_factory=list)
    workflows: list[tuple[str, str]] = field(default_factory=list)

    def announce(self, steps) -> None:
        self.steps.extend(steps)

    def order_cancel(self, task_id: str) -> None:
        self.orders.append(task_id)

    def order_look(self, queued) -> None:
        self.looks.append(dict(queued))

    def announce_workflow(self, workflow_id: str, state: str, at_ms: int) -> None:
        self.workflows.append((workflow_id, state))

    def states(self) -> list[tuple[str, State]]:
        return [(record.id, record.state) for record in self.steps]


def parts_on(kv: KVClient, clock: HandClock, announcements: Announcements | None = None) -> Parts:
    """What the handlers of the API call, on a store, with a hand on the clock."""
    announcer = announcements or Announcements()
    queue, listing = TaskQueue(kv, announcer, clock), Listing(kv, LOG)
    workflows = Workflows(kv, queue, announcer, clock)
    return Parts(
        queue=queue,
        waiting=Waiting(queue.look, max_waiting=1),
        listing=listing,
        workers=Workers(kv, LOG),
        bulk=Bulk(kv, listing, announcer, clock, LOG),
        queues=Queues(kv, announcer, clock, LOG),
        schedules=ScheduleBook(kv, queue, clock),
        workflows=workflows,
        workflows_waiting=Waiting(workflows.get, max_waiting=1),
    )


def record(task_id: str = "t1", now_ms: int = 1_800_000_000_000, **options: object) -> TaskRecord:
    """A task that was just submitted."""
    submission = Submission("echo", [], {}, TaskOptions(**options))
    return new_record(submission, None, task_id, now_ms)


def running(task: TaskRecord, session: str = "s1") -> TaskRecord:
    """The same task, started."""
    return task.moved_to(
        State.RUNNING,
        task.created_at_ms + 1,
        worker="w1",
        session=session,
        attempts=task.attempts + 1,
    )
