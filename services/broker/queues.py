"""Queues as the API sees them: what waits in each, its weight, whether it is paused."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from services.broker import keys, queue_settings
from services.broker.announcer import Announcer
from services.broker.clock import Clock
from services.broker.conflicts import MAX_CONFLICTS, TooManyConflicts
from services.broker.queue_settings import MAX_WEIGHT, QueueSettings, decode_settings
from services.broker.submission import SubmissionError
from services.broker.task_options import OptionError, parse_options
from services.broker.task_record import TaskRecord, decode_if_readable
from services.common.logs import Log
from services.kvdb.client import KVClient


class NoSuchQueue(LookupError):
    """A queue that nobody has ever used or set up."""


@dataclass(frozen=True, slots=True)
class Queue:
    """One queue at one moment."""

    name: str
    by_priority: Mapping[str, int]
    blocked: int
    """So many more wait for a slot of their concurrency key."""
    settings: QueueSettings
    oldest: TaskRecord | None
    """Of those that wait, the one at the front of the list with the highest priority."""

    def as_json(self, now_ms: int) -> dict[str, object]:
        age_s = None if self.oldest is None else (now_ms - self.oldest.entered_at_ms) / 1000
        return {
            "name": self.name,
            "depth": sum(self.by_priority.values()),
            "by_priority": self.by_priority,
            "blocked": self.blocked,
            "weight": self.settings.weight or 1,
            "paused": self.settings.paused,
            "oldest_age_s": None if age_s is None else max(0.0, age_s),
        }


class Queues:
    """For any thread. Raises ConnectionLost without kvdb."""

    def __init__(self, kv: KVClient, announcer: Announcer, clock_ms: Clock, log: Log):
        self._kv = kv
        self._announcer = announcer
        self._clock_ms = clock_ms
        self._log = log

    def all(self) -> list[dict[str, object]]:
        """Every queue that was ever used or set up, by name."""
        return [queue.as_json(self._clock_ms()) for queue in self._read().values()]

    def get(self, name: str) -> dict[str, object]:
        """Raises NoSuchQueue."""
        queues = self._read()
        if name not in queues:
            raise NoSuchQueue(name)
        return queues[name].as_json(self._clock_ms())

    def change(self, name: str, document: object) -> dict[str, object]:
        """Set weight or pause; {"weight": 3, "paused": true}. Raises SubmissionError."""
        weight, paused = _parse(name, document)
        for _ in range(MAX_CONFLICTS):
            with self._kv.watch(keys.QUEUE_SETTINGS) as watch:
                before = decode_settings(watch.execute(*queue_settings.READ))
                after = before.get(name, QueueSettings())
                after = after if weight is None else replace(after, weight=weight)
                after = after if paused is None else replace(after, paused=paused)
                store = ("HSET", keys.QUEUE_SETTINGS, name, after.encode())
                if watch.commit(store) is not None:
                    break
        else:
            raise TooManyConflicts("others keep changing the settings of queues")
        queue = self._read()[name]
        waiting = {f"{name}/{priority}": count for priority, count in queue.by_priority.items()}
        self._announcer.order_look({one: count for one, count in waiting.items() if count})
        return queue.as_json(self._clock_ms())

    def _read(self) -> dict[str, Queue]:
        members, stored, counts = self._kv.pipeline(
            ("SMEMBERS", keys.QUEUES), queue_settings.READ, ("HGETALL", keys.BLOCKED)
        )
        blocked = dict(zip(map(bytes.decode, counts[::2]), map(int, counts[1::2]), strict=True))
        settings = decode_settings(stored)
        lists = sorted(name.decode("utf-8", "replace") for name in members)
        lengths = self._kv.pipeline(*(("LLEN", keys.queue(name)) for name in lists))
        depths: dict[str, dict[str, int]] = {name: {} for name in settings}
        for name, length in zip(lists, lengths, strict=True):
            queue, _, priority = name.rpartition("/")
            depths.setdefault(queue, {})[priority] = length if isinstance(length, int) else 0
        return {
            name: Queue(
                name,
                depths[name],
                blocked.get(name, 0),
                settings.get(name, QueueSettings()),
                self._first(name, depths),
            )
            for name in sorted(depths)
        }

    def _first(self, name: str, depths: Mapping[str, Mapping[str, int]]) -> TaskRecord | None:
        """The task that a worker would claim next."""
        used = [priority for priority, count in depths[name].items() if count]
        if not used:
            return None
        key = keys.queue(f"{name}/{max(used)}")
        task_id = self._kv.execute("LINDEX", key, 0)
        if task_id is None:
            return None
        document = self._kv.execute("GET", keys.record(task_id.decode("utf-8", "replace")))
        return decode_if_readable(document, self._log)


def _parse(name: str, document: object) -> tuple[int | None, bool | None]:
    try:
        parse_options({"queue": name})
    except OptionError as error:
        raise SubmissionError("name", error.reason) from None
    if not isinstance(document, Mapping) or not document:
        raise SubmissionError("body", 'must be an object such as {"weight": 3, "paused": true}')
    for member in document:
        if member not in ("weight", "paused"):
            raise SubmissionError(member, "is not known; there are weight, paused")
    weight, paused = document.get("weight"), document.get("paused")
    is_whole = isinstance(weight, int) and not isinstance(weight, bool)
    if weight is not None and not (is_whole and 1 <= weight <= MAX_WEIGHT):
        raise SubmissionError("weight", f"must be a whole number from 1 to {MAX_WEIGHT}")
    if paused is not None and not isinstance(paused, bool):
        raise SubmissionError("paused", "must be true or false")
    return weight, paused
