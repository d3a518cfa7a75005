"""The command line against a running queue: what it prints, and which status it ends with."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.broker.cli.__main__ import main
from services.broker.tests.support import Store
from services.worker.tests.stack import Stack, running_stack
from tests.processes import ROOT


@pytest.fixture(scope="module")
def stack(running_store: Store, tmp_path_factory) -> Iterator[Stack]:
    with running_stack(running_store, tmp_path_factory.mktemp("stack"), "w1") as stack:
        yield stack


@pytest.fixture
def run(stack: Stack, monkeypatch, capsys):
    """Run a command; its status, and what it printed as JSON."""
    monkeypatch.setenv("BROKER_URL", stack.client.url)

    def run(*words: str, status: int = 0) -> dict:
        capsys.readouterr()
        assert main(list(words)) == status, capsys.readouterr().err
        return json.loads(capsys.readouterr().out)

    return run


def test_a_task_is_submitted_and_waited_for(run):
    task = run("submit", "echo", "hello", "7", "name=value", "--wait")
    assert task["result"] == {"args": ["hello", 7], "kwargs": {"name": "value"}}
    assert run("status", task["id"])["state"] == "succeeded"


def test_one_that_fails_is_a_status_of_its_own(run):
    task = run("submit", "flaky", "1.0", "--wait", status=1)
    assert task["error"]["type"] == "RuntimeError"
    assert run("submit", "sleep", "600", "--wait", "--wait-timeout", "0.05", status=1)["id"]


def test_options_of_a_submission(run):
    task = run(
        *["submit", "echo", "--queue", "nobody", "--priority", "9", "--retries", "2"],
        *["--countdown", "600", "-o", "unique_for=60"],
    )
    assert (task["state"], task["queue"]) == ("scheduled", "nobody")
    assert task["options"]["retries"] == 2
    (cancelled,) = run("cancel", task["id"])["tasks"]
    assert cancelled["state"] == "cancelled"


def test_a_forgotten_id_cancels_nothing(run, capsys):
    task = run("submit", "echo", "--queue", "forgotten", "--countdown", "600")
    assert main(["cancel"]) == 2
    assert "which tasks?" in capsys.readouterr().err
    assert run("status", task["id"])["state"] == "scheduled"
    assert run("cancel", "--queue", "forgotten")["changed"] == 1


def test_half_a_character_is_shown_as_its_number(run):
    assert run("submit", "echo", '"\\ud800"', "--wait")["args"] == ["\ud800"]


def test_lists_are_pages(run):
    ids = [run("submit", "echo", "--queue", "listed")["id"] for _ in range(3)]
    page = run("list", "--queue", "listed", "--limit", "2")
    rest = run("list", "--queue", "listed", "--cursor", page["next_cursor"])
    assert {task["id"] for task in page["tasks"] + rest["tasks"]} == set(ids)


def test_the_dead_are_requeued_and_purged(run):
    words = ["submit", "flaky", "1.0", "--retries", "1", "-o", "retry_delay=0", "--wait"]
    ids = [run(*words, "--queue", "mail", status=1)["id"] for _ in range(2)]
    assert run("retry", "--state", "dead", "--queue", "mail", "--limit", "1")["changed"] == 1
    for task_id in ids:
        run("status", task_id, "--wait", status=1)
    assert run("purge", "--queue", "mail")["changed"] == 2
    assert run("list", "--state", "dead", "--queue", "mail")["tasks"] == []


def test_schedules(run):
    words = ["--every", "3600", "echo", "tick", "--retries", "1", "loud=true"]
    (schedule,) = run("schedules", "add", "hourly", *words)["schedules"]
    assert (schedule["args"], schedule["kwargs"]) == (["tick"], {"loud": True})
    (paused,) = run("schedules", "pause", "hourly")["schedules"]
    assert paused["paused"]
    assert run("schedules", "run", "hourly")["task"] == "echo"
    assert run("schedules", "delete", "hourly")["schedules"] == []


def test_queues_and_workers(run):
    queues = run("queues", "pause", "reports")["queues"]
    assert [queue["paused"] for queue in queues if queue["name"] == "reports"] == [True]
    queues = run("queues", "weight", "reports", "7")["queues"]
    assert [queue["weight"] for queue in queues if queue["name"] == "reports"] == [7]
    run("queues", "resume", "reports")
    assert [worker["name"] for worker in run("workers")["workers"]] == ["w1"]
    assert run("workflows")["workflows"] == []


@pytest.mark.parametrize(
    ("words", "status", "complaint"),
    [
        (["status", "no-such-task"], 1, "tasks: there is no task no-such-task"),
        (["submit", "echo", "--priority", "77"], 1, "options.priority"),
        (["queues", "pause"], 2, "a name is missing"),
        (["schedules", "add", "bad", "--cron", "75 * * * *", "echo"], 1, "cron"),
        (["--broker", "http://127.0.0.1:9", "list"], 3, "refused"),
        (["--broker", "nonsense", "list"], 2, "not an http"),
    ],
)
def test_what_is_wrong_is_one_line_and_a_status(
    stack: Stack, monkeypatch, capsys, words: list[str], status: int, complaint: str
):
    monkeypatch.setenv("BROKER_URL", stack.client.url)
    assert main(words) == status
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert complaint.lower() in captured.err.lower()


@pytest.mark.parametrize("words", [[], ["explode"], ["submit"], ["submit", "echo", "-o", "x"]])
def test_a_command_that_is_none_ends_with_2(words: list[str], capsys):
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_on_a_terminal_there_is_a_bar_and_a_table(stack: Stack):
    words = ["submit", "report_progress", "4", "0.15", "--wait"]
    screen = on_a_terminal(stack, words)
    assert "█" in screen and "report_progress  running" in screen
    assert '\r\nresult    "done"' in screen
    assert "STATE" in screen and "succeeded" in screen
    listed = on_a_terminal(stack, ["list", "--limit", "1"])
    assert listed.startswith("ID ") and "report_progress" in listed
    assert on_a_terminal(stack, ["workers"]).splitlines()[1].startswith("w1 ")
    assert "default" in on_a_terminal(stack, ["queues"])


def on_a_terminal(stack: Stack, words: list[str]) -> str:
    """What a terminal of 100 columns is sent."""
    ours, theirs = pty.openpty()
    environ = {**os.environ, "BROKER_URL": stack.client.url, "COLUMNS": "100"}
    command = [sys.executable, "-m", "services.broker.cli", *words]
    process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen = b""
    try:
        while data := os.read(ours, 65536):
            seen += data
    except OSError:
        pass  # The end of a terminal.
    os.close(ours)
    assert process.wait() == 0, seen
    return seen.decode()


def test_a_reader_that_has_seen_enough_is_no_error(stack: Stack, tmp_path: Path):
    environ = {**os.environ, "BROKER_URL": stack.client.url}
    command = f"{sys.executable} -m services.broker.cli list | head -c 1"
    result = subprocess.run(
        command, shell=True, cwd=ROOT, env=environ, capture_output=True, timeout=60
    )
    assert (result.stdout, result.stderr) == (b"{", b"")
