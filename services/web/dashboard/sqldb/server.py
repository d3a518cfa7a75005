"""The server as a whole: figures over time, who is connected, who waits for whom, the log.

The views that PostgreSQL has are asked as anybody could with psql; those of ours (`glassbox_…`)
only where they exist, and their figures are None on a real PostgreSQL.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from services.sqldb.client import Answer, ClientError, SqlClient
from services.web.dashboard.history import HISTORY_S, History
from services.web.dashboard.sqldb.pool import SqlPool
from services.web.dashboard.vital_signs import State, VitalSigns, from_report
from services.web.errors import HTTPError

Json = dict[str, object]

MAX_SESSIONS = 200
MAX_LOCKS = 300
MAX_QUERY_CHARACTERS = 2000
LARGEST = 5

_DATABASE = "SELECT * FROM pg_stat_database WHERE datname = current_database()"
_WAL = "SELECT * FROM pg_stat_wal"
_CHECKPOINTS = "SELECT * FROM pg_stat_bgwriter"
_STATES = """
SELECT coalesce(state, 'background') AS state, count(*) AS number FROM pg_stat_activity
WHERE pid <> pg_backend_pid() GROUP BY 1 ORDER BY 1
"""
_LARGEST = f"""
SELECT schemaname || '.' || relname AS name, pg_relation_size(relid) AS table_bytes,
       pg_indexes_size(relid) AS index_bytes, n_live_tup AS rows
FROM pg_stat_user_tables ORDER BY pg_total_relation_size(relid) DESC, 1 LIMIT {LARGEST}
"""  # noqa: S608 (of constants)
_SETTINGS = """
SELECT current_setting('server_version') AS version, current_setting('fsync') AS fsync,
       current_setting('synchronous_commit') AS synchronous_commit
"""
# Changes with each definition that is made or dropped.
_DEFINITIONS = "SELECT count(*) || ' ' || max(oid) AS seen FROM pg_class"
_IN_PLAIN = (_DATABASE, _WAL, _CHECKPOINTS, _STATES, _LARGEST, _SETTINGS, _DEFINITIONS)
_OURS = ("glassbox_server", "glassbox_storage", "glassbox_plan_cache")

_SESSIONS = f"""
SELECT pid, usename AS "user", application_name AS application, client_addr AS address, state,
       wait_event_type, wait_event, left(query, {MAX_QUERY_CHARACTERS}) AS query,
       extract(epoch FROM clock_timestamp() - backend_start) AS age_s,
       extract(epoch FROM clock_timestamp() - xact_start) AS transaction_s,
       extract(epoch FROM clock_timestamp() - state_change) AS state_s,
       array_to_string(pg_blocking_pids(pid), ' ') AS blocked_by,
       application_name = current_setting('application_name') AS is_own
FROM pg_stat_activity WHERE datname = current_database() ORDER BY is_own, pid LIMIT {MAX_SESSIONS}
"""  # noqa: S608 (of constants)
_LOCKS = f"""
SELECT l.pid, l.locktype AS kind, l.mode, l.granted, n.nspname || '.' || c.relname AS relation,
       l.transactionid AS transaction, l.objid AS object,
       extract(epoch FROM clock_timestamp() - l.waitstart) AS waits_s
FROM pg_locks l
LEFT JOIN pg_class c ON c.oid = l.relation
LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE l.locktype <> 'virtualxid' AND l.pid NOT IN (
    SELECT pid FROM pg_stat_activity WHERE application_name = current_setting('application_name'))
ORDER BY l.granted, l.pid, l.locktype, relation
LIMIT {MAX_LOCKS + 1}
"""  # noqa: S608 (of constants)

_ACTIONS = {"cancel": "pg_cancel_backend", "terminate": "pg_terminate_backend"}


class ServerFigures:
    """Questions about the server; each method may be called by any thread."""

    def __init__(self, pool: SqlPool, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._pool = pool
        self._transactions = History(clock)
        self._log_bytes = History(clock)

    # How it is.

    def vital_signs(self, address: str) -> VitalSigns:
        with self._pool.connection() as client:
            if "glassbox_server" in _ours(client):
                (report,) = client.execute("SELECT * FROM glassbox_server").as_dicts()
                problems = report["problems"]
                told = {**report, "requests_total": report["statements"]}
                told["problems"] = {"status": problems} if problems else {}
                return from_report("sqldb", told, address=address)
            version, uptime_s = client.query(
                "SELECT current_setting('server_version'), "
                "extract(epoch FROM now() - pg_postmaster_start_time())"
            )[0]
        return VitalSigns(
            "sqldb",
            "sqldb",
            State.OK,
            address=address,
            software="PostgreSQL",
            version=version or "",
            uptime_s=float(uptime_s or 0),
        )

    def statistics(self) -> Json:
        """The figures of the page and their course, or the reason why there are none."""
        try:
            with self._pool.connection() as client:
                ours = [name for name in _OURS if name in _ours(client)]
                questions = [*_IN_PLAIN, *(f"TABLE {name}" for name in ours)]
                # In one text they are one transaction, and so little of what they count.
                answers = client.run(";".join(questions))
        except (ConnectionError, ClientError) as error:
            self._transactions.note_absence()
            self._log_bytes.note_absence()
            return {"error": str(error)}
        database, wal, checkpoints, states, largest, settings, definitions, *rest = answers
        more = {name: _first(answer) for name, answer in zip(ours, rest, strict=True)}
        return self._told(database, wal, states, largest) | {
            "checkpoints": _first(checkpoints),
            "settings": _first(settings),
            "definitions": definitions.rows[0][0],
            "server": more.get("glassbox_server"),
            "storage": more.get("glassbox_storage"),
            "plan_cache": more.get("glassbox_plan_cache"),
        }

    def _told(self, database: Answer, wal: Answer, states: Answer, largest: Answer) -> Json:
        counts, log = _first(database) or {}, _first(wal) or {}
        ended = sum(int(counts.get(f"xact_{end}") or 0) for end in ("commit", "rollback"))
        written = int(log.get("wal_bytes") or 0)
        self._transactions.note(ended, None)
        self._log_bytes.note(written, written)
        return {
            "database": counts,
            "wal": log,
            "sessions": {row["state"]: int(row["number"] or 0) for row in states.as_dicts()},
            "largest": [
                {
                    "name": row["name"],
                    "rows": int(row["rows"] or 0),
                    "table_bytes": int(row["table_bytes"] or 0),
                    "index_bytes": int(row["index_bytes"] or 0),
                }
                for row in largest.as_dicts()
            ],
            "history_s": HISTORY_S,
            "transaction_history": self._transactions.as_json(),
            "log_history": self._log_bytes.as_json(),
        }

    # Who is there.

    def activity(self) -> Json:
        """The sessions, and the locks that they hold and wait for."""
        with self._pool.connection() as client:
            sessions = client.execute(_SESSIONS).as_dicts()
            locks = client.execute(_LOCKS).as_dicts()
        return {
            "sessions": [_session(row) for row in sessions],
            "locks": [_lock(row) for row in locks[:MAX_LOCKS]],
            "is_cut": len(locks) > MAX_LOCKS or len(sessions) == MAX_SESSIONS,
        }

    def interrupt(self, pid: int, action: str) -> None:
        """Cancel a session's statement, or end the session. Raises HTTPError."""
        function = _ACTIONS.get(action)
        if function is None:
            raise HTTPError(400, f"action must be one of: {', '.join(_ACTIONS)}")
        if self._pool.ask(f"SELECT {function}($1::int)", str(pid)).rows != [["t"]]:
            raise HTTPError(404, f"there is no session {pid}")

    def checkpoint(self) -> None:
        self._pool.ask("CHECKPOINT")


def _ours(client: SqlClient) -> set[str]:
    """Those of our views that this server has."""
    names = ", ".join(f"to_regclass('pg_catalog.{name}')" for name in _OURS)
    return {name for name in client.query(f"SELECT {names}")[0] if name}


def _first(answer: Answer) -> dict[str, str | None] | None:
    rows = answer.as_dicts()
    return rows[0] if rows else None


def _session(row: Mapping[str, str | None]) -> Json:
    waits = " ".join(filter(None, (row["wait_event_type"], row["wait_event"])))
    return {
        "pid": int(row["pid"] or 0),
        "user": row["user"] or "",
        "application": row["application"] or "",
        "address": row["address"] or "",
        "state": row["state"] or "",
        "waits_for": waits,
        "query": row["query"] or "",
        "age_s": _seconds(row["age_s"]),
        "transaction_s": _seconds(row["transaction_s"]),
        "state_s": _seconds(row["state_s"]),
        "blocked_by": [int(pid) for pid in (row["blocked_by"] or "").split()],
        "is_own": row["is_own"] == "t",
    }


def _lock(row: Mapping[str, str | None]) -> Json:
    """What is locked is told as people would: a table, a row of it, the end of a transaction."""
    about = row["relation"] or ""
    if row["kind"] == "transactionid":
        about = f"transaction {row['transaction']}"
    elif row["kind"] == "advisory":
        about = f"number {row['object']}"
    return {
        "pid": int(row["pid"] or 0),
        "kind": row["kind"] or "",
        "about": about,
        "mode": (row["mode"] or "").removesuffix("Lock"),
        "is_granted": row["granted"] == "t",
        "waits_s": _seconds(row["waits_s"]),
    }


def _seconds(value: str | None) -> float | None:
    return None if value is None else max(0.0, float(value))
