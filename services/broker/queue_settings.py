"""Settings of queues, which people change while everything runs: weight, and pause.

    tasks:queue-settings   hash   name → {"weight": 3, "paused": true}

The weight says how many tasks a worker takes from a queue while it takes one from a queue of weight
1 (`services.worker.fair_share`). Of a queue that is paused nothing is started; what runs goes on,
and what is submitted waits.

A pause holds from the moment in which it is answered. Workers that have not heard of it may still
claim a task, but the gate reads the settings under WATCH in the transaction that would start it,
and the task goes back to its place.
# Real: queue pausing in Sidekiq Pro and BullMQ; Celery's cancel_consumer, which each worker
# has to hear.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from services.broker import keys
from services.broker.gates import Gate, TurnedAway, View
from services.broker.task_record import TaskRecord
from services.kvdb.client import Command

MAX_WEIGHT = 1000
READ: Command = ("HGETALL", keys.QUEUE_SETTINGS)


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """Of one queue; None is a weight that nobody has set, which counts as 1."""

    weight: int | None = None
    paused: bool = False

    def encode(self) -> bytes:
        return json.dumps({"weight": self.weight, "paused": self.paused}).encode()


def decode_settings(reply: list[bytes]) -> dict[str, QueueSettings]:
    """Of every queue that has some, from the reply to `READ`."""
    pairs = zip(reply[::2], reply[1::2], strict=True)
    return {name.decode("utf-8", "replace"): _decode(document) for name, document in pairs}


def _decode(document: bytes) -> QueueSettings:
    """What is no settings, because somebody else has written there, counts as none."""
    try:
        stored = json.loads(document)
    except ValueError:
        return QueueSettings()
    match stored:
        case {"weight": int() | None as weight, "paused": bool(paused)}:
            return QueueSettings(weight, paused)
    return QueueSettings()


def is_paused(queue: str, settings: Mapping[str, QueueSettings]) -> bool:
    return queue in settings and settings[queue].paused


class Pausing(Gate):
    """Starts nothing from a paused queue: the task goes back to its place."""

    standing_reads = (READ,)

    def check(self, record: TaskRecord, view: View, now_ms: int) -> TurnedAway | None:
        if view[READ] and is_paused(record.options.effective().queue, decode_settings(view[READ])):
            return TurnedAway(record)
        return None
