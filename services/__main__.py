"""`python3 -m services`: the whole constellation as local processes, without Docker.

    python3 -m services              in the foreground, until Ctrl-C
    python3 -m services --detach     in the background; returns when every service is well
    python3 -m services --status     what runs where, and whether it is well
    python3 -m services --down       stop it; with --volumes, delete the data too

All of them mean the constellation of one data directory, whose state file says what runs
(`services.state_file`). The processes themselves are the supervisor's (`services.supervisor`).
"""

import argparse
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services import state_file
from services.common import logs
from services.common.options import OneLineParser
from services.constellation import CONSTELLATION, process_names
from services.state_file import ProcessRecord, State
from services.supervisor import ROOT, STOP_TIMEOUT_S, Supervisor

LOCK_NAME = "constellation.lock"
SUPERVISOR_LOG = "logs/supervisor.log"
HEALTH_TIMEOUT_S = 10.0
POLL_INTERVAL_S = 0.1
# Services stop one rank after the other, and each rank has its own time.
SUPERVISOR_STOP_TIMEOUT_S = 4 * STOP_TIMEOUT_S


def main() -> int:
    options = _parse_options()
    data_dir = options.data_dir.resolve()
    try:
        if options.down:
            return down(data_dir, delete_data=options.volumes)
        if options.status:
            return status(data_dir)
        if options.detach:
            return detach(data_dir, options.wait)
        return run(data_dir, quiet=options.quiet)
    except (OSError, ValueError) as error:
        print(f"services: {error}", file=sys.stderr)
        return 1


def _parse_options() -> argparse.Namespace:
    parser = OneLineParser(
        prog="python3 -m services",
        description="Run the whole constellation as local processes.",
        epilog="Ports come from the environment, 0 is a free one: "
        + ", ".join(variable for s in CONSTELLATION for variable in s.port_variables),
        allow_abbrev=False,
    )
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--detach", action="store_true", help="run in the background")
    action.add_argument("--down", action="store_true", help="stop what runs in the background")
    action.add_argument("--status", action="store_true", help="what runs, and is it well: 0 or 1")
    parser.add_argument("--volumes", action="store_true", help="with --down: delete the data too")
    parser.add_argument("--quiet", action="store_true", help="print no service's log lines")
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=Path("data"),
        metavar="DIR",
        help="data, logs and state file of this constellation, default data",
    )
    parser.add_argument(
        "--wait",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="with --detach: how long to wait until every service is well, default 60",
    )
    return parser.parse_args()


def run(data_dir: Path, *, quiet: bool) -> int:
    """Supervise in the foreground until a signal says stop."""
    log = logs.configure("supervisor")
    data_dir.mkdir(parents=True, exist_ok=True)
    with _lock(data_dir):
        end_strays(data_dir)
        exit_status = Supervisor(data_dir, os.environ, log, _silent if quiet else _echo).run()
        state_file.path_in(data_dir).unlink(missing_ok=True)
    return exit_status


@contextmanager
def _lock(data_dir: Path) -> Iterator[None]:
    """One supervisor for each data directory. The system lets go of the lock when we die."""
    with open(data_dir / LOCK_NAME, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(f"the constellation of {data_dir} runs already") from None
        yield


def _echo(name: str, line: bytes) -> None:
    print(f"{name:9}│ {line.decode(errors='backslashreplace')}", flush=True)


def _silent(_name: str, _line: bytes) -> None:
    pass


def end_strays(data_dir: Path) -> None:
    """End the processes of a supervisor that was itself killed."""
    state = state_file.read(data_dir)
    if state and (strays := state.strays()):
        print(f"services: ending {len(strays)} processes that were left behind", file=sys.stderr)
        state_file.end_groups(strays, STOP_TIMEOUT_S)


def detach(data_dir: Path, patience_s: float) -> int:
    """Start a supervisor in the background, where none runs; wait until every service is well."""
    (data_dir / SUPERVISOR_LOG).parent.mkdir(parents=True, exist_ok=True)
    supervisor = None if _running(data_dir) else _start_supervisor(data_dir)
    deadline_s = time.monotonic() + patience_s
    while True:
        state = _running(data_dir)
        healthy = _ask_health(state) if state and state.state == "ready" else {}
        if state and healthy and all(healthy.values()):
            return _show(state, healthy)
        if supervisor is not None and supervisor.poll() is not None:
            return _give_up(data_dir, "it did not start")
        if time.monotonic() > deadline_s:
            status(data_dir)
            if supervisor is not None:
                down(data_dir, delete_data=False)
            return _give_up(data_dir, f"not every service was well within {patience_s:g} s")
        time.sleep(POLL_INTERVAL_S)


def _start_supervisor(data_dir: Path) -> subprocess.Popen[bytes]:
    """The same program again, in a session of its own, with its log in a file."""
    with open(data_dir / SUPERVISOR_LOG, "wb") as log:
        return subprocess.Popen(  # noqa: S603 (our own program)
            [sys.executable, "-m", "services", "--quiet", "--data-dir", str(data_dir)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _give_up(data_dir: Path, reason: str) -> int:
    """Say why, with the last words of the supervisor."""
    path = data_dir / SUPERVISOR_LOG
    print(f"services: {reason}; the end of {path}:", file=sys.stderr)
    for line in path.read_text(errors="backslashreplace").splitlines()[-10:]:
        print(f"  {line}", file=sys.stderr)
    return 1


def status(data_dir: Path) -> int:
    """Print a line for each process; 0 where all of them run and say that they are well."""
    state = _running(data_dir)
    if state is None:
        print("services: nothing runs")
        return 1
    return _show(state, _ask_health(state))


def _running(data_dir: Path) -> State | None:
    """The state of a constellation whose supervisor is alive."""
    state = state_file.read(data_dir)
    return state if state is not None and state.supervisor.is_alive() else None


def _show(state: State, healthy: dict[str, bool]) -> int:
    for name, record in state.processes.items():
        health = "" if record.state != "ready" else ", healthy" if healthy[name] else ", unhealthy"
        print(f"{name:9} {record.endpoint or '-':21} pid {record.pid}  {record.state}{health}")
    web = state.processes["web"].endpoint
    print(f"dashboard: http://{web}" if web else "dashboard: not yet")
    return 0 if all(healthy.values()) else 1


def _ask_health(state: State) -> dict[str, bool]:
    """Ask every process that is ready, all at once, as a container's health check would."""
    questions = {
        name: _health_check(record)
        for name, record in state.processes.items()
        if record.state == "ready"
    }
    return {name: name in questions and _answers_well(questions[name]) for name in state.processes}


def _health_check(record: ProcessRecord) -> subprocess.Popen[bytes]:
    package = next(s.package for s in CONSTELLATION if s.name == record.service)
    return subprocess.Popen(  # noqa: S603 (our own program)
        [sys.executable, "-m", f"services.{package}", "--health"],
        cwd=ROOT,
        env={**os.environ, **record.environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _answers_well(check: subprocess.Popen[bytes]) -> bool:
    try:
        return check.wait(HEALTH_TIMEOUT_S) == 0
    except subprocess.TimeoutExpired:
        check.kill()
        check.wait()
        return False


def down(data_dir: Path, *, delete_data: bool) -> int:
    """Stop the supervisor and all its processes, or what a killed one left behind."""
    state = state_file.read(data_dir)
    if state is not None:
        state.supervisor.signal(signal.SIGTERM)
        if not state_file.wait_until_gone([state.supervisor], SUPERVISOR_STOP_TIMEOUT_S):
            state.supervisor.signal(signal.SIGKILL)
            state_file.wait_until_gone([state.supervisor], STOP_TIMEOUT_S)
        end_strays(data_dir)
        state_file.path_in(data_dir).unlink(missing_ok=True)
        print("services: stopped")
    if delete_data:
        _delete_data(data_dir)
    return 0


def _delete_data(data_dir: Path) -> None:
    """Delete what the constellation made, and the directory itself where nothing else is in it."""
    ours = ["logs", *(name for s in CONSTELLATION if s.keeps_data for name in process_names(s))]
    for name in ours:
        shutil.rmtree(data_dir / name, ignore_errors=True)
    (data_dir / LOCK_NAME).unlink(missing_ok=True)
    if data_dir.is_dir() and not any(data_dir.iterdir()):
        data_dir.rmdir()
        print(f"services: deleted {data_dir}")


if __name__ == "__main__":
    raise SystemExit(main())
