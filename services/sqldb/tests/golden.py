"""Golden scripts: SQL of several sessions, and the answers that PostgreSQL gave to them.

`golden/TOPIC.sql` is a script, `golden/TOPIC.out` the same script with the answers in it. A
statement ends with a line that ends in a semicolon, and lines of comment direct:

    -- session A              what follows is said by A (a connection of its own)
    -- to its end             the next statement is awaited although it waits for a lock
    -- not here: WHY         the next statement is not said: our answer is known to be another
    -- at each isolation level    (at the top) run it three times
    -- only here              (at the top) about our files; recorded from our server
    -- server: kill, start, cut N bytes off the log

A statement that has to wait for another session is answered by `A waits.`; its result stands where
it came, as `A goes on:`. Whether it waits is asked from a further session (pg_locks and
pg_stat_activity), so nothing here depends on time.

    python -m services.sqldb.tests.golden [TOPIC …]     record anew, from PostgreSQL
"""

from __future__ import annotations

import re
import select
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from psycopg import pq

SCRIPTS = Path(__file__).with_name("golden")
LEVELS = ("read committed", "repeatable read", "serializable")
PATIENCE_S = 30
POLL_S = 0.01

_WAITS = """
SELECT EXISTS (SELECT FROM pg_locks WHERE pid = {pid} AND NOT granted)
    OR EXISTS (SELECT FROM pg_stat_activity WHERE pid = {pid} AND wait_event = 'SafeSnapshot')
"""
_FIELDS = {
    "detail": pq.DiagnosticField.MESSAGE_DETAIL,
    "hint": pq.DiagnosticField.MESSAGE_HINT,
    "context": pq.DiagnosticField.CONTEXT,
    "schema": pq.DiagnosticField.SCHEMA_NAME,
    "table": pq.DiagnosticField.TABLE_NAME,
    "column": pq.DiagnosticField.COLUMN_NAME,
    "datatype": pq.DiagnosticField.DATATYPE_NAME,
    "constraint": pq.DiagnosticField.CONSTRAINT_NAME,
}
# Deadlocks and locks tell of processes and of transactions, whose numbers differ.
_NUMBERS = re.compile(r"(?<=[Pp]rocess )\d+|(?<=transaction )\d+|(?<=tuple )\(\d+,\d+\)")
_OIDS = re.compile(
    r"(?<=on relation )\d+|(?<=of relation )\d+(?= of database)|(?<=of database )\d+"
)


@dataclass(frozen=True, slots=True)
class Step:
    """One statement, or one order to the server, or a comment."""

    session: str
    text: str
    kind: str = "statement"
    copied: str | None = None
    to_its_end: bool = False


@dataclass(slots=True)
class Script:
    steps: list[Step] = field(default_factory=list)
    is_ours: bool = False
    is_at_each_level: bool = False


def read_script(text: str) -> Script:
    script, session, to_its_end, why_not = Script(), "", False, ""
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith("-- session "):
            session = line.removeprefix("-- session ").strip()
        elif line == "-- to its end":
            to_its_end = True
        elif line.startswith("-- not here: "):
            why_not = line
        elif line == "-- at each isolation level":
            script.is_at_each_level = True
        elif line.startswith("-- only here"):
            script.is_ours = True
        elif line.startswith("-- server: "):
            script.steps.append(Step(session, line.removeprefix("-- server: "), "server"))
        elif line.startswith("--"):
            script.steps.append(Step(session, line, "comment"))
        elif line.strip():
            statement, copied = _read_statement(line, lines)
            if why_not:
                step = Step(session, f"{why_not}\n-- {statement}", "comment")
            else:
                step = Step(session, statement, "statement", copied, to_its_end)
            script.steps.append(step)
            to_its_end, why_not = False, ""
    return script


def _read_statement(first: str, lines: Iterator[str]) -> tuple[str, str | None]:
    statement = [first]
    while not statement[-1].rstrip().endswith(";"):
        statement.append(next(lines))
    text = "\n".join(statement)
    if not re.search(r"\bFROM\s+STDIN\b", text, re.IGNORECASE):
        return text, None
    copied = []
    while (line := next(lines)) != "\\.":
        copied.append(line + "\n")
    return text, "".join(copied)


class Session:
    """One connection, of which one reads only what has come."""

    def __init__(self, name: str, conninfo: str):
        self.name = name
        self.connection = pq.PGconn.connect(conninfo.encode())
        assert self.connection.status == pq.ConnStatus.OK, self.connection.error_message
        self._messages: list[str] = []
        self.connection.notice_handler = lambda notice: self._messages.append(_told(notice))
        self.is_busy = False
        self._lines: list[str] = []
        self._copied: str | None = None

    @property
    def pid(self) -> int:
        return self.connection.backend_pid

    def send(self, text: str, copied: str | None) -> None:
        self.connection.send_query(text.encode())
        self._copied = copied
        self._lines = []
        self.is_busy = True

    def poll(self) -> bool:
        """Take what has come; true when the answer is whole."""
        connection = self.connection
        connection.consume_input()
        while not connection.is_busy():
            result = connection.get_result()
            if result is None:
                self.is_busy = False
                return True
            self._take(result)
        return False

    def _take(self, result: Any) -> None:
        self._lines += self._drain_messages()
        connection = self.connection
        match result.status:
            case pq.ExecStatus.COPY_IN:
                connection.put_copy_data((self._copied or "").encode())
                connection.put_copy_end()
            case pq.ExecStatus.COPY_OUT:
                while True:
                    count, data = connection.get_copy_data(0)
                    if count <= 0:
                        break
                    self._lines.append(bytes(data).decode().rstrip("\n"))
            case _:
                self._lines += _answer(result)

    def _drain_messages(self) -> list[str]:
        messages, self._messages = self._messages, []
        return messages

    def answer(self) -> list[str]:
        lines = self._lines + self._drain_messages()
        while (notification := self.connection.notifies()) is not None:
            told = f"{notification.relname.decode()}: {notification.extra.decode()}"
            lines.append(f"notified by {told}")
        return lines


def _told(result: Any) -> str:
    """An error or a notice, with all that it says."""
    get = result.error_field
    severity, code = get(pq.DiagnosticField.SEVERITY), get(pq.DiagnosticField.SQLSTATE)
    position = get(pq.DiagnosticField.STATEMENT_POSITION)
    # PostgreSQL locks while it parses, so it knows where.
    has_place = position and code not in (b"55P03", b"40P01")
    at = f" at {position.decode()}" if has_place else ""
    if severity is None:
        return "the connection is gone"
    message = get(pq.DiagnosticField.MESSAGE_PRIMARY).decode()
    lines = [f"{severity.decode()} {code.decode()}{at}: {message}"]
    for name, number in _FIELDS.items():
        value = get(number)
        if value is not None and not (name == "context" and code != b"22P04"):
            lines.append(f"    {name}: {value.decode()}")
    return _OIDS.sub("…", _NUMBERS.sub("…", "\n".join(lines)))


def _answer(result: Any) -> list[str]:
    tag = (result.command_status or b"").decode()
    match result.status:
        case pq.ExecStatus.FATAL_ERROR:
            return [_told(result)]
        case pq.ExecStatus.EMPTY_QUERY:
            return ["nothing asked"]
        case pq.ExecStatus.TUPLES_OK:
            columns = range(result.nfields)
            names = [f"{result.fname(at).decode()} {_type(result, at)}" for at in columns]
            rows = [
                " | ".join(_value(result.get_value(row, at)) for at in columns)
                for row in range(result.ntuples)
            ]
            return [" | ".join(names), *rows, tag]
    return [tag]


def _type(result: Any, at: int) -> str:
    from services.sqldb.types import type_by_oid

    oid, modifier = result.ftype(at), result.fmod(at)
    if oid >= 16384:
        return "user-made"
    known = type_by_oid(oid)
    return (known.name if known else str(oid)) + (f"({modifier})" if modifier >= 0 else "")


def _value(value: bytes | None) -> str:
    return "∅" if value is None else value.decode().replace("\n", "\\n")


class Run:
    """One script against one server."""

    def __init__(self, server: Any):
        self._server = server
        self._sessions: dict[str, Session] = {}
        self._observer: Session | None = None
        self._settings: list[str] = []
        self.lines: list[str] = []

    def run(self, script: Script) -> str:
        try:
            for level in LEVELS if script.is_at_each_level else ("",):
                self._begin(level)
                for step in script.steps:
                    self._step(step)
                self._close()
        finally:
            self._close()
        return "\n".join(self.lines) + "\n"

    def _begin(self, level: str) -> None:
        self._settings = ["SET client_min_messages = warning"]
        self._ask("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        self._settings = []
        if level:
            self.lines += ["", f"== {level} =="]
            self._settings.append(f"SET default_transaction_isolation = '{level}'")

    def _connect(self, name: str) -> Session:
        parameters = self._server.parameters
        session = Session(name, " ".join(f"{key}={value}" for key, value in parameters.items()))
        for setting in self._settings:
            session.connection.exec_(setting.encode())
        return session

    def _ask(self, sql: str) -> Any:
        if self._observer is None:
            self._observer = self._connect("observer")
        result = self._observer.connection.exec_(sql.encode())
        assert result.status in (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK), (
            result.error_message.decode()
        )
        return result

    def _waits(self, session: Session) -> bool:
        return self._ask(_WAITS.format(pid=session.pid)).get_value(0, 0) == b"t"

    def _close(self) -> None:
        for session in self._sessions.values():
            session.connection.finish()
        if self._observer is not None:
            self._observer.connection.finish()
        self._sessions, self._observer = {}, None

    def _step(self, step: Step) -> None:
        match step.kind:
            case "comment":
                self.lines += ["", step.text]
                return
            case "server":
                self._close()
                self._server.obey(step.text)
                self.lines += ["", f"(the server: {step.text})"]
                return
        if step.session not in self._sessions:
            self._sessions[step.session] = self._connect(step.session)
        session = self._sessions[step.session]
        assert not session.is_busy, f"{step.session} waits and cannot be asked: {step.text}"
        self.lines.append("")
        self.lines += [f"{step.session}> {line}" for line in step.text.splitlines()]
        others = [other for other in self._sessions.values() if other.is_busy]
        session.send(step.text, step.copied)
        self._settle(session, others, to_its_end=step.to_its_end)

    def _settle(self, session: Session, others: list[Session], *, to_its_end: bool) -> None:
        """Until each one that was asked something has answered or waits for a lock."""
        running = [session, *others]
        for _ in range(int(PATIENCE_S / POLL_S)):
            is_settled = True
            for each in running:
                if each.is_busy and not each.poll():
                    may_wait = not (to_its_end and each is session)
                    is_settled = is_settled and may_wait and self._waits(each)
            if is_settled:
                break
            sockets = [each.connection.socket for each in running if each.is_busy]
            select.select(sockets, [], [], POLL_S)
        else:
            raise AssertionError(f"no end of what {session.name} was asked:\n{self.lines[-1]}")
        self.lines += [f"{session.name} waits."] if session.is_busy else session.answer()
        for other in sorted(others, key=lambda other: other.name):
            if not other.is_busy:
                self.lines += [f"{other.name} goes on:", *other.answer()]


def topics() -> list[str]:
    return sorted(path.stem for path in SCRIPTS.glob("*.sql"))


def run_topic(topic: str, server: Any) -> str:
    return Run(server).run(read_script((SCRIPTS / f"{topic}.sql").read_text()))


def expected(topic: str) -> str:
    return (SCRIPTS / f"{topic}.out").read_text()


def is_ours(topic: str) -> bool:
    return read_script((SCRIPTS / f"{topic}.sql").read_text()).is_ours


def record(wanted: list[str]) -> None:
    from services.sqldb.tests.postgres import run_postgres
    from services.sqldb.tests.server import FallibleServer

    with run_postgres() as postgres:
        for topic in wanted or topics():
            with tempfile.TemporaryDirectory() as directory:
                server = FallibleServer(Path(directory)) if is_ours(topic) else postgres
                (SCRIPTS / f"{topic}.out").write_text(run_topic(topic, server))
                if server is not postgres:
                    server.close()
            print(topic)


if __name__ == "__main__":
    record(sys.argv[1:])
