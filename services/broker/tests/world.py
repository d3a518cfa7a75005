"""A whole task queue without threads: parts on a store, workers and scheduler moved by hand."""

from collections.abc import Callable

from services.broker import keys
from services.broker.delivery import Session
from services.broker.duties import standard_duties
from services.broker.outcomes import Outcome, Succeeded
from services.broker.reaper import Reaper
from services.broker.rules import standard_rules
from services.broker.states import State
from services.broker.submission import parse_submission
from services.broker.task_options import TaskOptions
from services.broker.task_record import TaskRecord, decode_record
from services.broker.tests.support import (
    LOG,
    Announcements,
    HandClock,
    Stepped,
    Store,
    parts_on,
)
from services.common.resp_client import RespConnection
from services.kvdb.client import KVClient

LEASE_MS = 600_000
DONE = Succeeded("done")


class World:
    """Everything on one store, with one hand on everything."""

    def __init__(self, store: Store, kv: KVClient):
        self.store = store
        self.kv = kv
        self.clock = HandClock()
        self.announcements = Announcements()
        self.parts = parts_on(kv, self.clock, self.announcements)
        rules = standard_rules()
        self.reaper = Reaper(kv, rules, self.clock, self.clock.monotonic_s, LOG)
        self.duties = standard_duties(kv, self.reaper, self.announcements, self.clock, LOG)
        self.sessions: dict[str, Stepped] = {}
        self._done_s = {duty.name: self.clock.monotonic_s() for duty in self.duties}
        self._connections: list[RespConnection] = []

    def close(self) -> None:
        for connection in self._connections:
            connection.close()

    def submit(self, task: str = "echo", *args: object, **options: object) -> str:
        document = {"task": task, "args": list(args), "options": options}
        ((record, _),) = self.parts.queue.submit([parse_submission(document, self.clock.now_ms)])
        return record.id

    def worker(self, name: str = "s1", **definitions: TaskOptions) -> Stepped:
        connection = RespConnection(self.store.kvdb)
        self._connections.append(connection)
        rules = standard_rules()
        session = Stepped(Session(name, f"worker of {name}", rules, definitions, self.clock, LOG))
        session.open(connection, LEASE_MS, b"{}")
        self.sessions[name] = session
        return session

    def start(self, session: Stepped, count: int = 100) -> list[TaskRecord]:
        """Claim up to `count` tasks, one from each list in turn, and start what may start."""
        started: list[TaskRecord] = []
        claims: list[str] = []
        backlog = session.backlog()
        for name in sorted(backlog, reverse=True):
            claims += [name] * min(backlog[name], count - len(claims))
        session.advance({}, claims)
        started += session.advance({}, []).started
        return started

    def finish(self, session: Stepped, outcome: Outcome = DONE, *ids: str) -> None:
        """End these tasks, or all that the session holds."""
        session.advance(dict.fromkeys(ids or list(session.held), outcome), [])

    def work(self, outcome_of: Callable[[TaskRecord], Outcome], rounds: int = 30) -> None:
        """One worker and the scheduler, until nothing is left to do."""
        session = self.sessions.get("s1") or self.worker()
        for _ in range(rounds):
            self.turn()
            started = self.start(session)
            if not started:
                return
            session.advance({task.id: outcome_of(task) for task in started}, [])
        raise AssertionError("there is no end of it")

    def turn(self, seconds: float = 0.0) -> None:
        """Time passes, and the scheduler does its duties."""
        self.clock.advance_s(seconds)
        now_s = self.clock.monotonic_s()
        for duty in self.duties:
            if now_s - self._done_s[duty.name] >= duty.every_s:
                self._done_s[duty.name] = now_s
                duty.perform()

    def lose(self, name: str) -> None:
        """A worker dies, and the reaper notices."""
        self.kv.execute("DEL", keys.lease(name))
        del self.sessions[name]
        self.turn(LEASE_MS / 1000 + 1)

    def task(self, task_id: str) -> TaskRecord:
        return decode_record(self.kv.execute("GET", keys.record(task_id)))

    def state(self, task_id: str) -> State:
        return self.task(task_id).state

    def states(self, *ids: str) -> list[str]:
        return [self.state(task_id).value for task_id in ids]
