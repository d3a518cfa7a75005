"""The schedules as the API sees them: list, look up, write, pause, delete, run now."""

from collections.abc import Mapping
from dataclasses import replace

from services.broker import keys
from services.broker.clock import Clock
from services.broker.conflicts import MAX_CONFLICTS, TooManyConflicts
from services.broker.firing import commands_to_store
from services.broker.schedules import (
    Schedule,
    decode_schedule,
    parse_paused,
    parse_schedule,
    submission_of,
)
from services.broker.submission import SubmissionError
from services.broker.task_queue import TaskQueue
from services.broker.task_record import TaskRecord
from services.kvdb.client import KVClient


class NoSuchSchedule(LookupError):
    """There is no schedule of that name."""


class ScheduleBook:
    """For any thread. Raises ConnectionLost without kvdb."""

    def __init__(self, kv: KVClient, queue: TaskQueue, clock_ms: Clock):
        self._kv = kv
        self._queue = queue
        self._clock_ms = clock_ms

    def all(self) -> list[Schedule]:
        """Every schedule, by name."""
        names = sorted(self._kv.execute("ZRANGE", keys.SCHEDULES, 0, -1))
        if not names:
            return []
        found = self._kv.execute("MGET", *(keys.schedule(name.decode()) for name in names))
        return [decode_schedule(document) for document in found if document is not None]

    def get(self, name: str) -> Schedule:
        """Raises NoSuchSchedule."""
        return _schedule_of(name, self._kv.execute("GET", keys.schedule(name)))

    def put(self, name: str, document: object) -> tuple[Schedule, bool]:
        """Write a schedule; whether it is a new one. Raises SubmissionError.

        One that is there keeps its age and its last run, and counts anew from now.
        """
        wanted = parse_schedule(name, document, self._clock_ms())
        for _ in range(MAX_CONFLICTS):
            with self._kv.watch(keys.schedule(name)) as watch:
                stored = watch.execute("GET", keys.schedule(name))
                schedule = wanted
                if stored is not None:
                    before = decode_schedule(stored)
                    schedule = replace(
                        wanted,
                        created_at_ms=before.created_at_ms,
                        last_run_ms=before.last_run_ms,
                        last_task=before.last_task,
                    )
                if watch.commit(*commands_to_store(schedule)) is not None:
                    return schedule, stored is None
        raise TooManyConflicts(f"others keep changing the schedule {name}")

    def change(self, name: str, document: object) -> Schedule:
        """Pause a schedule, or let it go on. Raises NoSuchSchedule and SubmissionError.

        What it would have done while it was paused is not made up for.
        """
        if not isinstance(document, Mapping) or set(document) != {"paused"}:
            raise SubmissionError("body", 'must be {"paused": true} or {"paused": false}')
        paused = parse_paused(document)
        for _ in range(MAX_CONFLICTS):
            with self._kv.watch(keys.schedule(name)) as watch:
                before = _schedule_of(name, watch.execute("GET", keys.schedule(name)))
                if before.paused == paused:
                    return before
                next_run_ms = None if paused else before.next_after(self._clock_ms())
                after = replace(before, paused=paused, next_run_ms=next_run_ms)
                if watch.commit(*commands_to_store(after)) is not None:
                    return after
        raise TooManyConflicts(f"others keep changing the schedule {name}")

    def delete(self, name: str) -> None:
        """Raises NoSuchSchedule."""
        deleted, _ = self._kv.transaction(
            ("DEL", keys.schedule(name)), ("ZREM", keys.SCHEDULES, name)
        )
        if not deleted:
            raise NoSuchSchedule(name)

    def run(self, name: str) -> TaskRecord:
        """Submit its task now, beside its regular runs. Raises NoSuchSchedule."""
        schedule = self.get(name)
        ((record, _),) = self._queue.submit([submission_of(schedule, self._clock_ms())])
        return record


def _schedule_of(name: str, document: bytes | None) -> Schedule:
    if document is None:
        raise NoSuchSchedule(name)
    return decode_schedule(document)
