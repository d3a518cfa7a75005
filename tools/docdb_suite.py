#!/usr/bin/env python3
"""Runs the drivers' unified specification tests against docdb, through pymongo's own test suite.

    tools/docdb_suite.py --checkout ../mongo-python-driver              what docdb is held to
    tools/docdb_suite.py --checkout ../mongo-python-driver test_crud_unified.py
    tools/docdb_suite.py --checkout … --replset                         what needs a replica set
    tools/docdb_suite.py --checkout … --server 127.0.0.1:27017             another server

The checkout is one of the public repository mongodb/mongo-python-driver (or pymongo's unpacked
source distribution) in the version of the pymongo that is installed; nothing of it is in this
repository. Prints one line for each file, then the tests that failed. A file of which every
test was skipped counts as failed: it has shown nothing.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

FILES = (
    "test_crud_unified.py",
    "test_gridfs_spec.py",
    "test_gridfs.py",
    "test_gridfs_bucket.py",
    "test_collection_management.py",
    "test_run_command.py",
    "test_sessions_unified.py",
    "test_cursor.py",
    "test_collection.py",
    "test_database.py",
    "test_bulk.py",
    "test_collation.py",
    "test_index_management.py",
)
REPLICA_SET_FILES = (
    "test_transactions_unified.py",
    "test_transactions.py",
    "test_retryable_writes_unified.py",
    "test_retryable_writes.py",
    "test_retryable_reads_unified.py",
    "test_retryable_reads.py",
    "test_change_stream.py",
    "test_session.py",
    "test_sessions_unified.py",
    "test_causal_consistency.py",
    "test_read_write_concern_spec.py",
    "test_read_concern.py",
    "test_write_concern.py",
    "test_csot.py",
    "test_unified_format.py",
    "test_versioned_api_integration.py",
    "test_command_monitoring.py",
    "test_crud_unified.py",
    "test_collection.py",
    "test_collection_management.py",
    "test_bulk.py",
    "test_cursor.py",
)
FILE_TIMEOUT_S = 600
_COUNT = re.compile(r"(\d+) (passed|failed|skipped|error)")


@dataclass
class Outcome:
    """What pytest said of one file."""

    counts: dict[str, int] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def is_good(self) -> bool:
        return not self.counts.get("failed") and not self.counts.get("error") and self.has_run

    @property
    def has_run(self) -> bool:
        return bool(self.counts.get("passed"))


def main() -> int:
    options = parse_options()
    totals: dict[str, int] = {}
    failures: list[str] = []
    is_good = True
    for name in options.files or (REPLICA_SET_FILES if options.replset else FILES):
        if not (options.checkout / "test" / name).exists():
            print(f"{name:34} is not in this checkout")
            continue
        outcome = run_file(name, options)
        shown = " ".join(
            f"{outcome.counts.get(kind, 0):4} {kind}"
            for kind in ("passed", "failed", "error", "skipped")
        )
        note = "" if outcome.has_run else "  SHOWS NOTHING"
        print(f"{name:34} {shown} {outcome.seconds:6.1f} s{note}", flush=True)
        failures += outcome.failed
        is_good = is_good and outcome.is_good
        for kind, count in outcome.counts.items():
            totals[kind] = totals.get(kind, 0) + count
    print(", ".join(f"{count} {kind}" for kind, count in totals.items()))
    print(*failures, sep="\n")
    return 0 if is_good else 1


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkout", type=Path, required=True, help="mongo-python-driver")
    parser.add_argument("--server", help="HOST:PORT of a server to test instead of a fresh docdb")
    parser.add_argument(
        "--replset", action="store_true", help="a replica set of one, with fail points"
    )
    parser.add_argument(
        "--port",
        type=int,
        default=0,
        help="where docdb listens; some tests go to 27017, whatever they are told",
    )
    parser.add_argument("--only", help="what pytest's -k takes")
    parser.add_argument("--verbose", action="store_true", help="show what pytest prints")
    parser.add_argument("files", nargs="*", help="such as test_crud_unified.py")
    return parser.parse_args()


def run_file(name: str, options: argparse.Namespace) -> Outcome:
    if options.server:
        return run_pytest(name, options.server, options)
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-m", "services.docdb", "--port", str(options.port)]
        command += ["--data-dir", f"{directory}/data"]
        if options.replset:
            command += ["--replset", "rs", "--test-commands", "yes"]
        with open(f"{directory}/log", "wb") as log:
            server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log)
        try:
            address = server.stdout.readline().decode().split()[-1]
            outcome = run_pytest(name, address, options)
            if options.verbose:
                print(Path(f"{directory}/log").read_text()[-20000:])
            return outcome
        finally:
            server.terminate()
            server.wait(15)


def run_pytest(name: str, address: str, options: argparse.Namespace) -> Outcome:
    host, _, port = address.rpartition(":")
    command = [sys.executable, "-m", "pytest", f"test/{name}", "-q", "-rf", "--no-header"]
    command += ["-p", "no:cacheprovider", "-o", "addopts=", "-o", "timeout=60", "--tb=short"]
    command += ["-k", options.only] if options.only else []
    environment = os.environ | {"DB_IP": host, "DB_PORT": port}
    outcome, started_s = Outcome(), time.monotonic()
    try:
        shown = subprocess.run(
            command,
            cwd=options.checkout,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=FILE_TIMEOUT_S,
        ).stdout.decode(errors="replace")
    except subprocess.TimeoutExpired as expired:
        shown = (expired.stdout or b"").decode(errors="replace") + "\n1 error: timed out"
    outcome.seconds = time.monotonic() - started_s
    if options.verbose:
        print(shown)
    last = shown.strip().splitlines()[-1] if shown.strip() else ""
    outcome.counts = {kind: int(count) for count, kind in _COUNT.findall(last)}
    outcome.failed = [line for line in shown.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return outcome


if __name__ == "__main__":
    sys.exit(main())
