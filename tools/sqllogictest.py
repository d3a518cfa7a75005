#!/usr/bin/env python3
"""Runs files of the public sqllogictest corpus against sqldb, or any server of its protocol.

    tools/sqllogictest.py ../sqllogictest/test/select1.test …            against a fresh sqldb
    tools/sqllogictest.py --server postgresql://postgres@/postgres …     against another server
    tools/sqllogictest.py --first 20 --statement-timeout 60 …

The corpus is the public repository gregrahn/sqllogictest; nothing of it is in this repository. A
file is a row of records: a statement with whether it succeeds, or a query with the types of its
columns (Integer, Real, Text), how its values are to be sorted before they are compared, and the
values or the MD5 of them. What a record says is for one engine alone is run where that is
PostgreSQL.

    statement ok                 query IT rowsort label-7
    CREATE TABLE t1(a INTEGER)   SELECT a, b FROM t1
                                 ----
                                 1
                                 one

Prints one line for each file and the first records that failed, then all failures grouped by
reason. The exit status is 1 when one has failed. Needs psycopg.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import hashlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

ROOT = Path(__file__).resolve().parent.parent
ENGINE = "postgresql"
BOOL_OID = 16
_HASHED = re.compile(r"(\d+) values hashing to ([0-9a-f]{32})")


@dataclass(frozen=True, slots=True)
class Record:
    """`kind`: "ok" and "error" of a statement, or "query"."""

    line: int
    kind: str
    sql: str
    types: str = ""
    sort: str = "nosort"
    label: str = ""
    expected: tuple[str, ...] = ()


@dataclass
class Score:
    passed: int = 0
    failures: list[tuple[Record, str]] = field(default_factory=list)


def records(text: str) -> Iterator[Record]:
    """The records of a file that are meant for PostgreSQL, up to `halt`. Raises ValueError."""
    lines, number, is_meant = text.split("\n"), 0, True
    while number < len(lines):
        words = lines[number].partition("#")[0].split()
        start = number + 1
        number += 1
        match words:
            case ["skipif", engine, *_]:
                is_meant = is_meant and engine != ENGINE
            case ["onlyif", engine, *_]:
                is_meant = is_meant and engine == ENGINE
            case ["halt"]:
                if is_meant:
                    return
                is_meant = True
            case ["statement" | "query", *_]:
                end = number
                while end < len(lines) and lines[end].strip():
                    end += 1
                if is_meant:
                    yield _record(start, words, lines[number:end])
                number, is_meant = end, True
            case [] | ["hash-threshold", _]:
                pass
            case _:
                raise ValueError(f"line {start}: {lines[start - 1]!r} is no record")


def _record(line: int, words: list[str], body: list[str]) -> Record:
    sql, expected = body, []
    if "----" in body:
        place = body.index("----")
        sql, expected = body[:place], body[place + 1 :]
    text = "\n".join(sql)
    if words[0] == "statement":
        return Record(line, words[1], text)
    types, sort, label = (*words[1:4], *("", "nosort", "")[len(words) - 1 :])
    return Record(line, "query", text, types, sort, label, tuple(expected))


def shown(text: str, type_: str, type_oid: int) -> str:
    """A value as the corpus writes it."""
    if type_ == "I":
        if type_oid == BOOL_OID:
            return str(int(text == "t"))
        try:
            return str(int(float(text))) if not text.lstrip("-").isdigit() else str(int(text))
        except (ValueError, OverflowError):
            return "0"
    if type_ == "R":
        try:
            return f"{float(text):.3f}"
        except ValueError:
            return "0.000"
    return "".join(c if " " <= c <= "~" else "@" for c in text) or "(empty)"


def _cell(value: bytes | None, type_: str, type_oid: int) -> str:
    return "NULL" if value is None else shown(value.decode(), type_, type_oid)


def arranged(rows: list[list[str]], sort: str) -> list[str]:
    if sort == "rowsort":
        rows = sorted(rows)
    values = [value for row in rows for value in row]
    return sorted(values) if sort == "valuesort" else values


def digest(values: list[str]) -> str:
    data = "".join(f"{value}\n" for value in values).encode()
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


class Runner:
    """Runs the records of one file over one connection."""

    def __init__(self, connection: psycopg.Connection):
        self._server = connection.pgconn
        self._labels: dict[str, str] = {}

    def problem(self, record: Record) -> str | None:
        """Why the record has failed; None: it has passed."""
        result = self._server.exec_(record.sql.encode())
        failure = ""
        if result.status not in (
            psycopg.pq.ExecStatus.COMMAND_OK,
            psycopg.pq.ExecStatus.TUPLES_OK,
            psycopg.pq.ExecStatus.EMPTY_QUERY,
        ):
            failure = result.get_error_message().strip().split("\n")[0]
        if record.kind == "error":
            return None if failure else "succeeds, and must fail"
        if failure or record.kind == "ok":
            return failure or None
        return self._difference(record, result)

    def _difference(self, record: Record, result: psycopg.pq.PGresult) -> str | None:
        columns = result.nfields
        if columns != len(record.types):
            return "another number of columns"
        form = [(type_, result.ftype(column)) for column, type_ in enumerate(record.types)]
        rows = [
            [_cell(result.get_value(row, column), *form[column]) for column in range(columns)]
            for row in range(result.ntuples)
        ]
        values = arranged(rows, record.sort)
        if record.label and self._labels.setdefault(record.label, digest(values)) != digest(values):
            return "not the rows of the query with the same label"
        if len(record.expected) == 1 and (hashed := _HASHED.fullmatch(record.expected[0])):
            if len(values) != int(hashed[1]):
                return "another number of values"
            return None if digest(values) == hashed[2] else "other values"
        if len(values) != len(record.expected):
            return "another number of values"
        return None if values == list(record.expected) else "other values"


def run_file(path: Path, url: str, timeout_s: float) -> Score:
    """In a schema of its own, which is gone afterwards."""
    score, schema = Score(), f"sqllogictest_{os.getpid()}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
        connection.execute(f"SET search_path TO {schema}")
        connection.execute(f"SET statement_timeout = {round(timeout_s * 1000)}")
        try:
            runner = Runner(connection)
            for record in records(path.read_text(encoding="utf-8")):
                problem = runner.problem(record)
                if problem is None:
                    score.passed += 1
                else:
                    score.failures.append((record, problem))
                if connection.broken:
                    raise SystemExit(f"{path.name}:{record.line}: the server is gone: {problem}")
        finally:
            if not connection.broken:
                connection.execute(f"DROP SCHEMA {schema} CASCADE")
    return score


@contextlib.contextmanager
def fresh_server() -> Iterator[str]:
    """A sqldb that keeps nothing; its URL."""
    command = [sys.executable, "-m", "services.sqldb", "--port", "0", "--log-level", "warning"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        try:
            endpoint = server.stdout.readline().split()[-1]
            yield f"postgresql://postgres@{endpoint}/glassbox"
        finally:
            server.terminate()


def report(path: Path, score: Score, taken_s: float, first: int) -> None:
    failed = len(score.failures)
    print(f"{path.name:32}{score.passed:8} passed{failed:8} failed{taken_s:8.1f} s", flush=True)
    for record, problem in score.failures[:first]:
        print(f"    line {record.line}: {problem}\n        {record.sql[:200]}".rstrip())


def grouped(failures: list[str]) -> None:
    """The reasons, most frequent first; names and numbers in them do not count."""
    reasons = collections.Counter(re.sub(r"\d+", "N", reason) for reason in failures)
    for reason, count in reasons.most_common():
        print(f"{count:8}  {reason}")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--server", help="URL of a server to test instead of a fresh sqldb")
    parser.add_argument("--first", type=int, default=5, help="failures of a file that are shown")
    parser.add_argument(
        "--statement-timeout", type=float, default=60, help="seconds of one statement"
    )
    options = parser.parse_args()
    reasons: list[str] = []
    server = contextlib.nullcontext(options.server) if options.server else fresh_server()
    with server as url:
        for path in options.files:
            started_s = time.perf_counter()
            score = run_file(path, url, options.statement_timeout)
            report(path, score, time.perf_counter() - started_s, options.first)
            reasons += [problem for _, problem in score.failures]
    grouped(reasons)
    return 1 if reasons else 0


if __name__ == "__main__":
    raise SystemExit(main())
