"""The supervisor: runs the constellation as local processes, as Docker runs it as containers.

    waiting ──► starting ──► ready ──► backing-off ──► starting …
       │            │          │            │
       └────────────┴──────────┴────────────┴──► ended          (when everything stops)

- A process starts when all that it needs are ready, and it is ready when it has printed its
  line `NAME ready on HOST:PORT`. # Real: depends_on with condition: service_healthy
- One that dies is started again after a pause that doubles at each death, on the port that
  it had, because the others know it by that. # Real: restart: unless-stopped
- One that ends before it was ever ready is a mistake in the setup (a port in use, a bad
  setting), and no accident: the supervisor says so and stops everything.
- SIGTERM, SIGINT or SIGHUP stop everything, whoever needs others first; what does not end
  within its time is killed. # Real: stop_grace_period
- Whatever a process leaves behind in its group, such as the task of a worker that was
  killed, ends with it, as everything in a container does.

One thread on the event loop of `common`: pipes, timers and the signal that a child has died
are its only events. What the processes print goes to one log file each, and in the
foreground to the terminal too, each line behind its process's name. At the end of a turn
that changed anything the state file is written.
"""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path

from services import state_file
from services.common.backoff import Backoff
from services.common.event_loop import EventLoop, Timer
from services.common.logs import Log
from services.constellation import (
    CONSTELLATION,
    Service,
    addresses,
    chosen_settings,
    more_ports,
    own_settings,
    process_names,
    published_port,
)
from services.state_file import Identity, ProcessRecord, State

HOST = "127.0.0.1"
# The directory that holds `services`, so that `-m services.NAME` finds it from anywhere.
ROOT = Path(__file__).resolve().parent.parent

# Longer than the services' own --grace of 10 s, so that they end in their own way.
STOP_TIMEOUT_S = 15.0
# A process that was ready for so long has recovered: its next death is a first one again.
RECOVERED_AFTER_S = 10.0
LOG_LIMIT_BYTES = 10 * 1024 * 1024
LINE_LIMIT_BYTES = 64 * 1024
PIPE_BYTES = 64 * 1024

_READY_LINE = re.compile(rb"\S+ ready(?: on (?P<endpoint>\S+))?")

Echo = Callable[[str, bytes], None]


class ProcessState(Enum):
    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    BACKING_OFF = "backing-off"
    ENDED = "ended"


class LogFile:
    """One process's log; when it is full it becomes `NAME.log.1`, and a new one begins."""

    def __init__(self, path: Path):
        self.path = path
        self._file = open(path, "ab")  # noqa: SIM115 (open as long as the supervisor runs)

    def write_line(self, line: bytes) -> None:
        if self._file.tell() > LOG_LIMIT_BYTES:
            self._file.close()
            self.path.replace(self.path.with_name(f"{self.path.name}.1"))
            self._file = open(self.path, "ab")  # noqa: SIM115
        self._file.write(line + b"\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()


class Process:
    """One process of the constellation, through all its lives."""

    def __init__(self, service: Service, name: str, port: int | None, log: LogFile):
        self.service = service
        self.name = name
        self.port = port
        self.log = log
        self.state = ProcessState.WAITING
        self.identity: Identity | None = None
        self.endpoint: str | None = None
        self.environment: dict[str, str] = {}
        self.restarts = 0
        self.was_ready = False
        self.ready_at_s = 0.0
        self.backoff = Backoff(first_s=0.5, limit_s=10.0)
        self.timer: Timer | None = None
        self.child: subprocess.Popen[bytes] | None = None
        self.output_ended = False
        self.last_line = b""
        self._partial_line = b""

    @property
    def is_running(self) -> bool:
        return self.child is not None

    def start(self, environment: dict[str, str]) -> None:
        """Start the program in a session of its own, with one pipe for all that it prints."""
        self.environment = environment
        self.child = subprocess.Popen(  # noqa: S603 (our own program)
            [sys.executable, "-m", f"services.{self.service.package}"],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            bufsize=0,
        )
        os.set_blocking(self.child.stdout.fileno(), False)
        self.identity = state_file.identity_of(self.child.pid)
        self.state = ProcessState.STARTING
        self.timer = None

    def has_died(self) -> bool:
        """Whether the child has ended; it stays a zombie, so that its number is still its own."""
        wait_options = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self.child.pid, wait_options) is not None

    def bury(self) -> int:
        """End what the dead child left in its group, release it, and tell its exit status."""
        try:
            os.killpg(self.child.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass  # Nothing is left but the zombie itself.
        status = self.child.wait()
        self.child.stdout.close()
        self.child = self.identity = None
        return status

    def read_lines(self) -> list[bytes]:
        """The whole lines that it printed by now; an endless one is cut into pieces."""
        data = self.child.stdout.read(PIPE_BYTES)
        self.output_ended = data == b""
        *lines, rest = (self._partial_line + (data or b"")).split(b"\n")
        if rest and (self.output_ended or self.has_died() or len(rest) > LINE_LIMIT_BYTES):
            lines.append(rest)
            rest = b""
        self._partial_line = rest
        return lines

    def record(self) -> ProcessRecord:
        return ProcessRecord(
            service=self.service.name,
            state=self.state.value,
            pid=self.identity.pid if self.identity else None,
            started=self.identity.started if self.identity else None,
            endpoint=self.endpoint,
            restarts=self.restarts,
            log=str(self.log.path),
            environment=self.environment,
        )


class Supervisor:
    """Starts, watches, restarts and stops every process of the constellation."""

    def __init__(self, data_dir: Path, environ: Mapping[str, str], log: Log, echo: Echo):
        """Raises ValueError where the environment says something that is no port."""
        self._data_dir = data_dir
        self._environ = environ
        self._log = log
        self._echo = echo
        self._loop = EventLoop(log)
        self._stopping = False
        self._changed = True
        self._announced_ready = False
        self._exit_status = 0
        logs_dir = data_dir / "logs"
        logs_dir.mkdir(parents=True, exist_ok=True)
        self._processes = [
            Process(
                service, name, published_port(service, environ), LogFile(logs_dir / f"{name}.log")
            )
            for service in CONSTELLATION
            for name in process_names(service)
        ]

    def run(self) -> int:
        """Until a signal says stop, or a process never came up; the exit status."""
        signal.signal(signal.SIGCHLD, lambda *_: self._loop.call_from_thread(self._reap))
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: self._loop.call_from_thread(self.stop))
        self._loop.before_sleep(self._write_state)
        self._loop.call_soon(self._start_possible)
        self._loop.run()
        for process in self._processes:
            process.log.close()
        return self._exit_status

    def _start_possible(self) -> None:
        """Start every process that waits for nothing any more."""
        for process in self._processes:
            if process.state is ProcessState.WAITING and self._needs_are_ready(process):
                self._start(process)

    def _needs_are_ready(self, process: Process) -> bool:
        return all(
            other.was_ready
            for other in self._processes
            if other.service.name in process.service.needs
        )

    def _start(self, process: Process) -> None:
        if self._stopping:
            return
        endpoints = {other.name: other.endpoint for other in self._processes if other.endpoint}
        urls = addresses(process.service.reads, endpoints, self._environ)
        chosen = chosen_settings(process.service, self._environ)
        chosen |= more_ports(process.service, self._environ)
        process.start(self._own_settings(process) | chosen | urls)
        self._loop.watch(process.child.stdout, lambda: self._on_output(process))
        self._changed = True

    def _own_settings(self, process: Process) -> dict[str, str]:
        return own_settings(process.service, process.name, HOST, process.port, self._data_dir)

    def _on_output(self, process: Process) -> None:
        if process.child is None:
            return
        for line in process.read_lines():
            process.last_line = line
            process.log.write_line(line)
            self._echo(process.name, line)
            if process.state is ProcessState.STARTING and (match := _READY_LINE.fullmatch(line)):
                self._on_ready(process, match["endpoint"])
        if process.output_ended:
            self._loop.unwatch(process.child.stdout)

    def _on_ready(self, process: Process, endpoint: bytes | None) -> None:
        process.state = ProcessState.READY
        process.was_ready = True
        process.ready_at_s = self._loop.now_s
        if process.port is not None and endpoint is not None:
            process.endpoint = endpoint.decode()
            process.port = int(process.endpoint.rpartition(":")[2])
            process.environment |= self._own_settings(process)
        self._changed = True
        self._start_possible()
        if not self._announced_ready and self._everything_is(ProcessState.READY):
            self._announced_ready = True
            self._log.info("everything is ready", processes=len(self._processes))

    def _everything_is(self, state: ProcessState) -> bool:
        return all(process.state is state for process in self._processes)

    def _reap(self) -> None:
        """A child has ended. Signals of several may have come as one, so we look at each."""
        for process in self._processes:
            if process.child is not None and process.has_died():
                self._on_output(process)  # Its last words are still in the pipe.
                self._loop.unwatch(process.child.stdout)
                self._on_death(process, process.bury())

    def _on_death(self, process: Process, status: int) -> None:
        self._changed = True
        if process.timer is not None:
            process.timer.cancel()
        if self._stopping:
            process.state = ProcessState.ENDED
            self._stop_next()
        elif not process.was_ready:
            process.state = ProcessState.ENDED
            self._log.error(
                "a process ended before it was ready",
                name=process.name,
                status=_in_words(status),
                said=process.last_line,
            )
            self._exit_status = 1
            self.stop()
        else:
            if self._loop.now_s - process.ready_at_s > RECOVERED_AFTER_S:
                process.backoff.reset()
            delay_s = process.backoff.next_delay_s()
            process.state = ProcessState.BACKING_OFF
            process.restarts += 1
            process.timer = self._loop.call_later(delay_s, lambda: self._start(process))
            self._log.warning(
                "a process died and starts again",
                name=process.name,
                status=_in_words(status),
                delay_s=delay_s,
            )

    def stop(self) -> None:
        """Stop everything; `run` returns when the last process has ended."""
        if not self._stopping:
            self._stopping = self._changed = True
            self._log.info("stopping")
            for process in self._processes:
                if not process.is_running:
                    process.state = ProcessState.ENDED
            self._stop_next()

    def _stop_next(self) -> None:
        """Ask every process that nobody needs any more to end; done when none runs."""
        running = [process for process in self._processes if process.is_running]
        needed = {name for process in running for name in process.service.needs}
        for process in running:
            if process.service.name not in needed and process.timer is None:
                # The process alone: a worker's running tasks are its own to finish.
                process.identity.signal(signal.SIGTERM)
                process.timer = self._loop.call_later(STOP_TIMEOUT_S, lambda p=process: _kill(p))
        if not running:
            self._loop.stop()

    def _write_state(self) -> None:
        if not self._changed:
            return
        self._changed = False
        ready = self._everything_is(ProcessState.READY)
        state_file.write(
            self._data_dir,
            State(
                "stopping" if self._stopping else "ready" if ready else "starting",
                state_file.identity_of(os.getpid()),
                {process.name: process.record() for process in self._processes},
            ),
        )


def _kill(process: Process) -> None:
    if process.identity is not None:
        process.identity.signal_group(signal.SIGKILL)


def _in_words(status: int) -> str:
    return signal.Signals(-status).name if status < 0 else str(status)
