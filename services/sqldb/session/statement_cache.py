"""Texts that come again and again: each is parsed, bound and compiled once.

Parsing and planning cost some ten times as much as looking a row up by its key. Who prepares
statements pays that once; those who send the same text each time are served from here, for as long
as no definition and no setting changes. Each session keeps its own, as settings, temporary tables
and the role are a part of what a text means.

A text is one of a Query message, or one of Parse without a name, together with the types that the
client says of its parameters: drivers send values so without preparing anything.

    first time      parsed, planned, run, forgotten; the text is noted
    second time     parsed, planned, run, kept
    from then on    run

Texts with other values in them each time are other texts: `statement_shapes` is for them. A literal
such as 'now'::timestamp is read when a statement is bound, so a text that may have one is never
kept. # Real: PostgreSQL plans each text anew; what comes near is pgbouncer, or a driver's own cache
of prepared statements.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from services.sqldb.session.planning import PLANNABLE

if TYPE_CHECKING:
    from services.sqldb.session.prepared import PreparedStatement
    from services.sqldb.syntax.nodes import ParsedStatement

Key = tuple[str, tuple[int, ...] | None]

MAX_KEPT = 100
_MAX_NOTED = 1000
_MAX_CHARACTERS = 10_000
# Rather too much: a quote may be the end of a string, and a word a part of another one.
_READS_CLOCK = re.compile(
    r"'[^']*(?:now|today|tomorrow|yesterday|\\)|\$\w*\$|uescape", re.IGNORECASE
)


class StatementCache:
    """The statements of one session, by their text; those that came last."""

    def __init__(self) -> None:
        self._kept: dict[Key, PreparedStatement] = {}
        self._noted: dict[int, None] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, sql: str, type_oids: tuple[int, ...] | None = None) -> PreparedStatement | None:
        """`type_oids`: of the parameters; None: it is a plain text, without any."""
        key = sql, type_oids
        statement = self._kept.pop(key, None)
        if statement is not None:
            self._kept[key] = statement  # The last in order is the one that came last.
        return statement

    def comes_again(
        self, sql: str, parsed: ParsedStatement, type_oids: tuple[int, ...] | None = None
    ) -> bool:
        """Whether it is worth keeping; if not now, perhaps the next time."""
        if not isinstance(parsed.statement, PLANNABLE) or len(sql) > _MAX_CHARACTERS:
            return False
        mark = hash((sql, type_oids))
        if mark in self._noted:
            return not _READS_CLOCK.search(sql)
        self._noted[mark] = None
        if len(self._noted) > _MAX_NOTED:
            del self._noted[next(iter(self._noted))]
        return False

    def keep(self, statement: PreparedStatement, type_oids: tuple[int, ...] | None = None) -> None:
        key = statement.sql, type_oids
        self._kept.pop(key, None)
        if len(self._kept) >= MAX_KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[key] = statement

    def clear(self) -> None:
        """A setting has changed, and with it, perhaps, what a text means."""
        self._kept.clear()
