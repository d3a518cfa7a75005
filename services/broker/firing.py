"""Firing: submits the task of each schedule whose time has come, once for each run.

The task is stored in the same transaction that moves the schedule on to its next run, and that
fails where the schedule has changed in between. So of two brokers that both believe to lead one
fires, and a broker that dies has either done both or nothing. Each run is stored under an
idempotency key of the schedule and the time, too: a schedule that somebody has set back, or that
kvdb has lost its last seconds of, does not repeat a run.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import repeat

from services.broker import keys, once, uniqueness
from services.broker.clock import Clock
from services.broker.creation import Creation
from services.broker.idempotency import once_for
from services.broker.merging import merged
from services.broker.once import Once
from services.broker.schedules import Schedule, decode_schedule, missed_runs, submission_of
from services.broker.submission import SubmissionError
from services.broker.task_record import TaskRecord, iso_time
from services.common.logs import Log
from services.kvdb.client import Command, KVClient

BATCH = 100


def commands_to_store(schedule: Schedule) -> list[Command]:
    """The schedule as it is from now on, and its place in the index."""
    when = "+inf" if schedule.next_run_ms is None else schedule.next_run_ms
    return [
        ("SET", keys.schedule(schedule.name), schedule.encode()),
        ("ZADD", keys.SCHEDULES, when, schedule.name),
    ]


def idempotency_key(schedule: Schedule, run_ms: int) -> str:
    return f"schedule:{schedule.name}:{iso_time(run_ms)}"


class Firing:
    """A duty of the scheduler."""

    def __init__(
        self,
        kv: KVClient,
        announce: Callable[[Iterable[TaskRecord]], None],
        clock_ms: Clock,
        log: Log,
    ):
        self._kv = kv
        self._creation = Creation(kv)
        self._announce = announce
        self._clock_ms = clock_ms
        self._log = log

    def fire_due(self) -> None:
        now_ms = self._clock_ms()
        due = self._kv.execute("ZRANGEBYSCORE", keys.SCHEDULES, "-inf", now_ms, "LIMIT", 0, BATCH)
        for name in due:
            self._fire(name.decode("utf-8", "replace"), now_ms)

    def _fire(self, name: str, now_ms: int) -> None:
        with self._kv.watch(keys.schedule(name)) as watch:
            schedule = self._readable(name, watch.execute("GET", keys.schedule(name)))
            if schedule is None:
                watch.commit(("ZREM", keys.SCHEDULES, name))
                return
            runs, next_run_ms = missed_runs(schedule, now_ms)
            records = [self._new_record(schedule, now_ms) for _ in runs]
            reasons = list(map(_reasons, repeat(schedule), runs, records))
            names = once.keys_of(reasons)
            known = {}
            if names:
                watch.execute("WATCH", *names)
                known = once.known_tasks(names, watch.execute)
            tasks, commands = once.plan(records, reasons, known)
            after = replace(
                schedule,
                next_run_ms=next_run_ms,
                last_run_ms=runs[-1] if runs else schedule.last_run_ms,
                last_task=tasks[-1].id if tasks else schedule.last_task,
            )
            if watch.commit(*merged(commands), *commands_to_store(after)) is not None:
                self._announce([task for task in tasks if task in records])

    def _new_record(self, schedule: Schedule, now_ms: int) -> TaskRecord:
        (record,) = self._creation.new_records([submission_of(schedule, now_ms)], now_ms)
        return record

    def _readable(self, name: str, document: bytes | None) -> Schedule | None:
        if document is None:
            return None
        try:
            schedule = decode_schedule(document)
            submission_of(schedule, self._clock_ms())
        except (ValueError, SubmissionError) as error:
            self._log.error("a schedule cannot be read", name=name, reason=error)
            return None
        return schedule


def _reasons(schedule: Schedule, run_ms: int, record: TaskRecord) -> list[Once]:
    unique = uniqueness.once_for(record)
    return [once_for(idempotency_key(schedule, run_ms)), *([unique] if unique else [])]
