"""A database in this process, for tests that write SQL and look at plans."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from services.common.logs import Log
from services.sqldb.engine import Engine
from services.sqldb.session.session import Session
from services.sqldb.session.statements import run_statement
from services.sqldb.settings import Settings
from services.sqldb.syntax import parse


class Database:
    """One engine without files, and one session of it."""

    def __init__(self, log: Log):
        self.engine = Engine(Settings(), log)
        self.session = self.new_session()

    def new_session(self) -> Session:
        with self.engine.latch:
            return self.engine.new_session(self.engine.owner, "glassbox", {})

    def run(
        self, sql: str, session: Session | None = None, check: Callable[[], None] = lambda: None
    ) -> list[tuple]:
        """The rows of the last statement; each has a transaction of its own, unless one is open."""
        session = session or self.session
        rows: list[tuple] = []
        with self.engine.latch:
            for parsed in parse(sql, check):
                session.begin_implicitly()
                try:
                    rows = list(run_statement(session, parsed).rows)
                    session.end_implicitly()
                except BaseException:
                    session.fail()
                    raise
        return rows

    def plan(self, query: str, options: str = "costs off") -> list[str]:
        return [line for (line,) in self.run(f"EXPLAIN ({options}) {query}")]

    def close(self) -> None:
        self.engine.close()


@contextmanager
def database() -> Iterator[Database]:
    made = Database(Log("sqldb"))
    try:
        yield made
    finally:
        made.close()
