"""sqldb while one statement is heavy: how soon that is cancelled, and how long others wait.

    python3 -m bench.sqldb --part pauses [--quick]

For each kind of work a client runs a statement that would go on for long, or a short one again and
again. Another one, in a process of its own, asks for a row by its key all the while: its median and
its longest wait are what a heavy statement costs others. After a second the heavy one is
cancelled; the times are those from the request to the error at the client ("told"), and to where it
may send another statement ("free"): in between, what was written is undone. Of COPY, psycopg tells
only the second. Rounds are repeated; cancel times are medians, the longest wait is of all rounds.

Before that: what a row takes in memory, how long loading takes, and how long a checkpoint stops
the server (its own figure, `checkpoint_pause_ms`).
"""

import contextlib
import multiprocessing
import select
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

import psycopg
from psycopg.pq import ExecStatus

from tests.processes import running_service

ENDLESS = 2_000_000_000
ROWS = 100_000
QUICK_ROWS = 10_000

LOAD = "INSERT INTO account SELECT n, n % 10, '' FROM generate_series(1, {rows}) n"
TABLE = "CREATE TABLE account (aid int PRIMARY KEY, bid int, filler char(84))"
LONG_LIST = ", ".join(map(str, range(20_000)))

WORK = {
    "scan, join": "SELECT count(*) FROM account a, account b WHERE a.aid + b.aid < 0",
    "sort": f"SELECT n FROM generate_series(1, {ENDLESS}) n ORDER BY n % 1000",
    "sort in memory": "SELECT aid FROM account ORDER BY aid % 1000",
    "aggregate": f"SELECT n % 10, count(*) FROM generate_series(1, {ENDLESS}) n GROUP BY 1",
    "window": "SELECT count(r) FROM (SELECT rank() OVER (ORDER BY filler, aid) r FROM account) x",
    "planning": f"EXPLAIN SELECT * FROM account WHERE aid IN ({LONG_LIST})",
    "INSERT": f"INSERT INTO copied SELECT n, n, '' FROM generate_series(1, {ENDLESS}) n",
    "UPDATE": "UPDATE account SET bid = bid + 1",
    "CREATE INDEX": "BEGIN; CREATE INDEX ON account (filler, aid); ROLLBACK",
    "ANALYZE": "ANALYZE account",
    "CHECKPOINT": "CHECKPOINT",
    "COPY in": "COPY copied FROM STDIN",
    "COPY out": "COPY (SELECT a.aid, b.aid FROM account a, account b) TO STDOUT",
}
"""Where the size doesn't matter, it is without end; the others are run again and again."""

Where = dict[str, object]


@dataclass(slots=True)
class Measured:
    """Seconds."""

    told: list[float] = field(default_factory=list)
    cancels: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)


def measure_pauses(directory: Path, *, is_quick: bool) -> None:
    rows, rounds, time_s = (QUICK_ROWS, 1, 0.3) if is_quick else (ROWS, 3, 0.6)
    with fresh_server(directory) as (where, running, start_s):
        with psycopg.connect(**where, autocommit=True) as connection:
            measure_rows(connection, running.process.pid, rows, start_s)
        print(
            f"\n{'milliseconds':16}{'told':>8}{'free':>8}{'others: median':>16}"
            f"{'99 %':>8}{'longest':>9}"
        )
        with watcher(where) as asks:
            for name in WORK:
                show(name, [measured(where, name, asks, time_s) for _ in range(rounds)])


def show(name: str, rounds: list[Measured]) -> None:
    told = [one for each in rounds for one in each.told]
    free = [one for each in rounds for one in each.cancels]
    waits = sorted(one for each in rounds for one in each.waits)
    cancelled = "".join(
        f"{statistics.median(times) * 1e3:8.0f}" if times else f"{'-':>8}" for times in (told, free)
    )
    print(
        f"{name:16}{cancelled}{statistics.median(waits) * 1e3:16.1f}"
        f"{waits[len(waits) * 99 // 100] * 1e3:8.0f}{waits[-1] * 1e3:9.0f}",
        flush=True,
    )


@contextlib.contextmanager
def fresh_server(directory: Path) -> Iterator[tuple[Where, object, float]]:
    """Where it is, the process, and how long it took to start."""
    settings = {"SQLDB_PORT": "0", "SQLDB_DATA_DIR": str(directory / "pauses")}
    started_s = time.perf_counter()
    with running_service("sqldb", settings, directory / "pauses.log") as running:
        start_s = time.perf_counter() - started_s
        host, _, port = running.endpoint.rpartition(":")
        where = {"host": host, "port": int(port), "user": "postgres", "dbname": "glassbox"}
        yield where, running, start_s


# Rows, loading, checkpoints.


def resident_bytes(pid: int) -> int:
    fields = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    return int(fields["VmRSS"].split()[0]) * 1024


def measure_rows(connection: psycopg.Connection, pid: int, rows: int, start_s: float) -> None:
    before = resident_bytes(pid)
    connection.execute(TABLE)
    started_s = time.perf_counter()
    connection.execute(LOAD.format(rows=rows))
    load_s = time.perf_counter() - started_s
    row_bytes = (resident_bytes(pid) - before) / rows
    connection.execute("CREATE TABLE copied (LIKE account)")
    pauses, durations = [], []
    for _ in range(3):
        connection.execute("CHECKPOINT")
        pause_ms, duration_ms = connection.execute(
            "SELECT checkpoint_pause_ms, checkpoint_ms FROM glassbox_storage"
        ).fetchone()
        pauses.append(pause_ms)
        durations.append(duration_ms)
    print(f"start of an empty server       {start_s:10.1f} s")
    print(f"memory of an empty server      {before / 1e6:10.0f} MB")
    print(f"INSERT … SELECT of {rows:7,} rows {load_s:9.1f} s")
    print(f"memory of such a row           {row_bytes:10.0f} bytes")
    print(f"checkpoint of them             {statistics.median(durations):10.0f} ms")
    print(f"of which nobody is served      {statistics.median(pauses):10.1f} ms")


# The client that waits.


def ask_all_the_while(where: Where, pipe: Connection) -> None:
    """In a process of its own: look-ups, from the word to begin to the word to stop."""
    with psycopg.connect(**where, autocommit=True) as connection:
        number = 0
        pipe.send("ready")
        while pipe.recv():
            waits = []
            while not pipe.poll():
                number += 1
                started_s = time.perf_counter()
                connection.execute("SELECT bid FROM account WHERE aid = %s", (number % 1000,))
                waits.append(time.perf_counter() - started_s)
                time.sleep(0.002)  # A client with something else to do.
            pipe.recv()
            pipe.send(waits)


@contextlib.contextmanager
def watcher(where: Where) -> Iterator[Connection]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=ask_all_the_while, args=(where, theirs), daemon=True)
    process.start()
    try:
        ours.recv()
        yield ours
        ours.send(False)
        process.join()
    finally:
        process.kill()


# The client with the work.


def measured(where: Where, name: str, asks: Connection, time_s: float) -> Measured:
    """One round."""
    found, told_s, ended_s = Measured(), [], []
    stops, is_cancelled = threading.Event(), threading.Event()
    with psycopg.connect(**where, autocommit=True) as connection:

        def work() -> None:
            try:
                while not stops.is_set():
                    run_once(connection, name, stops, is_cancelled, told_s)
            except psycopg.errors.QueryCanceled:
                ended_s.append(time.perf_counter())

        thread = threading.Thread(target=work)
        asks.send(True)
        thread.start()
        time.sleep(time_s)
        if name == "COPY in":
            stops.set()
        asked_s = time.perf_counter()
        connection.cancel()
        stops.set()
        is_cancelled.set()
        thread.join()
        asks.send(True)
        found.waits = asks.recv()
        found.told = [told - asked_s for told in told_s]
        found.cancels = [end_s - asked_s for end_s in ended_s]
    return found


def run_once(
    connection: psycopg.Connection,
    name: str,
    stops: threading.Event,
    is_cancelled: threading.Event,
    told_s: list[float],
) -> None:
    sql = WORK[name]
    if not sql.startswith("COPY"):
        run_statement(connection, sql, told_s)
        return
    with connection.cursor().copy(sql) as copy:
        if name == "COPY out":
            for _ in copy:
                pass
            return
        block = "".join(f"{number}\t{number}\tx\n" for number in range(100))
        while not stops.is_set():
            copy.write(block)
        # Only at its end does the client look for what the server has to say.
        is_cancelled.wait()


def run_statement(connection: psycopg.Connection, sql: str, told_s: list[float]) -> None:
    """By libpq itself: psycopg tells an error only when the server is ready again."""
    libpq, has_failed = connection.pgconn, False
    libpq.send_query(sql.encode())
    while True:
        while libpq.is_busy():
            select.select([libpq.socket], [], [])
            libpq.consume_input()
        result = libpq.get_result()
        if result is None:
            break
        if result.status == ExecStatus.FATAL_ERROR:
            told_s.append(time.perf_counter())
            has_failed = True
    if has_failed:
        raise psycopg.errors.QueryCanceled


def measure(*, is_quick: bool) -> None:
    with tempfile.TemporaryDirectory() as directory:
        measure_pauses(Path(directory), is_quick=is_quick)
