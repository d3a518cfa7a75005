"""The running constellation as the tests see it: where each service is, and how to kill it.

Two kinds, with the same few verbs: containers under Docker Compose, and local processes
under `python3 -m services`. A test asks for addresses and faults and never for the kind.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis

from services.constellation import CONSTELLATION, LEDGERS, process_names, published_port

ROOT = Path(__file__).resolve().parent.parent
PORTS = {service.name: service.port for service in CONSTELLATION if service.port}
PATIENCE_S = 60.0


def wait_until(
    condition: Callable[[], object], what: str, patience_s: float = PATIENCE_S
) -> object:
    """The first true answer of `condition`; fails the test when none comes in time.

    For states that no protocol announces, such as a process that starts again. An exception
    of a connection that is not there yet counts as "not yet".
    """
    deadline_s = time.monotonic() + patience_s
    last_error: Exception | None = None
    while time.monotonic() < deadline_s:
        try:
            if answer := condition():
                return answer
        except OSError as error:
            last_error = error
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {patience_s:g} s (last error: {last_error})")


class Stack(ABC):
    """A constellation that runs."""

    kind: str

    @abstractmethod
    def address(self, service: str) -> tuple[str, int]:
        """Host and port at which this machine reaches a service."""

    @abstractmethod
    def kill(self, process: str) -> None:
        """kill -9 of one process; whoever supervises it starts it again by itself."""

    @abstractmethod
    def lives(self, process: str) -> object:
        """Something that changes with every new life of a process; None while it is dead."""

    @abstractmethod
    def known_as(self, process: str) -> str:
        """What a worker's own name contains: its process name, or its container's host name."""

    def memcached_address(self) -> tuple[str, int]:
        """Where kvdb speaks memcached's protocol; it says so itself."""
        host, port = self.address("kvdb")
        with redis.Redis(host, port) as client:
            return host, int(client.info("glassbox")["memcached_port"])

    def url(self, service: str) -> str:
        host, port = self.address(service)
        return f"http://{host}:{port}"

    def ledger_urls(self) -> list[str]:
        return [self.url(name) for name in LEDGERS]

    @contextlib.contextmanager
    def killed(self, process: str) -> Iterator[None]:
        """Kill a process, and after the block wait until it lives again."""
        life = self.lives(process)
        assert life is not None, f"{process} does not run"
        self.kill(process)
        yield
        wait_until(lambda: self.lives(process) not in (None, life), f"{process} runs again")


class LocalStack(Stack):
    """Processes of `python3 -m services`, known by the state file of their data directory."""

    kind = "local"

    def __init__(self, data_dir: Path):
        self.data_dir = data_dir

    def _record(self, process: str) -> dict:
        state = json.loads((self.data_dir / "constellation.json").read_bytes())
        return state["processes"][process]

    def address(self, service: str) -> tuple[str, int]:
        host, _, port = self._record(service)["endpoint"].rpartition(":")
        return host, int(port)

    def kill(self, process: str) -> None:
        os.kill(self._record(process)["pid"], 9)

    def known_as(self, process: str) -> str:
        return process

    def lives(self, process: str) -> object:
        record = self._record(process)
        return record["started"] if record["state"] == "ready" else None


class RemoteStack(Stack):
    """Somebody else's constellation, known by its dashboard's URL; nothing of it is killed."""

    kind = "remote"

    def __init__(self, dashboard_url: str):
        self._host = urlsplit(dashboard_url).hostname
        self._ports = {s.name: published_port(s, os.environ) for s in CONSTELLATION}
        self._ports["web"] = urlsplit(dashboard_url).port or 80

    def address(self, service: str) -> tuple[str, int]:
        return self._host, self._ports[service]

    def kill(self, process: str) -> None:
        pytest.skip("a stack that is only known by its URL cannot be killed")

    def lives(self, process: str) -> object:
        pytest.skip("a stack that is only known by its URL cannot be killed")

    def known_as(self, process: str) -> str:
        return process


class ComposeStack(Stack):
    """Containers of `docker compose`, the replicas numbered as the local ones: worker-1, …"""

    kind = "compose"

    def __init__(self) -> None:
        self._services = {
            process: (service.name, number)
            for service in CONSTELLATION
            for number, process in enumerate(process_names(service), start=1)
        }

    def address(self, service: str) -> tuple[str, int]:
        host, _, port = _compose("port", service, str(PORTS[service])).strip().rpartition(":")
        return host, int(port)

    def memcached_address(self) -> tuple[str, int]:
        host, _, port = _compose("port", "kvdb", "11211").strip().rpartition(":")
        return host, int(port)

    def kill(self, process: str) -> None:
        """SIGKILL from inside, as the kernel would for want of memory.

        `docker kill` counts as an order to stay down, and the container would not be restarted.
        """
        service, number = self._services[process]
        inside = ["docker", "compose", "exec", "-T", "--index", str(number), service]
        # The container ends with its service, and mostly takes this command along (status 137).
        killed = _run(*inside, "python3", "-c", _KILL_SERVICE, statuses=(0, 137))
        assert "KILLING" in killed, f"{process} has no service to kill"

    def known_as(self, process: str) -> str:
        return self._container(process)["ID"][:12]

    def lives(self, process: str) -> object:
        """When it started; one question, so that the answer is of one moment."""
        container = self._container(process)["ID"]
        shown = _run("docker", "inspect", "-f", "{{json .State}}", container)
        state = json.loads(shown)
        well = state["Running"] and state["Health"]["Status"] == "healthy"
        return state["StartedAt"] if well else None

    def _container(self, process: str) -> dict:
        service, number = self._services[process]
        lines = _compose("ps", "--format", "json", "--all", service).splitlines()
        containers = map(json.loads, lines)
        return next(c for c in containers if c["Name"].endswith(f"-{number}"))


# Run inside a container: finds the service's own process, a child of the container's init.
_KILL_SERVICE = """
import os, pathlib
for entry in pathlib.Path("/proc").glob("[0-9]*"):
    words = (entry / "cmdline").read_bytes().split(b"\\0")
    parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
    if parent == "1" and b"-m" in words and int(entry.name) != os.getpid():
        print("KILLING", entry.name, flush=True)
        os.kill(int(entry.name), 9)
"""


def _run(*command: str, statuses: tuple[int, ...] = (0,)) -> str:
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert result.returncode in statuses, f"{' '.join(command)}: {result.stderr}"
    return result.stdout


def _compose(*arguments: str) -> str:
    return _run("docker", "compose", *arguments)


def running_compose() -> ComposeStack | None:
    """The Compose stack of this checkout, where one runs."""
    if shutil.which("docker") is None:
        return None
    command = ["docker", "compose", "ps", "--status", "running", "--services"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    running = set(shown.stdout.split()) if shown.returncode == 0 else set()
    return ComposeStack() if running >= {service.name for service in CONSTELLATION} else None


def running_local() -> LocalStack | None:
    """The processes that `make up` started, where they run."""
    status = [sys.executable, "-m", "services", "--status"]
    if subprocess.run(status, cwd=ROOT, capture_output=True, timeout=60).returncode != 0:
        return None
    return LocalStack(ROOT / "data")


@contextlib.contextmanager
def own_local_stack(data_dir: Path) -> Iterator[LocalStack]:
    """Processes of our own on free ports, stopped and deleted at the end."""
    services = [sys.executable, "-m", "services", "--data-dir", str(data_dir)]
    ports = {variable: "0" for service in CONSTELLATION for variable in service.port_variables}
    up = [*services, "--detach"]
    started = subprocess.run(up, cwd=ROOT, env={**os.environ, **ports}, timeout=180)
    assert started.returncode == 0, "the constellation did not start"
    try:
        yield LocalStack(data_dir)
    finally:
        subprocess.run([*services, "--down", "--volumes"], cwd=ROOT, timeout=180, check=True)


@contextlib.contextmanager
def own_compose_stack() -> Iterator[ComposeStack]:
    """Containers of our own, started and stopped with their data."""
    _compose("up", "--build", "--wait", "--detach")
    try:
        yield ComposeStack()
    finally:
        _compose("down", "--volumes")
