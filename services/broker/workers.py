"""The workers as the API sees them: who holds a lease, what each runs, which tasks they know.

A worker is asked nothing. What it says of itself stands in its lease, so one that is silent for
longer than that is not shown any more.
"""

import json

from services.broker import keys
from services.broker.progress import decode_stored
from services.broker.states import State
from services.broker.task_record import decode_if_readable, iso_time
from services.common.logs import Log
from services.kvdb.client import KVClient


class Workers:
    """Reads only; for any thread. Raises ConnectionLost without kvdb."""

    def __init__(self, kv: KVClient, log: Log):
        self._kv = kv
        self._log = log

    def all(self) -> list[dict[str, object]]:
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
        names = [task_id.decode("utf-8", "replace") for task_id in ids]
        found = self._kv.execute("MGET", *map(keys.record, names), *map(keys.progress, names))
        documents, reports = found[: len(names)], found[len(names) :]
        tasks = (decode_if_readable(document, self._log) for document in documents)
        return [
            {
                "id": task.id,
                "task": task.task,
                "queue": task.options.effective().queue,
                "attempts": task.attempts,
                "started_at": iso_time(task.started_at_ms),
                "progress": (told := decode_stored(report)) and told.as_json(),
            }
            for task, report in zip(tasks, reports, strict=True)
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
