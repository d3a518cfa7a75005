"""How far a running task has come: what it reports, where that is kept, and how it is told.

A report is not a step of the task. It moves nothing, it may come ten times a second, and losing one
loses nothing; so it is kept beside the record (`tasks:progress:ID`), where writing it costs one SET
and no transaction, and it is told on a channel of its own (`tasks:progress`), which only those
listen to who show it.

Only the session that holds the task writes it, and outside of its fenced transactions: one that was
given up may tell something old until it notices, at its next renewal. That harms nothing. The next
report of the attempt that counts overwrites it, and nothing is decided by a report.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from services.broker import keys
from services.broker.task_record import iso_time
from services.kvdb.client import Command

KEPT_MS = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Progress:
    """One report."""

    fraction: float
    """From 0 to 1."""
    message: str
    at_ms: int

    def as_json(self) -> dict[str, object]:
        """As the API shows it."""
        shown = {"fraction": self.fraction, "message": self.message or None}
        return shown | {"at": iso_time(self.at_ms)}


def commands_to_store(reports: Mapping[str, Progress]) -> list[Command]:
    """The last report of each task, by its id."""
    return [
        ("SET", keys.progress(task_id), json.dumps(_document(one)), "PX", KEPT_MS)
        for task_id, one in reports.items()
    ]


def decode_stored(document: bytes | None) -> Progress | None:
    """What is stored of one task; None for nothing, and for what is no report."""
    try:
        return None if document is None else _progress(json.loads(document))
    except (ValueError, RecursionError):
        return None


def encode_progress(reports: Mapping[str, Progress]) -> bytes:
    """A message for `tasks:progress`."""
    told = [{"id": task_id, **_document(one)} for task_id, one in reports.items()]
    return json.dumps(told, separators=(",", ":")).encode()


def _document(progress: Progress) -> dict[str, object]:
    return {"fraction": progress.fraction, "message": progress.message, "at_ms": progress.at_ms}


def _progress(members: object) -> Progress:
    match members:
        case {"fraction": int() | float() as fraction, "at_ms": int(at_ms), **others}:
            return Progress(float(fraction), str(others.get("message") or ""), at_ms)
    raise ValueError("no report of progress")
