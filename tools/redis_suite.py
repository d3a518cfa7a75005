#!/usr/bin/env python3
"""Runs Redis's own TCL test suite against kvdb (or a real redis-server), a fresh server per unit.

    tools/redis_suite.py --checkout ../redis                      the units that kvdb is held to
    tools/redis_suite.py --checkout ../redis unit/type/string     one unit
    tools/redis_suite.py --checkout ../redis --tags=-slow         with the tests that need DEBUG
    tools/redis_suite.py --checkout ../redis --server redis-server    the same on the real one

The checkout is one of the public repository redis/redis at tag 7.0.15; nothing of it is in this
repository. Needs tclsh 8.6, and Redis's own programs (tools/redis-server.sh): the harness asks for
some of them by name.

Prints a table with one line for each unit: how many tests passed, failed, were left out by us, and
were skipped by the harness, and how many a redis-server 7.0.15 passes. Then come the tests that
failed, by name.

What is left out or known to fail stands in the table of kvdb's README, with the reason, and
nowhere else; this program reads it there. The exit status is 1 when a test fails that is not in
that table, and when a unit has not come to its end.
"""

import argparse
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "services" / "kvdb" / "README.md"

WITHOUT_DEBUG, WITH_DEBUG = "-slow -needs:debug", "-slow"

UNITS = {
    "unit/type/string": (74, 74),
    "unit/type/incr": (23, 25),
    "unit/type/list": (221, 237),
    "unit/type/set": (94, 97),
    "unit/type/zset": (272, 272),
    "unit/type/hash": (72, 73),
    "unit/type/stream": (63, 72),
    "unit/type/stream-cgroups": (48, 51),
    "unit/expire": (58, 64),
    "unit/keyspace": (42, 43),
    "unit/scan": (17, 17),
    "unit/sort": (48, 48),
    "unit/pubsub": (30, 30),
    "unit/multi": (49, 53),
    "unit/other": (14, 19),
    "unit/protocol": (19, 25),
    "unit/quit": (3, 3),
    "unit/info-command": (3, 3),
    "unit/dump": (11, 12),
    "unit/introspection": (28, 28),
    "unit/introspection-2": (43, 43),
    "unit/bitops": (45, 45),
    "unit/bitfield": (16, 16),
    "unit/geo": (59, 59),
    "unit/hyperloglog": (20, 20),
    "unit/pause": (14, 14),
    "unit/tracking": (51, 54),
}
"""How many tests of each unit a redis-server 7.0.15 passes, without and with those that need DEBUG.
"""

PROGRAMS = ("redis-server", "redis-cli", "redis-benchmark", "redis-check-aof", "redis-check-rdb")
UNIT_TIMEOUT_S = 480
SILENCE_S = 240
"""After so long without a test that ends, the harness gives a unit up."""


@dataclass(frozen=True)
class Exemption:
    """A row of the README's table: a test that does not pass, and why."""

    unit: str
    test: str
    kind: str
    """`scripts` (left out, and not asked of kvdb yet), `left out`, `not run` (the suite itself asks

    whether it applies), or `fails`.
    """


@dataclass
class Outcome:
    """What the harness printed of one unit."""

    passed: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    left_out: int = 0
    """By us: `--skiptest`."""
    skipped: int = 0
    """By the harness, for their tags."""
    problem: str = ""
    """Why the unit did not come to its end; empty where it did."""
    seconds: float = 0.0

    @property
    def reached(self) -> int:
        """How many of the tests the harness has come to, those included that we leave out."""
        return len(self.passed) + len(self.failed) + self.left_out


def main() -> int:
    options = parse_options()
    link_programs(options.checkout)
    exemptions = [] if options.server else read_exemptions(README.read_text())
    outcomes: dict[str, Outcome] = {}
    print(f"{'unit':26} passed failed left out skipped  real   time")
    for unit in options.units or UNITS:
        left_out = [it.test for it in exemptions if it.unit == unit and it.kind != "fails"]
        outcome = outcomes[unit] = run_unit(unit, options, left_out)
        real = figure(unit, options)
        not_run = sum(it.unit == unit and it.kind == "not run" for it in exemptions)
        missing = (real or 0) - outcome.reached - not_run
        if missing > 0 and not outcome.problem:
            outcome.problem = f"{missing} tests did not run"
        print(row(unit, outcome, real), flush=True)
    print_total(outcomes, options, exemptions)
    return 0 if report(outcomes, exemptions) else 1


def report(outcomes: dict[str, Outcome], exemptions: list[Exemption]) -> bool:
    """Print what failed; true where all of that was known."""
    known = {(it.unit, it.test) for it in exemptions}
    is_fine = True
    for unit, outcome in outcomes.items():
        for test in outcome.failed:
            is_known = (unit, test) in known
            is_fine &= is_known
            print(f"{'known ' if is_known else ''}failure in {unit}: {test}")
        for test in outcome.passed:
            if (unit, test) in known:
                print(f"passes now, though the README has it as failing: {unit}: {test}")
        if outcome.problem:
            is_fine = False
            print(f"{unit} did not end: {outcome.problem}")
    return is_fine


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkout", type=Path, required=True, help="redis/redis at tag 7.0.15")
    parser.add_argument("--server", help="a redis-server to test instead of kvdb")
    parser.add_argument("--tags", default=WITHOUT_DEBUG, help="tags of the harness")
    parser.add_argument("--baseport", type=int, default=21111, help="the harness's own ports")
    parser.add_argument("--only", help="one test by name, or /regex")
    parser.add_argument("--skiptest", action="append", default=[], help="a name, or /regex")
    parser.add_argument("--skipfile", type=Path, help="a file of such, one a line")
    parser.add_argument("--verbose", action="store_true", help="show what the harness prints")
    parser.add_argument("units", nargs="*", help="such as unit/type/string")
    options = parser.parse_args()
    options.checkout = options.checkout.resolve()
    if options.skipfile:
        # The harness forgets what stands in one --skipfile or --skiptest before another --skipfile.
        options.skiptest += filter(None, options.skipfile.read_text().splitlines())
    return options


def read_exemptions(readme: str) -> list[Exemption]:
    """The rows `| unit | test | kind | reason |` of the README."""
    row_of_table = r"^\| `(unit/[^`]+)` \| (.+?) \| (scripts|left out|not run|fails) \|"
    rows = re.findall(row_of_table, readme, re.MULTILINE)
    return [Exemption(unit, test.replace("\\|", "|"), kind) for unit, test, kind in rows]


def figure(unit: str, options: argparse.Namespace) -> int | None:
    """What a real server passes; None where it has not been counted."""
    if unit not in UNITS or options.only:
        return None
    without_debug, with_debug = UNITS[unit]
    return {WITHOUT_DEBUG: without_debug, WITH_DEBUG: with_debug}.get(options.tags)


def row(name: str, outcome: Outcome, real: int | None) -> str:
    end = "  DID NOT END" if outcome.problem else ""
    return (
        f"{name:26} {len(outcome.passed):6} {len(outcome.failed):6} {outcome.left_out:8} "
        f"{outcome.skipped:7} {'-' if real is None else real:>5} {outcome.seconds:4.0f} s{end}"
    )


def print_total(
    outcomes: dict[str, Outcome], options: argparse.Namespace, exemptions: list[Exemption]
) -> None:
    total = Outcome()
    for outcome in outcomes.values():
        total.passed += outcome.passed
        total.failed += outcome.failed
        total.left_out += outcome.left_out
        total.skipped += outcome.skipped
        total.seconds += outcome.seconds
    figures = [figure(unit, options) for unit in outcomes]
    real = None if None in figures else sum(figures)
    print(row("all", total, real))
    if real:
        scripts = sum(it.kind == "scripts" and it.unit in outcomes for it in exemptions)
        share = len(total.passed) / (real - scripts)
        print(f"{share:.1%} of what a redis-server 7.0.15 passes, but for {scripts} with scripts")


def link_programs(checkout: Path) -> None:
    """The harness looks for Redis's programs in src/, where a build would put them."""
    for name in PROGRAMS:
        program, link = shutil.which(name), checkout / "src" / name
        if program and not link.exists():
            link.symlink_to(program)


# One unit.


def run_unit(unit: str, options: argparse.Namespace, left_out: list[str]) -> Outcome:
    with tempfile.TemporaryDirectory() as directory:
        port = free_port()
        server = start_server(options.server, port, Path(directory))
        try:
            outcome = run_harness(unit, port, options, left_out)
            if server.poll() is not None:
                outcome.problem += f"; the server ended with {server.returncode}"
            return outcome
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
    """A fresh server, set up as a redis-server is by default; waited for until it accepts."""
    if program is None:
        command = [sys.executable, "-m", "services.kvdb", "--port", str(port)]
        command += ["--data-dir", str(directory), "--snapshot-interval-s", "0"]
        command += ["--appendonly", "no", "--maxmemory-policy", "noeviction"]
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


def run_harness(unit: str, port: int, options: argparse.Namespace, left_out: list[str]) -> Outcome:
    command = ["tclsh", "tests/test_helper.tcl", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--singledb", "--durable", "--clients", "1", "--timeout", str(SILENCE_S)]
    command += ["--baseport", str(options.baseport), "--tags", options.tags, "--single", unit]
    for test in [*left_out, *options.skiptest]:
        command += ["--skiptest", test]
    if options.only:
        command += ["--only", options.only]
    started_s = time.monotonic()
    harness = subprocess.Popen(
        command,
        cwd=options.checkout,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        shown, _ = harness.communicate(timeout=UNIT_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        os.killpg(harness.pid, signal.SIGKILL)  # It consists of several processes.
        shown, _ = harness.communicate()
    text = re.sub(r"\x1b\[[0-9;]*m", "", shown.decode(errors="replace"))
    if options.verbose:
        print(text)
    outcome = read_outcome(text)
    outcome.seconds = time.monotonic() - started_s
    return outcome


def read_outcome(text: str) -> Outcome:
    """The harness prints `[ok]: NAME (3 ms)`, `[err]: NAME in FILE`, `[skip]: …` a line each.

    At the end it shows what failed once more; those lines begin with stars.
    """
    outcome = Outcome()
    for mark, name in re.findall(r"^\[(\w+)\]: (.*)$", text, re.MULTILINE):
        match mark:
            case "ok":
                outcome.passed.append(name.rpartition(" (")[0])
            case "err":
                outcome.failed.append(name.rpartition(" in tests/")[0])
            case "skip":
                outcome.left_out += 1
            case "ignore":
                outcome.skipped += 1
            case "exception" | "TIMEOUT":
                outcome.problem = outcome.problem or shortened(text.partition(f"[{mark}]: ")[2])
    if "Execution time of different units" not in text:
        outcome.problem = outcome.problem or shortened(text[-400:])
    return outcome


def shortened(text: str) -> str:
    return " / ".join(line.strip() for line in text.splitlines() if line.strip())[:400]


if __name__ == "__main__":
    raise SystemExit(main())
