"""Starting a service as a test sees it: a process, its ready line, its words, its end."""

import contextlib
import os
import re
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from services.constellation import ADDRESSES, CONSTELLATION

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_S = 30.0
READY_LINE = re.compile(rb"\S+ ready(?: on (?P<endpoint>\S+))?\n")


def clean_environ(settings: Mapping[str, str]) -> dict[str, str]:
    """This environment without what would be an option of a service, and with `settings`."""
    prefixes = tuple(f"{service.package}_".upper() for service in CONSTELLATION)
    addresses = {address.variable for address in ADDRESSES}
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(prefixes) and name not in addresses
    }
    return kept | settings


def run_service(
    package: str, *options: str, settings: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """The service until it ends by itself."""
    return subprocess.run(
        [sys.executable, "-m", f"services.{package}", *options],
        cwd=ROOT,
        env=clean_environ(settings or {}),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )


@dataclass
class Running:
    """A service that said that it is ready."""

    process: subprocess.Popen[bytes]
    ready_line: str
    settings: dict[str, str]
    log: Path

    @property
    def endpoint(self) -> str:
        return self.ready_line.rpartition(" ")[2]

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, bytes]:
        """Its exit status, and what it printed behind the ready line."""
        self.process.send_signal(number)
        rest, _ = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, rest


@contextlib.contextmanager
def running_service(package: str, settings: Mapping[str, str], log: Path) -> Iterator[Running]:
    """A service that is ready; killed at the end, if it has not ended by then."""
    with open(log, "wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", f"services.{package}"],
            cwd=ROOT,
            env=clean_environ(settings),
            stdout=subprocess.PIPE,
            stderr=stderr,
            bufsize=0,
        )
    try:
        ready_line = _first_line(process)
        assert READY_LINE.fullmatch(ready_line), (ready_line, log.read_text())
        yield Running(process, ready_line.decode().rstrip(), dict(settings), log)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _first_line(process: subprocess.Popen[bytes]) -> bytes:
    """The first line, or what there is of it when the process ends or the patience does."""
    line = b""
    deadline_s = time.monotonic() + PATIENCE_S
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while not line.endswith(b"\n"):
            if not selector.select(max(0.0, deadline_s - time.monotonic())):
                break
            if not (byte := process.stdout.read(1)):
                break
            line += byte
    return line
