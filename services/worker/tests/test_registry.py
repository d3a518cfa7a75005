"""Tasks are found in the modules that a worker is told to import."""

import sys

import pytest

from services.broker.client import OptionError, Task, TaskOptions, current_task, task
from services.worker import registry


def test_the_sample_tasks_are_known_by_their_names():
    known = registry.load(["services.worker.samples"])
    assert (sorted(known.tasks), known.problems) == (
        ["count_to", "echo", "flaky", "save", "sleep"],
        {},
    )
    assert known.definitions()["save"] == {"retries": 3}


def test_a_task_is_still_a_function():
    @task
    def double(number: int) -> int:
        return number * 2

    @task(name="math.half", retries=2, timeout=5)
    def half(number: int) -> float:
        return number / 2

    assert (double(4), half(4)) == (8, 2)
    assert (double.name, half.name) == ("double", "math.half")
    assert half.options == TaskOptions(retries=2, timeout_s=5.0)
    assert current_task() is None


def test_a_bad_option_is_refused_at_the_definition():
    with pytest.raises(OptionError, match="retries"):
        task(retries="many")(print)


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("import no_such_module", "ModuleNotFoundError"),
        ("def broken(:", "SyntaxError"),
        ("raise SystemExit('enough')", "SystemExit: enough"),
        ("1 / 0", "ZeroDivisionError"),
    ],
)
def test_a_module_that_cannot_be_imported_is_a_problem(tmp_path, monkeypatch, source, problem):
    (tmp_path / "broken_tasks.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    known = registry.load(["broken_tasks", "services.worker.samples"])
    sys.modules.pop("broken_tasks", None)
    assert problem in known.problems["broken_tasks"]
    assert "echo" in known.tasks
    assert problem in registry.unknown_task("mine", known.tasks, known.problems)


def test_a_name_that_two_modules_define_is_a_problem(tmp_path, monkeypatch):
    source = "from services.broker.client import task\n@task\ndef echo(): pass\n"
    (tmp_path / "more_tasks.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    known = registry.load(["services.worker.samples", "more_tasks"])
    sys.modules.pop("more_tasks", None)
    assert "'echo'" in known.problems["more_tasks"]
    assert known.tasks["echo"].function.__module__ == "services.worker.samples"


def test_what_is_hopeless():
    patient = Task(print, "p", retry_on=(OSError,), give_up_on=(FileNotFoundError,))
    assert not patient.is_hopeless(TimeoutError())
    assert patient.is_hopeless(FileNotFoundError())
    assert patient.is_hopeless(KeyError())
