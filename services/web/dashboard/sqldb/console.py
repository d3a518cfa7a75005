"""The console: statements of a person, run one after the other on a connection of their own.

    split ─▶ statement ─▶ Parse, Bind, Execute (up to 100 rows) ─▶ rows, or an error with its place
                └─ one that changes something: refused by the server, until it is meant

The connection is made for one run and ends with it, so that no statement leaves a setting or an
open transaction to the next run. At first it is read-only; what the server then refuses (25006) is
answered with the question whether it is meant, and nothing has been changed. That is a guard
against slips and not a permission: whoever may use the console may also say yes.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from services.sqldb.client import Answer, ClientError, SqlClient
from services.web.dashboard.fields import Body, text_field
from services.web.dashboard.sqldb.plans import Json, drawn
from services.web.dashboard.sqldb.pool import SqlPool
from services.web.dashboard.sqldb.statements import Statement, split, statement_at
from services.web.dashboard.sqldb.type_names import TypeNames
from services.web.errors import HTTPError

ROWS = 100
MAX_ROWS = 10_000
MAX_BYTES = 4 * 1024 * 1024
MAX_STATEMENTS = 100
MAX_RUNS = 4
STATEMENT_TIMEOUT_S = 10
RUN_TIMEOUT_S = 30
"""No further statement is begun after that."""
READ_ONLY = "25006"
_RUN_ID = re.compile(r"[0-9a-f]{8,32}")
_EXPLAIN = re.compile(r"EXPLAIN\b\s*(?:\([^)]*\)\s*|(?:ANALY[ZS]E|VERBOSE)\b\s*)*", re.IGNORECASE)


class Console:
    """Runs statements; any thread may call."""

    def __init__(self, pool: SqlPool, type_names: TypeNames):
        """`pool` makes the connections, and none of them is given back to it."""
        self._pool = pool
        self._type_names = type_names
        self._places = threading.BoundedSemaphore(MAX_RUNS)
        self._running: dict[str, SqlClient] = {}

    # Running.

    def run(self, body: Body) -> Json:
        """Every statement up to the first error. Raises HTTPError or ConnectionLost."""
        ends_at_s = time.monotonic() + RUN_TIMEOUT_S
        statements = _statements(body)
        limit = _limit(body)
        is_confirmed = body.get("is_confirmed") is True
        results: list[Json] = []
        with self._connection(body, is_read_only=not is_confirmed) as client:
            for statement in statements:
                result = _run_one(client, statement, limit)
                if _is_refused(result) and not is_confirmed:
                    return {"asks": f"{_command(statement)} changes something. Run all of it?"}
                results.append(result)
                if "error" in result or time.monotonic() > ends_at_s:
                    break
            is_left_open = client.transaction_status != "I"
        self._name_types(results)
        return {
            "results": results,
            "not_run": len(statements) - len(results),
            "is_read_only": not is_confirmed,
            "is_left_open": is_left_open,
        }

    def explain(self, body: Body) -> Json:
        """The plan of the statement at the caret. Raises HTTPError or ConnectionLost."""
        position = body.get("position", 0)
        statement = statement_at(_statements(body), position if type(position) is int else 0)
        statement = _without_explain(statement)
        is_analyzed = body.get("is_analyzed") is not False
        is_confirmed = body.get("is_confirmed") is True
        words = "EXPLAIN (ANALYZE, FORMAT JSON) " if is_analyzed else "EXPLAIN (FORMAT JSON) "
        with self._connection(body, is_read_only=not is_confirmed) as client:
            client.run("BEGIN")  # Which nobody commits: what it changes is undone.
            try:
                answer = client.execute(words + statement.text)
            except ClientError as error:
                if error.sqlstate == READ_ONLY and not is_confirmed:
                    verb = _command(statement)
                    return {"asks": f"To measure {verb}, it is run, and then rolled back. Do that?"}
                return {"error": _error(error, statement.start - len(words))}
        return drawn(answer.rows[0][0] or "")

    def cancel(self, run_id: str) -> None:
        """Cancel what the run with this id is doing. Raises HTTPError or OSError."""
        client = self._running.get(run_id)
        if client is None:
            raise HTTPError(404, "that run is over")
        client.cancel()

    @contextmanager
    def _connection(self, body: Body, *, is_read_only: bool) -> Iterator[SqlClient]:
        if not self._places.acquire(blocking=False):
            raise HTTPError(429, f"{MAX_RUNS} runs are under way: wait for one of them")
        run_id = body.get("run")
        client = None
        try:
            client = self._pool.connect()
            if type(run_id) is str and _RUN_ID.fullmatch(run_id):
                self._running[run_id] = client
            if is_read_only:
                client.run("SET default_transaction_read_only = on")
            with self._pool.reported():
                yield client
        finally:
            self._running.pop(run_id, None)
            if client is not None:
                client.close()
            self._places.release()

    def _name_types(self, results: list[Json]) -> None:
        names = self._type_names.of(
            {column["oid"] for result in results for column in result.get("columns") or ()}
        )
        for result in results:
            for column in result.get("columns") or ():
                column["type"] = names.get(column.pop("oid"), "")


def _statements(body: Body) -> list[Statement]:
    found = split(text_field(body, "sql"))
    if not found:
        raise HTTPError(400, "there is no statement")
    if len(found) > MAX_STATEMENTS:
        raise HTTPError(400, f"{len(found)} statements are more than {MAX_STATEMENTS}")
    return found


def _limit(body: Body) -> int:
    limit = body.get("limit", ROWS)
    if type(limit) is not int or not 1 <= limit <= MAX_ROWS:
        raise HTTPError(400, f"limit must be from 1 to {MAX_ROWS}")
    return limit


def _run_one(client: SqlClient, statement: Statement, limit: int) -> Json:
    client.notices.clear()
    result: Json = {"start": statement.start, "end": statement.end}
    started_s = time.perf_counter()
    try:
        answer = client.execute(statement.text, max_rows=limit, max_bytes=MAX_BYTES)
        result |= _shown(answer)
    except ClientError as error:
        result["error"] = _error(error, statement.start)
    result["elapsed_ms"] = (time.perf_counter() - started_s) * 1000
    result["notices"] = [
        f"{notice.get('S', 'NOTICE')}: {notice.get('M', '')}" for notice in client.notices
    ]
    return result


def _shown(answer: Answer) -> Json:
    columns = None
    if answer.columns is not None:
        pairs = zip(answer.columns, answer.type_oids, strict=True)
        columns = [{"name": name, "oid": oid} for name, oid in pairs]
    return {
        "tag": answer.tag,
        "columns": columns,
        "rows": answer.rows,
        "has_more": answer.has_more,
    }


def _error(error: ClientError, start: int) -> Json:
    """`start` is where the statement stands in the text, which its position is then one of."""
    fields = error.fields
    position = fields.get("P", "")
    return {
        "severity": fields.get("S", "ERROR"),
        "sqlstate": error.sqlstate,
        "message": str(error),
        "detail": fields.get("D", ""),
        "hint": fields.get("H", ""),
        "position": int(position) - 1 + start if position.isdigit() else None,
    }


def _is_refused(result: Json) -> bool:
    error = result.get("error")
    return isinstance(error, dict) and error["sqlstate"] == READ_ONLY


def _command(statement: Statement) -> str:
    """What it is called: its first word, or all of `DROP TABLE`."""
    words = statement.text.upper().split(maxsplit=2)
    is_definition = words[0] in ("CREATE", "ALTER", "DROP") and len(words) > 1
    return " ".join(words[:2]) if is_definition else statement.first_word or words[0]


def _without_explain(statement: Statement) -> Statement:
    skipped = _EXPLAIN.match(statement.text)
    if skipped is None or skipped.end() == len(statement.text):
        return statement
    return Statement(statement.text[skipped.end() :], statement.start + skipped.end())
