"""Children: run, stopped, killed, replaced. A real event loop, real processes, no store."""

import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from services.broker.client import Cancelled, Failed, Outcome, Succeeded, TaskError, TaskRecord
from services.broker.tests.support import LOG, record, running
from services.common.event_loop import EventLoop
from services.common.health import Vitals
from services.worker.child_process import ChildProcess
from services.worker.memory import MemoryLimit
from services.worker.pool import Pool, Wear
from services.worker.time_limits import TimeLimits

MODULES = ("services.worker.samples", "services.worker.tests.oddities")
PATIENCE_S = 30.0


class Bench:
    """A pool on a loop that runs until something has happened."""

    def __init__(
        self,
        size: int = 1,
        modules: tuple[str, ...] = MODULES,
        wear: Wear | None = None,
    ):
        self.loop = EventLoop(LOG)
        self.reports: list[tuple[str, float, str]] = []
        self.vitals = Vitals("worker")
        self.started: list[str] = []
        self.ended: dict[str, Outcome] = {}
        self.hellos: list[tuple] = []
        self.pool = Pool(
            self.loop,
            size,
            modules,
            os.environ,
            self.vitals,
            LOG,
            on_hello=lambda *hello: self.hellos.append(hello),
            on_started=self._on_started,
            on_ended=self._on_ended,
            on_progress=lambda task, *report: self.reports.append((task.id, *report)),
            wear=wear,
        )
        self.limits = [
            TimeLimits(self.loop, self.pool.stop),
            MemoryLimit(
                self.loop, wear.memory_bytes if wear else 0, self.pool.pid_of, self.pool.stop
            ),
        ]
        self.old_handler = signal.signal(
            signal.SIGCHLD, lambda *_: self.loop.call_from_thread(self.pool.reap)
        )
        self.pool.start()

    def _on_started(self, task: TaskRecord) -> None:
        self.started.append(task.id)
        for limit in self.limits:
            limit.on_started(task)

    def _on_ended(self, task: TaskRecord, outcome: Outcome) -> None:
        for limit in self.limits:
            limit.on_ended(task)
        self.ended[task.id] = outcome

    def until(self, condition) -> None:
        deadline_s = self.loop.now_s + PATIENCE_S
        # Files and other processes wake no loop.
        tick = self.loop.call_every(0.02, lambda: None)
        while not condition():
            self.loop.turn()
            assert self.loop.now_s < deadline_s, "it never happened"
        tick.cancel()

    def outcome(self, task: TaskRecord) -> Outcome:
        """Run a task to its end."""
        self.pool.run(task)
        self.until(lambda: task.id in self.ended)
        return self.ended.pop(task.id)

    def close(self) -> None:
        self.pool.close()
        signal.signal(signal.SIGCHLD, self.old_handler)


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.close()


def call(task: str, *args: object, task_id: str = "t1", **options: object) -> TaskRecord:
    return replace(running(record(task_id, **options)), task=task, args=list(args))


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that is dead and unburied does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def test_a_task_returns_its_result_and_its_output(bench: Bench):
    outcome = bench.outcome(call("echo", "hello", 7))
    assert outcome == Succeeded({"args": ["hello", 7], "kwargs": {}}, "hello 7\n")
    (tasks, problems) = bench.hellos[0]
    assert {"echo", "give_up"} <= set(tasks)
    assert problems == {}


def test_a_child_runs_one_task_after_the_other(bench: Bench):
    outcomes = [bench.outcome(call("echo", number)) for number in range(5)]
    assert [outcome.output for outcome in outcomes] == [f"{number}\n" for number in range(5)]
    assert len(bench.hellos) == 1


def test_a_task_that_raises_tells_where(bench: Bench):
    outcome = bench.outcome(call("flaky", 1.0))
    assert isinstance(outcome, Failed) and not outcome.is_hopeless
    assert outcome.error.type == "RuntimeError"
    lines = outcome.error.traceback.splitlines()
    assert "in flaky" in lines[1] and "services/worker/child.py" not in outcome.error.traceback


@pytest.mark.parametrize(
    ("task", "error", "is_hopeless"),
    [
        ("no_such_task", "UnknownTask", True),
        ("return_what_is_no_json", "ResultError", True),
        ("return_megabytes", "ResultError", True),
        ("exit_the_process", "SystemExit", False),
        ("give_up", "NotWorthTrying", True),
        ("raise_something_else", "KeyError", True),
    ],
)
def test_odd_ends_are_failures_with_a_reason(bench: Bench, task, error, is_hopeless):
    outcome = bench.outcome(call(task))
    assert (outcome.error.type, outcome.is_hopeless) == (error, is_hopeless)
    assert bench.outcome(call("echo")).output == "\n"
    assert len(bench.hellos) == 1


def test_wrong_arguments_are_a_failure(bench: Bench):
    assert bench.outcome(call("sleep")).error.type == "TypeError"


def test_a_child_that_dies_fails_its_task_and_is_replaced(bench: Bench):
    outcome = bench.outcome(call("kill_the_process"))
    assert outcome.error == TaskError(
        "ProcessDied", "the process of the task was killed by SIGKILL before the task ended"
    )
    assert bench.outcome(call("echo", "again")).output == "again\n"
    assert len(bench.hellos) == 2


def test_an_idle_child_that_dies_is_replaced(bench: Bench):
    bench.until(lambda: bench.hellos)
    bench.pool._seats[0].child.kill()
    bench.until(lambda: len(bench.hellos) == 2)
    assert bench.outcome(call("echo", "again")).output == "again\n"


def test_a_task_beyond_its_time_is_killed_with_all_it_started(bench: Bench, tmp_path: Path):
    path = tmp_path / "pids"
    outcome = bench.outcome(call("ignore_every_signal", str(path), timeout_s=1.0))
    assert outcome.error.type == "TimeLimitExceeded"
    pids = [int(pid) for pid in path.read_text().split()]
    assert len(pids) == 2
    bench.until(lambda: not any(map(is_alive, pids)))


def test_a_task_is_told_before_its_time_is_over(bench: Bench):
    outcome = bench.outcome(call("clean_up_in_time", 60, soft_timeout_s=0.1, timeout_s=30.0))
    assert outcome.result == "cleaned up: it ran longer than 0.1 s"
    assert bench.outcome(call("clean_up_in_time", 0, soft_timeout_s=30.0)).result == (
        "was not disturbed"
    )


def test_a_task_is_stopped_with_the_outcome_that_was_asked_for(bench: Bench):
    bench.pool.run(call("sleep", 600))
    bench.until(lambda: bench.started)
    bench.pool.stop("t1", Cancelled())
    bench.pool.stop("t1", Failed(TaskError("TooLate", "")))
    bench.until(lambda: bench.ended)
    assert bench.ended == {"t1": Cancelled()}


def test_what_was_printed_before_the_kill_is_kept(bench: Bench):
    seen: list[str] = []
    bench.until(lambda: bench.hellos)
    bench.pool.run(call("print_megabytes"))
    child = bench.pool._seats[0].child
    child.output._on_line = seen.append
    bench.until(lambda: seen)
    bench.pool.stop("t1", Cancelled())
    bench.until(lambda: bench.ended)
    assert bench.ended["t1"].output.startswith("xxx")


def test_nobody_hears_of_a_task_that_was_abandoned(bench: Bench):
    task = call("sleep", 600)
    bench.pool.run(task)
    bench.until(lambda: bench.started)
    bench.pool.abandon([task])
    assert bench.outcome(call("echo", task_id="t2")).output == "\n"
    assert bench.ended == {}


def test_a_task_that_has_no_child_yet_waits_and_can_be_stopped(bench: Bench):
    for task_id in ("t1", "t2", "t3"):
        bench.pool.run(call("echo", task_id, task_id=task_id))
    bench.pool.stop("t2", Cancelled())
    assert bench.ended == {"t2": Cancelled()}
    bench.until(lambda: len(bench.ended) == 3)
    assert bench.started == ["t1", "t3"]


def test_a_pool_that_closes_leaves_nobody_behind(tmp_path: Path):
    bench = Bench(size=2)
    path = tmp_path / "pids"
    bench.pool.run(call("ignore_every_signal", str(path)))
    bench.until(lambda: path.exists() and path.read_text().endswith("\n"))
    children = [seat.child.pid for seat in bench.pool._seats]
    bench.close()
    pids = [*children, *map(int, path.read_text().split())]
    bench.until(lambda: not any(map(is_alive, pids)))


def test_a_child_that_cannot_be_born_is_a_problem(monkeypatch):
    monkeypatch.setattr("services.worker.child_process.sys.executable", "/bin/false")
    bench = Bench()
    bench.until(lambda: "children" in bench.vitals.problems)
    assert "before it was ready" in bench.vitals.problems["children"]
    monkeypatch.undo()
    assert bench.outcome(call("echo", "at last")).output == "at last\n"
    assert "children" not in bench.vitals.problems
    bench.close()


def test_a_child_that_cannot_be_started_leaves_no_descriptors(monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no process more")

    def lowest_free_descriptor() -> int:
        descriptor = os.open(os.devnull, os.O_RDONLY)
        os.close(descriptor)
        return descriptor

    monkeypatch.setattr(subprocess, "Popen", refuse)
    loop = EventLoop(LOG)
    before = lowest_free_descriptor()
    with pytest.raises(OSError, match="no process more"):
        ChildProcess(loop, MODULES, os.environ, print, print)
    assert lowest_free_descriptor() == before


# What a task does to its process.


def is_replaced(bench: Bench, pid: int) -> bool:
    seats = bench.pool._seats
    return all(seat.child.pid != pid for seat in seats) and any(seat.is_ready for seat in seats)


def first_pid(bench: Bench) -> int:
    bench.until(lambda: bench.pool._seats[0].is_ready)
    return bench.pool._seats[0].child.pid


@pytest.mark.parametrize(
    ("task", "arguments", "result"),
    [
        ("replace_stdout", [], "replaced"),
        ("change_directory", ["/"], "/"),
        ("close_descriptors", [0, 3], "closed"),
        ("return_twice", [], "the task"),
        ("limit_files", [64], "limited"),
    ],
)
def test_the_next_task_does_not_notice_the_one_before(bench: Bench, task, arguments, result):
    first_pid(bench)
    directory = bench.outcome(call("change_directory", ".")).result
    assert bench.outcome(call(task, *arguments)).result == result
    assert bench.outcome(call("change_directory", ".")).result == directory
    assert bench.outcome(call("echo", "heard")).output == "heard\n"


def test_alarms_and_masks_are_put_right_for_the_next_task(bench: Bench):
    pid = first_pid(bench)
    mask = bench.outcome(call("mask_files", 0o777)).result
    assert bench.outcome(call("mask_files", mask)).result == mask
    assert bench.outcome(call("set_an_alarm")).result == "set"
    assert bench.outcome(call("see_the_alarm")).result == [0.0, 0.0]
    assert first_pid(bench) == pid


def test_a_child_with_other_limits_is_replaced(bench: Bench):
    pid = first_pid(bench)
    assert bench.outcome(call("limit_files", 64)).result == "limited"
    bench.until(lambda: is_replaced(bench, pid))


@pytest.mark.parametrize("task", ["leave_a_process_behind", "leave_a_session_behind"])
def test_what_a_task_leaves_behind_ends_with_its_child(bench: Bench, tmp_path: Path, task: str):
    path, pid = tmp_path / "pids", first_pid(bench)
    assert bench.outcome(call(task, str(path))).result == "left"
    bench.until(lambda: is_replaced(bench, pid))
    bench.until(lambda: not any(is_alive(int(number)) for number in path.read_text().split()))


def test_what_has_left_the_process_group_is_stopped_with_the_task(bench: Bench, tmp_path: Path):
    path = tmp_path / "pids"
    task = call("leave_a_session_behind", str(path), 600)
    bench.pool.run(task)
    bench.until(lambda: path.exists() and path.read_text().endswith("\n"))
    bench.pool.stop(task.id, Cancelled())
    bench.until(lambda: task.id in bench.ended)
    bench.until(lambda: not any(is_alive(int(number)) for number in path.read_text().split()))


@pytest.mark.parametrize(
    ("task", "arguments", "reason"),
    [
        ("close_descriptors_and_stay", [3, 65536], "has closed its connection to the worker"),
        ("write_to_every_descriptor", [], "wrote into its connection to the worker"),
    ],
)
def test_a_task_that_breaks_its_connection_fails(bench: Bench, task, arguments, reason):
    outcome = bench.outcome(call(task, *arguments))
    assert outcome.error.type == "ProcessDied"
    assert reason in outcome.error.message
    assert bench.outcome(call("echo", "again")).output == "again\n"


def test_a_child_is_replaced_after_so_many_tasks():
    bench = Bench(wear=Wear(max_tasks=3))
    bench.until(lambda: len(bench.hellos) == 2)  # One child, and one to spare.
    pids = set()
    for number in range(9):
        bench.pool.run(call("echo", task_id=f"t{number}"))
        pids.add(bench.pool.pid_of(f"t{number}"))
        bench.until(lambda number=number: f"t{number}" in bench.ended)
    assert len(pids) >= 3
    assert {type(outcome) for outcome in bench.ended.values()} == {Succeeded}
    # Two are full at least; nobody says in which order those that are ready take their turns.
    bench.until(lambda: len(bench.hellos) >= 4)
    bench.close()


def test_a_task_that_eats_memory_is_stopped():
    bench = Bench(wear=Wear(memory_bytes=100 * 2**20))
    outcome = bench.outcome(call("eat_memory", 200))
    assert outcome.error.type == "MemoryLimitExceeded"
    assert "of 100, and was killed" in outcome.error.message
    outcome = bench.outcome(call("eat_memory_elsewhere", 200))
    assert outcome.error.type == "MemoryLimitExceeded"
    assert bench.outcome(call("eat_memory", 1, 0)).result == 1
    bench.close()


def test_a_child_that_keeps_memory_is_replaced():
    bench = Bench(wear=Wear(memory_bytes=100 * 2**20))
    pid = first_pid(bench)
    bench.limits.clear()  # Only what is left when it has ended is looked at.
    assert bench.outcome(call("keep_memory", 150)).result == 1
    bench.until(lambda: is_replaced(bench, pid))
    bench.close()


def test_progress_is_told_while_the_task_runs(bench: Bench, tmp_path: Path):
    path = tmp_path / "go"
    bench.pool.run(call("report_and_wait", str(path)))
    bench.until(lambda: len(bench.reports) == 2)
    assert bench.reports == [("t1", 0.1, "before"), ("t1", 0.4, "almost half")]
    path.touch()
    bench.until(lambda: bench.ended)


def test_a_million_reports_are_some_and_the_last_one(bench: Bench):
    assert bench.outcome(call("report_progress", 20_000)).result == "done"
    assert bench.reports[0][1:] == (5e-05, "step 1")
    assert bench.reports[-1][1:] == (1.0, "step 20000")
    assert len(bench.reports) < 1000
