"""`python3 -m services`: starts everything, starts again what dies, and leaves nothing behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services import state_file
from services.constellation import CONSTELLATION, process_names
from services.state_file import Identity, State
from tests.processes import PATIENCE_S, ROOT, clean_environ

FREE_PORTS = {variable: "0" for service in CONSTELLATION for variable in service.port_variables}
PROCESSES = [name for service in CONSTELLATION for name in process_names(service)]


def services(*options: str, ports: dict[str, str] = FREE_PORTS) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "services", *options],
        cwd=ROOT,
        env=clean_environ(ports),
        capture_output=True,
        text=True,
        timeout=3 * PATIENCE_S,
    )


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[str]:
    """The data directory of a constellation that runs."""
    directory = str(tmp_path / "data")
    up = services("--detach", "--data-dir", directory)
    try:
        assert up.returncode == 0, up.stderr
        yield directory
    finally:
        services("--down", "--data-dir", directory)


def state_of(data_dir: str) -> State:
    state = state_file.read(Path(data_dir))
    assert state is not None
    return state


def everybody(state: State) -> list[Identity]:
    return [state.supervisor, *state.strays()]


def wait_for(data_dir: str, condition: Callable[[State], bool]) -> State:
    """The first state for which `condition` holds; the file is all that tells of a change."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition(state := state_of(data_dir)):
        assert time.monotonic() < deadline_s, state
        time.sleep(0.02)
    return state


def test_up_status_restart_down(data_dir: str) -> None:
    """One constellation through its life: starting it for each step would cost seconds."""
    state = state_of(data_dir)
    assert list(state.processes) == PROCESSES
    assert len(state.strays()) == len(PROCESSES)
    status = services("--status", "--data-dir", data_dir)
    assert status.returncode == 0
    assert status.stdout.count(", healthy") == len(PROCESSES)

    again = services("--detach", "--data-dir", data_dir)
    assert again.returncode == 0
    assert everybody(state_of(data_dir)) == everybody(state)

    in_the_foreground = services("--data-dir", data_dir)
    assert in_the_foreground.returncode == 1
    assert in_the_foreground.stderr.count("\n") == 1

    killed = state.processes["kvdb"]
    os.kill(killed.pid, signal.SIGKILL)
    restarted = wait_for(
        data_dir, lambda s: s.processes["kvdb"].restarts == 1 and s.state == "ready"
    )
    assert restarted.processes["kvdb"].identity != killed.identity
    assert restarted.processes["kvdb"].endpoint == killed.endpoint

    down = services("--down", "--volumes", "--data-dir", data_dir)
    assert down.returncode == 0
    assert state_file.wait_until_gone(everybody(restarted), patience_s=0)
    assert not Path(data_dir).exists()
    assert services("--status", "--data-dir", data_dir).returncode == 1


def test_what_a_killed_supervisor_left_is_ended(data_dir: str) -> None:
    """By the next one that starts, and by `--down`."""
    left = kill_supervisor(data_dir)
    assert services("--detach", "--data-dir", data_dir).returncode == 0
    assert left.strays() == []
    assert len(state_of(data_dir).strays()) == len(PROCESSES)

    left = kill_supervisor(data_dir)
    assert services("--down", "--data-dir", data_dir).returncode == 0
    assert left.strays() == []


def kill_supervisor(data_dir: str) -> State:
    """The state that it left behind; its processes still run."""
    left = state_of(data_dir)
    os.kill(left.supervisor.pid, signal.SIGKILL)
    assert state_file.wait_until_gone([left.supervisor], PATIENCE_S)
    assert len(left.strays()) == len(PROCESSES)
    return left


def test_a_port_in_use_stops_everything_and_says_why(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ports = FREE_PORTS | {"BROKER_PORT": port}
        up = services("--detach", "--data-dir", str(tmp_path / "data"), ports=ports)
    assert up.returncode == 1
    assert f"127.0.0.1:{port}" in up.stderr
    assert state_file.read(tmp_path / "data") is None


def test_nothing_runs_and_nothing_is_stopped(tmp_path: Path) -> None:
    down = services("--down", "--data-dir", str(tmp_path))
    assert (down.returncode, down.stdout, down.stderr) == (0, "", "")


def test_down_deletes_only_what_is_ours(tmp_path: Path) -> None:
    (tmp_path / "kvdb").mkdir()
    (tmp_path / "letter.txt").write_text("mine")
    assert services("--down", "--volumes", "--data-dir", str(tmp_path)).returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


@pytest.mark.parametrize("options", [["--nonsense"], ["--wait", "soon"], ["--down", "--status"]])
def test_a_bad_option_is_one_line_and_status_2(options: list[str]) -> None:
    ended = services(*options)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.count("\n") == 1


def test_a_bad_port_is_one_line_and_status_1(tmp_path: Path) -> None:
    ended = services("--data-dir", str(tmp_path), ports={"WEB_PORT": "high"})
    assert ended.returncode == 1
    assert ended.stderr == "services: WEB_PORT 'high': must be a port, from 0 to 65535\n"


def test_a_stranger_with_the_same_number_is_left_alone() -> None:
    """The number is ours, the time is not: whoever that is, it is not signalled."""
    ourselves = Identity(os.getpid(), "0")
    assert not ourselves.is_alive()
    ourselves.signal(signal.SIGKILL)
    ourselves.signal_group(signal.SIGKILL)
    assert state_file.identity_of(os.getpid()).is_alive()


def test_a_broken_state_file_is_named(tmp_path: Path) -> None:
    state_file.path_in(tmp_path).write_text("{")
    with pytest.raises(ValueError, match=r"constellation\.json"):
        state_file.read(tmp_path)
