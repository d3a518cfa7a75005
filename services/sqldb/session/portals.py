"""Portals: statements that are being run, and how far they have come. Cursors are portals, too.

    Bind ──▶ Portal ──Execute(max rows)──▶ rows … PortalSuspended … rows … CommandComplete
    DECLARE ──▶ Portal ──FETCH──▶ rows

Rows are made when they are fetched. A portal that can go backward keeps those that it has made; the
client pays for them only if it asks for SCROLL. # Real: portalmem.c, pquery.c
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from services.sqldb import errors
from services.sqldb.errors import OBJECT_NOT_IN_PREREQUISITE_STATE, SqlError
from services.sqldb.session.results import Result

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.sqldb.session.prepared import PreparedStatement
    from services.sqldb.session.wire_values import RowFormat


class Portal:
    """A statement with its parameters. `start` runs it; it is called when rows are first asked for.

    `row_format`: how its rows go out, if it has any.
    """

    __slots__ = (
        "_is_exhausted", "_kept", "_position", "_result", "_start", "is_cursor", "is_detached",
        "is_held", "is_scrollable", "name", "places", "row_count", "row_format", "sql", "statement",
    )  # fmt: skip

    def __init__(
        self,
        statement: PreparedStatement,
        name: str,
        sql: str,
        start: Callable[[Portal], Result],
        row_format: RowFormat | None = None,
        *,
        is_scrollable: bool = False,
        is_held: bool = False,
        is_cursor: bool = False,
    ):
        self.statement = statement
        self.name = name
        self.sql = sql
        self.row_format = row_format
        self.is_scrollable = is_scrollable
        self.is_held = is_held
        self.is_cursor = is_cursor
        self._start = start
        self._result: Result | None = None
        # What was made and is kept for going backward; `_position` rows have been passed.
        self._kept: list[tuple] = []
        self._position = 0
        self._is_exhausted = False
        self.is_detached = False
        self.row_count = 0
        # For WHERE CURRENT OF: where each row that was made lies, by the oid of its table.
        self.places: list[dict[int, tuple]] | None = None

    @property
    def is_done(self) -> bool:
        return self._is_exhausted

    def current_place(self, table_oid: int) -> tuple | None:
        """The ctid of the row that the cursor stands on, in a table that it reads.

        Raises SqlError 24000 where it stands on none; None: it doesn't know such rows.
        """
        if self.is_detached:
            message = f'cursor "{self.name}" is held from a previous transaction'
            raise SqlError(errors.INVALID_CURSOR_STATE, message)
        if self.places is None:
            return None
        index = self._position - 1 if self.is_scrollable else len(self.places) - 1
        is_behind = self._is_exhausted and not self.is_scrollable
        if is_behind or not 0 <= index < len(self.places):
            message = f'cursor "{self.name}" is not positioned on a row'
            raise SqlError(errors.INVALID_CURSOR_STATE, message)
        return self.places[index].get(table_oid)

    def result(self) -> Result:
        """The result, begun if it hasn't been."""
        if self._result is None:
            self._result = self._start(self)
        return self._result

    def fetch(self, count: int | None) -> Iterator[tuple]:
        """The next rows, at most `count`; None: all."""
        rows = self._next_rows(count)
        for row in rows:
            self.row_count += 1
            yield row

    def pass_on(self, count: int | None, take: Callable[[Iterator[tuple]], int]) -> None:
        """The same for `take`, which reads them to their end and says how many there were."""
        if self.is_scrollable:
            self.row_count += take(self._scroll_forward(count))
            return
        source = self.result().rows
        made = take(source if count is None else islice(source, count))
        self._position += made
        self.row_count += made
        if count is None or made < count:
            self._is_exhausted = True

    def _next_rows(self, count: int | None) -> Iterator[tuple]:
        if self.is_scrollable:
            yield from self._scroll_forward(count)
            return
        source = self.result().rows
        made = 0
        for row in source if count is None else islice(source, count):
            made += 1
            self._position += 1
            yield row
        if count is None or made < count:
            self._is_exhausted = True

    def _scroll_forward(self, count: int | None) -> Iterator[tuple]:
        passed = 0
        while count is None or passed < count:
            row = self._row_at(self._position)
            if row is None:
                # Behind the last row: one step back leads to it.
                self._position = len(self._kept) + 1
                return
            self._position += 1
            passed += 1
            yield row

    def _row_at(self, index: int) -> tuple | None:
        """The row of this place, from 0; made now if it wasn't yet."""
        if index < 0:
            return None
        while index >= len(self._kept) and not self._is_exhausted:
            row = next(self.result().rows, None)
            if row is None:
                self._is_exhausted = True
            else:
                self._kept.append(row)
        return self._kept[index] if index < len(self._kept) else None

    def fetch_backward(self, count: int | None) -> Iterator[tuple]:
        """Rows in the other direction. Raises SqlError 55000 where the portal can't."""
        self._expect_scrollable()
        passed = 0
        while count is None or passed < count:
            row = self._row_at(self._position - 2)
            if row is None:
                self._position = 0
                return
            self._position -= 1
            passed += 1
            yield row

    def fetch_absolute(self, place: int) -> Iterator[tuple]:
        """The row of a place, from 1; negative: from the end; 0: before the first."""
        if place < 0:
            self._expect_scrollable()
            for _ in self._scroll_forward(None):
                pass
            place = max(0, len(self._kept) + 1 + place)
        if place <= self._position and not (place == 0 == self._position):
            self._expect_scrollable()
            self._position = max(0, place - 1)
        else:
            for _ in self._next_rows(place - 1 - self._position):
                pass
        if place:
            yield from self._next_rows(1)

    def fetch_relative(self, distance: int) -> Iterator[tuple]:
        if distance > 0:
            for _ in self._next_rows(distance - 1):
                pass
            yield from self._next_rows(1)
            return
        self._expect_scrollable()
        if distance == 0:
            row = self._row_at(self._position - 1)
            if row is not None:
                yield row
            return
        yield from list(self.fetch_backward(-distance))[-distance - 1 :]

    def _expect_scrollable(self) -> None:
        if not self.is_scrollable:
            raise SqlError(
                OBJECT_NOT_IN_PREREQUISITE_STATE,
                "cursor can only scan forward",
                hint="Declare it with SCROLL option to enable backward scan.",
            )

    def detach(self) -> None:
        """The transaction commits: make the rest of the rows now, WITH HOLD."""
        result = self.result()
        rest = list(result.rows)
        if self.is_scrollable:
            self._kept += rest
            self._is_exhausted = True
        result.rows = iter(rest)
        self.is_detached = True

    def close(self) -> None:
        """Let go of what the rows come from."""
        if self._result is not None:
            close = getattr(self._result.rows, "close", None)
            if close is not None:
                close()
