#!/usr/bin/env python3
"""Runs Redis's own TCL test suite against kvdb (or a real redis-server), a fresh server per unit.

    tools/redis_suite.py --checkout ../redis                      the units that kvdb is held to
    tools/redis_suite.py --checkout ../redis unit/type/string     one unit
    tools/redis_suite.py --checkout ../redis --server redis-server    the same on the real one

The checkout is one of the public repository redis/redis at tag 7.0.15; nothing of it is in this
repository. Needs tclsh 8.6, and Redis's own programs (tools/redis-server.sh): the harness asks for
some of them by name. Prints one line for each unit, then the names of the tests that failed.
"""

import argparse
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

UNITS = (
    *(f"unit/type/{name}" for name in ("string", "incr", "list", "set", "zset", "hash")),
    *(f"unit/type/{name}" for name in ("stream", "stream-cgroups")),
    *(f"unit/{name}" for name in ("expire", "keyspace", "scan", "sort", "pubsub", "multi")),
    *(f"unit/{name}" for name in ("other", "protocol", "quit", "info-command", "dump")),
    *(f"unit/{name}" for name in ("introspection", "introspection-2", "bitops", "bitfield")),
    *(f"unit/{name}" for name in ("geo", "hyperloglog", "pause", "tracking")),
)
PROGRAMS = ("redis-server", "redis-cli", "redis-benchmark", "redis-check-aof", "redis-check-rdb")
UNIT_TIMEOUT_S = 300


@dataclass
class Outcome:
    """What the harness printed of one unit."""

    passed: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    skipped: int = 0
    ended: bool = False
    seconds: float = 0.0


def main() -> int:
    options = parse_options()
    link_programs(options.checkout)
    totals = Outcome()
    failures: list[str] = []
    for unit in options.units or UNITS:
        outcome = run_unit(unit, options)
        end = "" if outcome.ended else "  DID NOT END"
        print(
            f"{unit:28} {len(outcome.passed):4} passed {len(outcome.failed):4} failed "
            f"{outcome.skipped:4} skipped {outcome.seconds:6.1f} s{end}",
            flush=True,
        )
        totals.passed += outcome.passed
        totals.failed += outcome.failed
        totals.skipped += outcome.skipped
        failures += [f"{unit}: {name}" for name in outcome.failed]
    print(f"{len(totals.passed)} passed, {len(totals.failed)} failed, {totals.skipped} skipped")
    print(*failures, sep="\n")
    return 1 if failures else 0


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkout", type=Path, required=True, help="redis/redis at tag 7.0.15")
    parser.add_argument("--server", help="a redis-server to test instead of kvdb")
    parser.add_argument("--tags", default="-slow -needs:debug", help="tags of the harness")
    parser.add_argument("--baseport", type=int, default=21111, help="the harness's own ports")
    parser.add_argument("--only", help="one test by name, or /regex")
    parser.add_argument("--verbose", action="store_true", help="show what the harness prints")
    parser.add_argument("units", nargs="*", help="such as unit/type/string")
    return parser.parse_args()


def link_programs(checkout: Path) -> None:
    """The harness looks for Redis's programs in src/, where a build would put them."""
    for name in PROGRAMS:
        program, link = shutil.which(name), checkout / "src" / name
        if program and not link.exists():
            link.symlink_to(program)


def run_unit(unit: str, options: argparse.Namespace) -> Outcome:
    with tempfile.TemporaryDirectory() as directory:
        port = free_port()
        server = start_server(options.server, port, Path(directory))
        try:
            return run_harness(unit, port, options)
        finally:
            server.terminate()
            try:
                server.wait(15)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def start_server(program: str | None, port: int, directory: Path) -> subprocess.Popen[bytes]:
    """A fresh server; waited for until it accepts connections."""
    if program is None:
        command = [sys.executable, "-m", "services.kvdb", "--port", str(port)]
        command += ["--data-dir", str(directory), "--snapshot-interval-s", "0"]
        command += ["--appendonly", "no"]
    else:
        command = [program, "--port", str(port), "--dir", str(directory), "--save", ""]
        command += ["--enable-debug-command", "yes", "--enable-protected-configs", "yes"]
    with open(directory / "server.log", "wb") as log:
        server = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=log, stderr=log
        )
    deadline_s = time.monotonic() + 20
    while time.monotonic() < deadline_s and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return server
        except OSError:
            time.sleep(0.05)
    server.kill()
    raise SystemExit(f"the server did not start: {(directory / 'server.log').read_text()}")


def run_harness(unit: str, port: int, options: argparse.Namespace) -> Outcome:
    command = ["tclsh", "tests/test_helper.tcl", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--singledb", "--durable", "--clients", "1", "--timeout", "100"]
    command += ["--baseport", str(options.baseport), "--tags", options.tags, "--single", unit]
    if options.only:
        command += ["--only", options.only]
    outcome, started_s = Outcome(), time.monotonic()
    try:
        shown = subprocess.run(
            command,
            cwd=options.checkout,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=UNIT_TIMEOUT_S,
        ).stdout
    except subprocess.TimeoutExpired as expired:
        shown = expired.stdout or b""
    outcome.seconds = time.monotonic() - started_s
    if options.verbose:
        print(shown.decode(errors="replace"))
    read_outcome(re.sub(r"\x1b\[[0-9;]*m", "", shown.decode(errors="replace")), outcome)
    return outcome


def read_outcome(text: str, outcome: Outcome) -> None:
    """The harness prints `[ok]: NAME (3 ms)`, `[err]: NAME in FILE`, `[skip]: …` a line each."""
    for line in text.splitlines():
        mark, _, name = line.partition("]: ")
        if mark.endswith("[ok"):
            outcome.passed.append(name)
        elif mark.endswith(("[err", "[exception", "[timeout")):
            outcome.failed.append(name)
        elif mark.endswith(("[skip", "[ignore")):
            outcome.skipped += 1
    outcome.ended = "All tests passed" in text or "WARNING: the following tests failed" in text
    if "[exception]" in text or not outcome.ended:
        tail = " / ".join(text.strip().splitlines()[-6:])
        outcome.failed.append(f"the unit ended early: {tail[:400]}")


if __name__ == "__main__":
    raise SystemExit(main())
