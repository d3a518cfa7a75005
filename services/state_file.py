"""The state file: what the supervisor tells the world of its processes, and its own successor.

`DATA_DIR/constellation.json` is replaced as a whole at each change, so a reader never sees a
half of it. `--status` and `--down` read it, and so do tests that need an address, or a
process to kill:

    {"state": "ready",                        starting, ready or stopping
     "supervisor": {"pid": 4100, "started": "881200"},
     "processes": {
       "kvdb": {"service": "kvdb",
                "state": "ready",             waiting, starting, ready, backing-off, ended
                "pid": 4101,                  null while it does not run
                "started": "881204",
                "endpoint": "127.0.0.1:4242", null for a worker, which nobody connects to
                "restarts": 0,                times that it was started again after a death
                "log": "/…/data/logs/kvdb.log",
                "environment": {"KVDB_HOST": "127.0.0.1", "KVDB_PORT": "4242"}},
       "worker-1": {"service": "worker"}}}

A process number alone proves nothing: the process may be gone and its number someone else's.
So each stands beside the time at which that process started, as the system tells it, and
nothing is signalled unless both still agree. That is how `--down`, or the next start, ends
the processes of a supervisor that was itself killed, and never a stranger's.

A process is always the leader of its own process group, so that whatever it started can be
killed together with it.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from services.common.atomic_file import replace_file

FILE_NAME = "constellation.json"

_HAS_PROC = Path("/proc/self/stat").exists()


@dataclass(frozen=True, slots=True)
class Identity:
    """One certain process, not merely a number."""

    pid: int
    started: str

    def is_alive(self) -> bool:
        """Whether it still runs; a zombie has ended, and only waits to be noticed."""
        return start_time_of(self.pid) == self.started and not _is_zombie(self.pid)

    def signal(self, number: int) -> None:
        """Signal the process, where it still is the same one."""
        if self.is_alive():
            try:
                os.kill(self.pid, number)
            except (ProcessLookupError, PermissionError):
                pass  # It ended in between.

    def signal_group(self, number: int) -> None:
        """Signal the process and what it started, where it still is the same one."""
        if self.is_alive():
            try:
                os.killpg(self.pid, number)
            except (ProcessLookupError, PermissionError):
                pass


@dataclass(slots=True)
class ProcessRecord:
    """What is written of one process."""

    service: str
    state: str
    pid: int | None = None
    started: str | None = None
    endpoint: str | None = None
    restarts: int = 0
    log: str = ""
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def identity(self) -> Identity | None:
        if self.pid is None or self.started is None:
            return None
        return Identity(self.pid, self.started)


@dataclass(slots=True)
class State:
    """The content of the file."""

    state: str
    supervisor: Identity
    processes: dict[str, ProcessRecord]

    def strays(self) -> list[Identity]:
        """The processes that still run."""
        identities = (record.identity for record in self.processes.values())
        return [identity for identity in identities if identity and identity.is_alive()]


def path_in(data_dir: Path) -> Path:
    return data_dir / FILE_NAME


def write(data_dir: Path, state: State) -> None:
    replace_file(path_in(data_dir), [json.dumps(asdict(state), indent=1).encode() + b"\n"])


def read(data_dir: Path) -> State | None:
    """The state of the constellation of `data_dir`; None where none runs or ran."""
    try:
        content: dict[str, Any] = json.loads(path_in(data_dir).read_bytes())
        return State(
            content["state"],
            Identity(**content["supervisor"]),
            {name: ProcessRecord(**record) for name, record in content["processes"].items()},
        )
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path_in(data_dir)} is not a state file of this version") from error


def identity_of(pid: int) -> Identity:
    """Raises ProcessLookupError where no such process runs."""
    started = start_time_of(pid)
    if started is None:
        raise ProcessLookupError(pid)
    return Identity(pid, started)


def start_time_of(pid: int) -> str | None:
    """When the process started, in the system's own words; None where there is none.

    On Linux the ticks since boot, field 22 of /proc/PID/stat; elsewhere what `ps` says.
    """
    if _HAS_PROC:
        fields = _stat_fields(pid)
        return fields[19].decode() if fields else None
    return _ask_ps(pid, "lstart=")


def _is_zombie(pid: int) -> bool:
    if _HAS_PROC:
        fields = _stat_fields(pid)
        return not fields or fields[0] == b"Z"
    return (_ask_ps(pid, "stat=") or "Z").startswith("Z")


def _stat_fields(pid: int) -> list[bytes]:
    """/proc/PID/stat from its third field on: the second, the program's name, may hold anything."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _ask_ps(pid: int, column: str) -> str | None:
    command = ["ps", "-o", column, "-p", str(pid)]
    shown = subprocess.run(command, capture_output=True, text=True)  # noqa: S603 (a fixed command)
    return shown.stdout.strip() or None


def end_groups(leaders: Iterable[Identity], patience_s: float) -> None:
    """Ask each leader to end; after `patience_s` kill the groups of those that did not."""
    remaining = list(leaders)
    for leader in remaining:
        leader.signal(signal.SIGTERM)
    if not wait_until_gone(remaining, patience_s):
        for leader in remaining:
            leader.signal_group(signal.SIGKILL)
        wait_until_gone(remaining, patience_s)


def wait_until_gone(identities: Iterable[Identity], patience_s: float) -> bool:
    """Whether all of them ended within `patience_s`."""
    remaining = list(identities)
    deadline_s = time.monotonic() + patience_s
    while remaining := [identity for identity in remaining if identity.is_alive()]:
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.02)  # These are nobody's children any more: nothing tells us when they end.
    return True
