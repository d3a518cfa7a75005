"""Lists for people and dashboards: tasks by page, queues, workers, definitions.

Tasks are listed newest first, by when they entered their present state. There is one index for
each state, sorted by that time; a list over several states merges theirs lazily, so a page
costs what it shows, however many tasks there are. A page ends with a cursor, the time and id of
its last task, and the next page begins behind it: it neither repeats nor skips a task that has
kept its state in between.
"""

import heapq
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from services.broker import keys
from services.broker.states import State
from services.broker.task_record import TaskRecord, decode_if_readable, iso_time
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

    # Tasks.

    def tasks(self, which: Filter, limit: int, cursor: Position | None) -> Page:
        """The next `limit` tasks behind `cursor` that fit."""
        merged = heapq.merge(
            *(self._positions(state, cursor) for state in which.states), reverse=True
        )
        found: list[TaskRecord] = []
        read = 0
        for positions in _chunks(merged, CHUNK):
            for position, record in self._records(positions):
                read += 1
                if record is not None and which.fits(record):
                    found.append(record)
                if len(found) == limit or read == MAX_READ:
                    return Page(found, position)
        return Page(found, None)

    def _positions(self, state: State, cursor: Position | None) -> Iterator[Position]:
        """The entries of one state's index behind the cursor, newest first, page by page."""
        highest, offset = "+inf" if cursor is None else cursor.at_ms, 0
        while True:
            entries = self._kv.execute(
                "ZREVRANGEBYSCORE",
                keys.in_state(state),
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

    # Queues and workers.

    def queues(self) -> list[dict[str, object]]:
        """Each queue with its depth, in all and by priority."""
        names = sorted(
            name.decode("utf-8", "replace") for name in self._kv.execute("SMEMBERS", keys.QUEUES)
        )
        lengths = self._kv.pipeline(*(("LLEN", keys.queue(name)) for name in names))
        queues: dict[str, dict[str, int]] = {}
        for name, length in zip(names, lengths, strict=True):
            queue, _, priority = name.rpartition("/")
            queues.setdefault(queue, {})[priority] = length if isinstance(length, int) else 0
        return [
            {"name": queue, "depth": sum(lists.values()), "by_priority": lists}
            for queue, lists in queues.items()
        ]

    def counts(self) -> dict[str, int]:
        """How many tasks are in each state."""
        replies = self._kv.pipeline(*(("ZCARD", keys.in_state(state)) for state in State))
        return {
            state.value: count if isinstance(count, int) else 0
            for state, count in zip(State, replies, strict=True)
        }

    def workers(self) -> list[dict[str, object]]:
        """The vital signs of each worker that holds a lease, and what it runs at this moment."""
        sessions = [
            session.decode("utf-8", "replace")
            for session in self._kv.execute("SMEMBERS", keys.SESSIONS)
        ]
        if not sessions:
            return []
        reports = self._kv.execute("MGET", *map(keys.lease, sessions))
        workers = [
            worker | {"running": self._running(session)}
            for session, report in zip(sessions, reports, strict=True)
            if (worker := _object(report)) is not None
        ]
        return sorted(workers, key=lambda worker: str(worker.get("name")))

    def _running(self, session: str) -> list[dict[str, object]]:
        ids = self._kv.execute("LRANGE", keys.claimed(session), 0, -1)
        if not ids:
            return []
        names = [keys.record(task_id.decode("utf-8", "replace")) for task_id in ids]
        found = (
            decode_if_readable(document, self._log) for document in self._kv.execute("MGET", *names)
        )
        return [
            {"id": task.id, "task": task.task, "started_at": iso_time(task.started_at_ms)}
            for task in found
            if task is not None and task.state is State.RUNNING
        ]

    def definitions(self) -> dict[str, dict[str, object]]:
        """Every task that a worker has announced, with the options of its definition."""
        stored = self._kv.execute("HGETALL", keys.DEFINITIONS)
        pairs = zip(stored[::2], stored[1::2], strict=True)
        return {
            name.decode("utf-8", "replace"): _object(options) or {}
            for name, options in sorted(pairs)
        }


def _object(document: bytes | None) -> dict[str, object] | None:
    """A JSON object; None for what is none."""
    try:
        value = json.loads(document or b"null")
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _chunks(items: Iterable[Position], size: int) -> Iterator[list[Position]]:
    chunk: list[Position] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
