"""The pool of child processes: one for each task that may run at the same time.

    starting ──hello──▶ idle ──run──▶ busy ──done, failed──▶ idle
        │                 │             │
        └─────────────────┴─────────────┴──died, or killed──▶ replaced by a new one

Children are started before they are needed, and each runs many tasks. One that must be stopped (its
time is over, its task was cancelled) is killed with its whole process group; the outcome that was
wanted is then reported as soon as it is dead, so a task never runs on after its end was told.

A child that is *spent* is replaced as well: it has run as many tasks as it may, it has kept more
memory than a task is allowed, or its last task has left something behind that the next one would
notice. One child more than there are tasks at a time is kept where that is expected, so that nobody
waits for a new one to be born.

The pool knows how to stop an attempt, and nobody's reasons for it: whoever has one calls `stop`.
# Real: Celery's prefork pool (billiard), which kills the process of a task beyond its limit, too.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from services.broker.client import (
    Failed,
    Outcome,
    Succeeded,
    TaskError,
    TaskRecord,
)
from services.common.backoff import Backoff
from services.common.event_loop import EventLoop
from services.common.health import Vitals
from services.common.logs import Log
from services.worker.child_process import ChildProcess
from services.worker.memory import resident_bytes

OnStarted = Callable[[TaskRecord], None]
OnEnded = Callable[[TaskRecord, Outcome], None]
OnProgress = Callable[[TaskRecord, float, str], None]
OnHello = Callable[[Mapping[str, object], Mapping[str, str]], None]


@dataclass(frozen=True, slots=True)
class Wear:
    """How much a child may do before it is replaced; 0 for no limit."""

    max_tasks: int = 0
    memory_bytes: int = 0
    """What it may hold when a task has ended."""


@dataclass(slots=True)
class _Seat:
    """One place in the pool: its child, and what the child does."""

    child: ChildProcess
    is_ready: bool = False
    record: TaskRecord | None = None
    verdict: Outcome | None = None
    """What to report when the child is dead, where somebody had it killed."""
    is_abandoned: bool = False
    """Nobody wants to know the outcome."""
    tasks_begun: int = 0
    is_retired: bool = False
    """Killed because it is spent."""


class Pool:
    """Runs tasks in children; every method is called in the event loop's thread.

    `on_started` and `on_ended` are called for each attempt that a child really begins and ends.
    """

    def __init__(
        self,
        loop: EventLoop,
        size: int,
        modules: Sequence[str],
        environment: Mapping[str, str],
        vitals: Vitals,
        log: Log,
        *,
        on_hello: OnHello,
        on_started: OnStarted,
        on_ended: OnEnded,
        on_progress: OnProgress = lambda record, fraction, message: None,
        wear: Wear | None = None,
    ):
        self._loop = loop
        self._size = size
        self._modules = modules
        self._environment = environment
        self._vitals = vitals
        self._log = log
        self._on_hello = on_hello
        self._on_started = on_started
        self._on_ended = on_ended
        self._on_progress = on_progress
        self._wear = wear or Wear()
        self._seats: list[_Seat] = []
        self._waiting: deque[TaskRecord] = deque()
        self._backoff = Backoff(first_s=0.2, limit_s=10.0)
        self._is_closing = False

    def start(self) -> None:
        for _ in range(self._size + (1 if self._wear.max_tasks else 0)):
            self._start_child()

    def run(self, record: TaskRecord) -> None:
        """Have an idle child run a task; if a dead one is just being replaced, as soon as it is."""
        for seat in self._seats:
            if seat.is_ready and seat.record is None:
                self._begin(seat, record)
                return
        self._waiting.append(record)

    def stop(self, task_id: str, verdict: Outcome) -> None:
        """Stop the attempt, if it is under way, and report `verdict` then."""
        for record in [one for one in self._waiting if one.id == task_id]:
            self._waiting.remove(record)
            self._on_ended(record, verdict)
        for seat in self._seats:
            if seat.record is not None and seat.record.id == task_id and seat.verdict is None:
                seat.verdict = verdict
                seat.child.kill()

    def stop_all(self, verdict: Outcome) -> None:
        for task_id in self.running():
            self.stop(task_id, verdict)

    def abandon(self, records: Sequence[TaskRecord]) -> None:
        """Stop these attempts; nobody wants to know how they end."""
        for record in records:
            if record in self._waiting:
                self._waiting.remove(record)
        for seat in self._seats:
            if seat.record in records:
                seat.is_abandoned = True
                seat.child.kill()

    def running(self) -> list[str]:
        """The ids of all tasks that were given to this pool and have not ended."""
        busy = [seat.record.id for seat in self._seats if seat.record is not None]
        return busy + [record.id for record in self._waiting]

    def pid_of(self, task_id: str) -> int | None:
        """The process that runs a task now."""
        for seat in self._seats:
            if seat.record is not None and seat.record.id == task_id:
                return seat.child.pid
        return None

    def reap(self) -> None:
        """Some child has ended. Signals of several may come as one, so we look at each."""
        for seat in [one for one in self._seats if one.child.has_died()]:
            was_ready, seat.is_ready = seat.is_ready or seat.is_retired, False
            how = seat.child.bury()
            if was_ready:
                self._on_death(seat, how)
            else:
                self._on_stillbirth(seat, how)
            self._seats.remove(seat)

    def close(self) -> None:
        """Kill every child; no outcome is reported any more."""
        self._is_closing = True
        for seat in self._seats:
            seat.is_abandoned = True
            seat.child.kill()
            seat.child.bury()
        self._seats.clear()

    # Children.

    def _start_child(self) -> None:
        if self._is_closing:
            return
        try:
            child = ChildProcess(
                self._loop, self._modules, self._environment, self._on_message, self._on_line
            )
        except OSError as error:
            self._log.error("cannot start a child", reason=error)
            self._vitals.problems["children"] = str(error)
            self._loop.call_later(self._backoff.next_delay_s(), self._start_child)
            return
        self._seats.append(_Seat(child))

    def _seat_of(self, child: ChildProcess) -> _Seat:
        return next(seat for seat in self._seats if seat.child is child)

    def _on_message(self, child: ChildProcess, message: Mapping[str, object]) -> None:
        seat = self._seat_of(child)
        if seat.verdict is not None or seat.is_abandoned:
            return  # It ended by itself in the moment in which it was killed.
        match message:
            case {"hello": {"tasks": dict(tasks), "problems": dict(problems)}}:
                self._on_child_ready(seat, tasks, problems)
            case {"progress": {"fraction": float(fraction), "message": str(text)}}:
                if seat.record is not None:
                    self._on_progress(seat.record, fraction, text)
            case {"done": result}:
                self._end(seat, Succeeded(result), message.get("spent"))
            case {"failed": {"error": dict(error), "give_up": bool(give_up)}}:
                outcome = Failed(TaskError(**error), is_hopeless=give_up)
                self._end(seat, outcome, message.get("spent"))
            case _:
                self._log.error("a child said what nobody understands", pid=child.pid)
                child.kill()

    def _on_child_ready(
        self, seat: _Seat, tasks: Mapping[str, object], problems: Mapping[str, str]
    ) -> None:
        seat.is_ready = True
        self._backoff.reset()
        self._vitals.problems.pop("children", None)
        self._on_hello(tasks, problems)
        self._run_waiting(seat)

    def _on_line(self, child: ChildProcess, line: str) -> None:
        record = self._seat_of(child).record
        if record is None:
            self._log.info("a child printed", pid=child.pid, line=line)
        else:
            self._log.info("printed", task=record.task, id=record.id, line=line)

    def _on_death(self, seat: _Seat, how: str) -> None:
        if seat.record is not None:
            verdict = seat.verdict or Failed(
                TaskError("ProcessDied", f"the process of the task {how} before the task ended")
            )
            self._end(seat, verdict)
        self._start_child()

    def _on_stillbirth(self, seat: _Seat, how: str) -> None:
        self._log.error("a child ended before it was ready", pid=seat.child.pid, how=how)
        self._vitals.problems["children"] = f"one {how} before it was ready"
        self._loop.call_later(self._backoff.next_delay_s(), self._start_child)

    # Tasks.

    def _begin(self, seat: _Seat, record: TaskRecord) -> None:
        seat.child.output.take()
        seat.record = record
        seat.tasks_begun += 1
        options = record.options.effective()
        self._on_started(record)
        seat.child.send(
            {
                "run": {
                    "id": record.id,
                    "task": record.task,
                    "args": record.args,
                    "kwargs": record.kwargs,
                    "attempt": record.attempts,
                    "soft_timeout_s": options.soft_timeout_s,
                }
            }
        )

    def _end(self, seat: _Seat, outcome: Outcome, spent: object = None) -> None:
        """The attempt is over: by a message of the child, or by its death."""
        if seat.record is None:
            return
        output = seat.child.output.take()
        record, seat.record = seat.record, None
        if not seat.is_abandoned:
            self._on_ended(record, outcome if output is None else replace(outcome, output=output))
        if seat.is_ready and (reason := spent or self._worn_out(seat)):
            self._retire(seat, str(reason))
        self._run_waiting(seat)

    def _worn_out(self, seat: _Seat) -> str | None:
        """Why a child that is well is replaced all the same."""
        if 0 < self._wear.max_tasks <= seat.tasks_begun:
            return f"it has run {seat.tasks_begun} tasks"
        if 0 < self._wear.memory_bytes < resident_bytes(seat.child.pid):
            return "it holds more memory than a task is allowed"
        return None

    def _retire(self, seat: _Seat, reason: str) -> None:
        self._log.info("a child is replaced", pid=seat.child.pid, reason=reason)
        seat.is_ready, seat.is_retired = False, True
        seat.child.kill()

    def _run_waiting(self, seat: _Seat) -> None:
        if self._waiting and seat.is_ready and seat.record is None:
            self._begin(seat, self._waiting.popleft())
