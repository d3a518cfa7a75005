"""Schemas, rows, queries and changes at random: we answer as PostgreSQL does.

The same rows, types and SQLSTATEs, in text or in binary. SQLDB_DIFFERENTIAL=N runs N examples
instead of a few (and others each time). To hunt for more, by seeds, and go on after a finding:

    python -m services.sqldb.tests.test_differential FIRST COUNT
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest

hypothesis = pytest.importorskip("hypothesis")
pytest.importorskip("psycopg")

from hypothesis import HealthCheck, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from psycopg import pq  # noqa: E402

from services.sqldb.tests.postgres import PostgresServer, postgres  # noqa: E402, F401
from services.sqldb.tests.random_sql import Maker, reads_all  # noqa: E402
from services.sqldb.tests.server import SqldbServer, run_sqldb, sqldb  # noqa: E402, F401

EXAMPLES = int(os.environ.get("SQLDB_DIFFERENTIAL", "0"))
# A value that cannot be computed in a row that a condition leaves out: which of them is looked at
# first is open in SQL.
_OPEN = ("22", "21")
_INT4S = 1007


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows, types and tag; or an SQLSTATE."""

    rows: tuple[tuple[bytes | None, ...], ...] = ()
    types: tuple[int, ...] = ()
    tag: str = ""
    sqlstate: str = ""


class Asker:
    """One session with a server."""

    def __init__(self, server: Any):
        parameters = " ".join(f"{key}={value}" for key, value in server.parameters.items())
        self._connection = pq.PGconn.connect(parameters.encode())
        assert self._connection.status == pq.ConnStatus.OK
        self.ask("SET client_min_messages = error")
        self.ask("SET statement_timeout = '20s'")

    def ask(self, sql: str, *, is_binary: bool = False, is_ordered: bool = False) -> Answer:
        if is_binary:
            result = self._connection.exec_params(sql.encode(), [], result_format=1)
        else:
            result = self._connection.exec_(sql.encode())
        if result.status not in (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK):
            state = result.error_field(pq.DiagnosticField.SQLSTATE)
            return Answer(sqlstate=state.decode() if state else "the connection is gone")
        columns = range(result.nfields)
        rows = [tuple(_value(result, row, at) for at in columns) for row in range(result.ntuples)]
        if not is_ordered:
            rows.sort(key=repr)
        types = tuple(result.ftype(at) for at in columns)
        return Answer(tuple(rows), types, (result.command_status or b"").decode())

    def close(self) -> None:
        self._connection.finish()


def _value(result: Any, row: int, at: int) -> bytes | None:
    value = result.get_value(row, at)
    if value is not None and result.fformat(at) == 1 and result.ftype(at) == _INT4S:
        # The flag "there may be NULLs": a slice of PostgreSQL's has that of the whole array.
        return value[:4] + value[8:]
    return value


class Pair:
    """The same question to both."""

    def __init__(self, ours: Asker, theirs: Asker):
        self.ours, self.theirs = ours, theirs
        self.said: list[str] = []

    def ask(self, sql: str, **options: Any) -> None:
        self.said.append(sql)
        theirs, ours = self.theirs.ask(sql, **options), self.ours.ask(sql, **options)
        if ours == theirs or {ours.sqlstate[:2], theirs.sqlstate[:2]} & set(_OPEN):
            return
        script = ";\n".join(self.said)
        raise AssertionError(f"{script};\n\nPostgreSQL: {theirs}\nours:       {ours}")


def run_example(random: Random, ours: Asker, theirs: Asker) -> None:
    pair, maker = Pair(ours, theirs), Maker(random)
    pair.ask("DROP TABLE IF EXISTS t0, t1, t2 CASCADE")
    for _ in range(random.randint(1, 3)):
        for sql in maker.table():
            pair.ask(sql)
    for _ in range(6):
        if maker.chance(0.3):
            pair.ask(maker.change())
            for table in maker.tables:
                pair.ask(reads_all(table), is_ordered=True)
        else:
            query = maker.any_query()
            pair.ask(query.sql, is_binary=maker.chance(0.3), is_ordered=query.is_ordered)


@pytest.fixture(scope="module")
def askers(postgres: PostgresServer, sqldb: SqldbServer):  # noqa: F811
    ours, theirs = Asker(sqldb), Asker(postgres)
    yield ours, theirs
    ours.close()
    theirs.close()


@settings(
    max_examples=EXAMPLES or 25,
    derandomize=not EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(random=st.randoms(use_true_random=False))
@pytest.mark.timeout(0)
def test_as_postgres(askers: tuple[Asker, Asker], random: Random) -> None:
    run_example(random, *askers)


def hunt(first: int, count: int) -> None:
    """Examples by seed; what differs is told, and the hunt goes on."""
    from services.sqldb.tests.postgres import run_postgres

    with run_postgres() as other, run_sqldb() as server:
        for seed in range(first, first + count):
            ours, theirs = Asker(server), Asker(other)
            try:
                run_example(Random(seed), ours, theirs)
            except AssertionError as error:
                print(f"== seed {seed}\n{error}\n", flush=True)
            finally:
                ours.close()
                theirs.close()
        print(f"{count} examples")


if __name__ == "__main__":
    hunt(int(sys.argv[1]), int(sys.argv[2]))
