"""sqldb beside PostgreSQL 15, in turn: pgbench, and queries over growing tables.

    python3 -m bench.sqldb [--quick] [--part speed|pauses]

pgbench runs its TPC-B (five statements a transaction, each commit on the disk) and its select-only
script, with 1 and with 8 clients: with prepared statements, and (`simple`) with the values written
into each text, as clients do that prepare nothing. The queries are a scan with a filter, a group
and a join, over 1,000 to 100,000 rows, through psycopg; beside them stands the plain Python loop
over tuples that one would write by hand, which is the bound for any engine written in Python. Times
are medians.

PostgreSQL (tools/postgres.sh) runs with fsync, as ours does. Both servers are fresh.

The part `pauses` (bench/sqldb_pauses.py) is about ours alone: memory, loading, checkpoints, and
what one heavy statement does to others.
"""

import argparse
import contextlib
import functools
import os
import platform
import re
import statistics
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg

from bench.sqldb_pauses import measure
from services.sqldb.tests.postgres import run_postgres
from tests.processes import running_service

SIZES = (1_000, 10_000, 100_000)
CLIENTS = (1, 8)
SCRIPTS = {
    "TPC-B": ("tpcb-like", "prepared"),
    "select-only": ("select-only", "prepared"),
    "TPC-B, simple": ("tpcb-like", "simple"),
    "select, simple": ("select-only", "simple"),
}
"""Of pgbench: the script, and how its statements are sent."""
GROUPS = 100
_TPS = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)

QUERIES = {
    "scan, filter": "SELECT id, n FROM fact WHERE n % 10 = 3",
    "group": "SELECT g, count(*), sum(n) FROM fact GROUP BY g",
    "join, sum": "SELECT sum(f.n * d.weight) FROM fact f JOIN dim d ON d.g = f.g",
}

Row = tuple[int, int, int]


def scan_loop(fact: list[Row], weights: list[tuple[int, int]]) -> list:
    return [(number, n) for number, _, n in fact if n % 10 == 3]


def group_loop(fact: list[Row], weights: list[tuple[int, int]]) -> list:
    groups: defaultdict[int, list[int]] = defaultdict(lambda: [0, 0])
    for _, g, n in fact:
        group = groups[g]
        group[0] += 1
        group[1] += n
    return [(g, count, total) for g, (count, total) in groups.items()]


def join_loop(fact: list[Row], weights: list[tuple[int, int]]) -> list:
    weight_of = dict(weights)
    return [(sum(n * weight_of[g] for _, g, n in fact),)]


LOOPS = {"scan, filter": scan_loop, "group": group_loop, "join, sum": join_loop}


def median_s(seconds: float, run: Callable[[], object]) -> float:
    """The median time of what is repeated for a while, and at least three times."""
    times: list[float] = []
    end_s = time.perf_counter() + seconds
    while time.perf_counter() < end_s or len(times) < 3:
        started_s = time.perf_counter()
        run()
        times.append(time.perf_counter() - started_s)
    return statistics.median(times)


@contextlib.contextmanager
def sqldb(directory: Path) -> Iterator[dict[str, object]]:
    settings = {"SQLDB_PORT": "0", "SQLDB_DATA_DIR": str(directory / "data")}
    with running_service("sqldb", settings, directory / "log") as running:
        host, _, port = running.endpoint.rpartition(":")
        yield {"host": host, "port": int(port), "user": "postgres", "dbname": "glassbox"}


@contextlib.contextmanager
def postgresql() -> Iterator[dict[str, object]]:
    with run_postgres(fsync=True) as server:
        with server.connect() as connection:
            assert connection.execute("SHOW fsync").fetchone() == ("on",)
        yield server.parameters


def pgbench(where: dict[str, object], *options: str) -> str:
    environ = {
        "PGHOST": str(where["host"]),
        "PGPORT": str(where["port"]),
        "PGUSER": str(where["user"]),
        "PGDATABASE": str(where["dbname"]),
    }
    ended = subprocess.run(
        ["pgbench", *options], env=os.environ | environ, capture_output=True, text=True, timeout=600
    )
    if ended.returncode != 0:
        raise SystemExit(f"pgbench {' '.join(options)}: {ended.stderr}")
    return ended.stdout


def transactions_a_second(
    where: dict[str, object], script: str, mode: str, clients: int, time_s: int
) -> float:
    options = ["-n", "-b", script, "-c", str(clients), "-j", "1", "-T", str(time_s)]
    return float(_TPS.search(pgbench(where, *options, "-M", mode))[1])


def measure_pgbench(servers: list[dict[str, object]], time_s: int) -> None:
    print(f"{'transactions/s':16}{'clients':>10}{'sqldb':>12}{'PostgreSQL':>12}{'ratio':>8}")
    for where in servers:
        pgbench(where, "-i", "-q", "-s", "1")
    for name, (script, mode) in SCRIPTS.items():
        for clients in CLIENTS:
            ours, theirs = (
                transactions_a_second(where, script, mode, clients, time_s) for where in servers
            )
            print(
                f"{name:16}{clients:10}{ours:12,.0f}{theirs:12,.0f}{ours / theirs:8.2f}",
                flush=True,
            )


def fill(connection: psycopg.Connection, fact: list[Row], dim: list[tuple[int, int]]) -> None:
    connection.execute("DROP TABLE IF EXISTS fact, dim")
    connection.execute("CREATE TABLE fact (id int PRIMARY KEY, g int NOT NULL, n int NOT NULL)")
    connection.execute("CREATE TABLE dim (g int PRIMARY KEY, weight int NOT NULL)")
    with connection.cursor() as cursor:
        for table, rows in (("fact", fact), ("dim", dim)):
            with cursor.copy(f"COPY {table} FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
    connection.execute("ANALYZE")


def measure_queries(
    servers: list[dict[str, object]], sizes: tuple[int, ...], time_s: float
) -> None:
    print(f"{'milliseconds':16}{'rows':>10}{'sqldb':>12}{'PostgreSQL':>12}{'Python loop':>12}"
          f"{'× loop':>8}")  # fmt: skip
    dim = [(g, g % 7) for g in range(GROUPS)]
    with contextlib.ExitStack() as stack:
        connections = [
            stack.enter_context(psycopg.connect(**where, autocommit=True)) for where in servers
        ]
        for size in sizes:
            fact = [(number, number * 7919 % GROUPS, number * 31 % 1009) for number in range(size)]
            for connection in connections:
                fill(connection, fact, dim)
            for name in QUERIES:
                ours, theirs = (query_s(c, name, fact, dim, time_s) for c in connections)
                loop_s = median_s(time_s, functools.partial(LOOPS[name], fact, dim))
                print(
                    f"{name:16}{size:10,}{ours * 1e3:12.2f}{theirs * 1e3:12.2f}"
                    f"{loop_s * 1e3:12.2f}{ours / loop_s:8.1f}",
                    flush=True,
                )


def query_s(
    connection: psycopg.Connection,
    name: str,
    fact: list[Row],
    dim: list[tuple[int, int]],
    time_s: float,
) -> float:
    """The median time of a query, whose answer is that of the loop."""
    sql = QUERIES[name]
    assert sorted(connection.execute(sql).fetchall()) == sorted(LOOPS[name](fact, dim)), name
    return median_s(time_s, lambda: connection.execute(sql).fetchall())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument("--part", choices=("speed", "pauses"), help="one of the two alone")
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, psycopg {psycopg.__version__}, PostgreSQL 15")
    if options.part != "speed":
        measure(is_quick=options.quick)
    if options.part != "pauses":
        measure_speed(options)


def measure_speed(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as stack:
        servers = [
            stack.enter_context(sqldb(Path(directory))),
            stack.enter_context(postgresql()),
        ]
        measure_pgbench(servers, 1 if options.quick else 10)
        sizes = SIZES[:1] if options.quick else SIZES
        measure_queries(servers, sizes, 0.1 if options.quick else 1.0)


if __name__ == "__main__":
    main()
