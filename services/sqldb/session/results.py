"""What a statement gives: columns, rows and the words of CommandComplete."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.sqldb.transactions.transaction import State
from services.sqldb.types import SqlType

if TYPE_CHECKING:
    from services.sqldb.transactions.mvcc import Snapshot
    from services.sqldb.transactions.transaction import Transaction


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """One column of RowDescription."""

    name: str
    type: SqlType
    typmod: int = -1
    table_oid: int = 0
    attribute: int = 0


class Result:
    """A statement that is being run, or has been.

    `columns` None: no rows, not even none of them. `rows` are made while they are read; `tag` is
    right when they are at their end. With `counts_rows` the tag gets their number: SELECT 3.
    """

    __slots__ = ("columns", "counts_rows", "is_streaming", "rows", "tag")

    def __init__(
        self,
        tag: str,
        columns: tuple[ResultColumn, ...] | None = None,
        rows: Iterable[tuple] = (),
        *,
        counts_rows: bool = False,
        is_streaming: bool = False,
    ):
        self.tag = tag
        self.columns = columns
        self.rows: Iterator[tuple] = iter(rows)
        self.counts_rows = counts_rows
        # Whether reading the rows is what runs the statement.
        self.is_streaming = is_streaming

    def tag_for(self, count: int) -> str:
        return f"{self.tag} {count}" if self.counts_rows else self.tag


def ending(rows: Iterator[tuple], transaction: Transaction) -> Iterator[tuple]:
    """The rows of a statement; it ends with the last one."""
    yield from rows
    transaction.end_statement()


def letting_go(
    rows: Iterator[tuple], transaction: Transaction, snapshot: Snapshot
) -> Iterator[tuple]:
    """The rows of a cursor; its snapshot is held until they end or are given up."""
    try:
        yield from rows
    finally:
        if transaction.state is State.ACTIVE:
            transaction.let_go(snapshot)
