"""Brokers and workers as processes on a store, and ears for what they announce."""

import contextlib
import itertools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from services.broker.client import BrokerClient
from services.broker.events import Event, decode_events
from services.broker.keys import EVENTS_CHANNEL
from services.broker.tests.support import LOG, Store
from services.kvdb.client import KVClient
from services.pubsub.client import Subscriber
from tests.processes import Running, running_service

PATIENCE_S = 60.0
MODULES = "services.worker.samples,services.worker.tests.oddities"


class Events:
    """Every event that was announced since `start`, and a way to wait for one."""

    def __init__(self, store: Store):
        self._changed = threading.Condition()
        self._events: list[Event] = []
        self._connected = threading.Event()
        self._subscriber = Subscriber(
            store.pubsub,
            self._on_message,
            LOG,
            channels=[EVENTS_CHANNEL],
            on_connected=self._connected.set,
        )

    def start(self) -> None:
        self._subscriber.start()
        assert self._connected.wait(PATIENCE_S)

    def stop(self) -> None:
        self._subscriber.stop()

    def until(self, task_id: str, state: str, fits: Callable[[Event], bool] = bool) -> Event:
        """The first event of a task in a state that fits; waits for it."""
        seen = 0

        def found() -> Event | None:
            nonlocal seen
            for event in self._events[seen:]:
                seen += 1
                if (event.id, event.state.value) == (task_id, state) and fits(event):
                    return event
            return None

        with self._changed:
            event = self._changed.wait_for(found, PATIENCE_S)
        assert event, f"{task_id} never was {state}; it was {self.of(task_id)}"
        return event

    def of(self, task_id: str) -> list[str]:
        return [event.state.value for event in self._events if event.id == task_id]

    def _on_message(self, channel: str, message: bytes) -> None:
        with self._changed:
            self._events.extend(decode_events(message))
            self._changed.notify_all()


class Stack:
    """Processes by name, on one store; `client` asks the first broker."""

    def __init__(self, store: Store, directory: Path):
        self.store = store
        self.directory = directory
        self.events = Events(store)
        self.processes: dict[str, Running] = {}
        self.client: BrokerClient
        self._exits = contextlib.ExitStack()
        self._numbers = itertools.count()

    def __enter__(self) -> "Stack":
        self.events.start()
        self._exits.callback(self.events.stop)
        return self

    def __exit__(self, *_: object) -> None:
        self._exits.close()

    def start_broker(self, name: str = "broker", port: int = 0) -> BrokerClient:
        settings = {"BROKER_PORT": str(port)}
        running = self._start("broker", name, settings)
        client = BrokerClient(f"http://{running.endpoint}")
        self._exits.callback(client.close)
        self.client = getattr(self, "client", client)
        return client

    def start_worker(self, name: str, **settings: object) -> Running:
        variables = {f"WORKER_{key}".upper(): str(value) for key, value in settings.items()}
        defaults = {"WORKER_NAME": name, "WORKER_IMPORT": MODULES, "WORKER_QUEUES": "default,mail"}
        return self._start("worker", name, defaults | variables)

    def _start(self, package: str, name: str, settings: dict[str, str]) -> Running:
        log = self.directory / f"{name}-{next(self._numbers)}.log"
        running = running_service(package, self.store.settings | settings, log)
        self.processes[name] = self._exits.enter_context(running)
        return self.processes[name]

    def log_of(self, name: str) -> str:
        return self.processes[name].log.read_text()

    def submit(self, task: str, *args: object, **options: object) -> str:
        return self.client.submit(task, args, **options)["id"]

    def result(self, task_id: str) -> dict[str, Any]:
        """The task when it is finished."""
        task = self.client.wait(task_id, PATIENCE_S)
        assert task["finished_at"], f"{task_id} is {task['state']}"
        return task

    def run(self, task: str, *args: object, **options: object) -> dict[str, Any]:
        return self.result(self.submit(task, *args, **options))


@contextlib.contextmanager
def running_stack(store: Store, directory: Path, *workers: str) -> Iterator[Stack]:
    """A broker and these workers on a store in which there is nothing yet."""
    kv = KVClient(store.kvdb)
    kv.execute("FLUSHDB")
    kv.close()
    with Stack(store, directory) as stack:
        stack.start_broker()
        for worker in workers:
            stack.start_worker(worker)
        yield stack
