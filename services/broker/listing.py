"""Lists for people and dashboards: tasks and workflows by page.

Tasks are listed newest first, by when they entered their present state. There is one index for
each state, sorted by that time; a list over several states merges theirs lazily, so a page
costs what it shows, however many tasks there are. A page ends with a cursor, the time and id of
its last task, and the next page begins behind it: it neither repeats nor skips a task that has
kept its state in between. A task that moves while a page is read may be in two indexes at a time,
and is shown once.
"""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from services.broker import keys
from services.broker.states import State
from services.broker.task_record import TaskRecord, decode_if_readable
from services.broker.workflow_record import WorkflowRecord, workflow_if_readable
from services.common.logs import Log
from services.kvdb.client import KVClient

CHUNK = 100
MAX_LIMIT = 1000
MAX_READ = 20_000
"""So many records are read for one page; a filter that fits none of them ends there."""


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in the list of tasks: newest first, so a page goes on with what is smaller."""

    at_ms: int
    id: str

    def __str__(self) -> str:
        return f"{self.at_ms}-{self.id}"


def parse_cursor(text: str) -> Position:
    """Raises ValueError for what is no cursor of ours."""
    at_ms, dash, task_id = text.partition("-")
    if not (dash and task_id and at_ms.isascii() and at_ms.isdecimal() and len(at_ms) < 16):
        raise ValueError("is no cursor that this service has given")
    return Position(int(at_ms), task_id)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which tasks to list; None and empty mean any."""

    states: frozenset[State] = frozenset(State)
    queue: str | None = None
    task: str | None = None

    def fits(self, record: TaskRecord) -> bool:
        return (
            record.state in self.states
            and self.queue in (None, record.options.effective().queue)
            and self.task in (None, record.task)
        )


@dataclass(frozen=True, slots=True)
class Page:
    """Some tasks, and where the next page begins; None after the last one."""

    tasks: list[TaskRecord]
    next_cursor: Position | None


class Listing:
    """Reads only; for any thread."""

    def __init__(self, kv: KVClient, log: Log):
        self._kv = kv
        self._log = log

    def tasks(self, which: Filter, limit: int, cursor: Position | None) -> Page:
        """The next `limit` tasks behind `cursor` that fit."""
        merged = heapq.merge(
            *(self._positions(keys.in_state(state), cursor) for state in which.states),
            reverse=True,
        )
        found: dict[str, TaskRecord] = {}
        read = 0
        for positions in _chunks(merged, CHUNK):
            for position, record in self._records(positions):
                read += 1
                if record is not None and which.fits(record):
                    found[record.id] = record
                if len(found) == limit or read == MAX_READ:
                    return Page(list(found.values()), position)
        return Page(list(found.values()), None)

    def workflows(
        self, limit: int, cursor: Position | None
    ) -> tuple[list[WorkflowRecord], Position | None]:
        """The next `limit` workflows behind `cursor`, and where the page after them begins."""
        found: list[WorkflowRecord] = []
        for positions in _chunks(self._positions(keys.WORKFLOWS, cursor), CHUNK):
            documents = self._kv.execute("MGET", *(keys.workflow(one.id) for one in positions))
            for position, document in zip(positions, documents, strict=True):
                record = workflow_if_readable(document, self._log)
                if record is not None:
                    found.append(record)
                if len(found) == limit:
                    return found, position
        return found, None

    def _positions(self, index: str, cursor: Position | None) -> Iterator[Position]:
        """The entries of one index behind the cursor, newest first, page by page."""
        highest, offset = "+inf" if cursor is None else cursor.at_ms, 0
        while True:
            entries = self._kv.execute(
                "ZREVRANGEBYSCORE",
                index,
                highest,
                "-inf",
                "WITHSCORES",
                "LIMIT",
                offset,
                CHUNK,
            )
            for task_id, score in zip(entries[::2], entries[1::2], strict=True):
                position = Position(int(float(score)), task_id.decode("utf-8", "replace"))
                if cursor is None or position < cursor:
                    yield position
            if len(entries) < 2 * CHUNK:
                return
            offset += CHUNK

    def _records(self, positions: list[Position]) -> Iterator[tuple[Position, TaskRecord | None]]:
        documents = self._kv.execute("MGET", *(keys.record(one.id) for one in positions))
        for position, document in zip(positions, documents, strict=True):
            yield position, decode_if_readable(document, self._log)

    def counts(self) -> dict[str, int]:
        """How many tasks are in each state."""
        replies = self._kv.pipeline(*(("ZCARD", keys.in_state(state)) for state in State))
        return {
            state.value: count if isinstance(count, int) else 0
            for state, count in zip(State, replies, strict=True)
        }


def _chunks(items: Iterable[Position], size: int) -> Iterator[list[Position]]:
    chunk: list[Position] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
