"""Schedules: a task that is to be submitted again and again.

    {"task": "report", "args": ["daily"], "cron": "30 6 * * mon-fri", "timezone": "Europe/Berlin"}
    {"task": "poll", "every": 10}

A schedule is one document in kvdb, and `next_run_ms` in it is the truth about what comes next; the
index `tasks:schedules` says where to look. `every` counts from run to run, not from when somebody
got round to it, so nothing drifts.

**Runs that were missed**, because no broker was there: each run of the last `GRACE_S` is made up
for, so a leader that dies takes none with it. For all that is older, `catch_up: once` makes one
run, if no newer one is made anyway, and `skip` none.
# Real: beat entries in Celery; misfire policies of Quartz and APScheduler.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from enum import Enum
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from services.broker.cron import Cron, CronError, parse_cron
from services.broker.submission import Submission, SubmissionError, parse_submission
from services.broker.task_options import NAME, duration_s
from services.broker.task_record import iso_time

GRACE_S = 10
MIN_EVERY_S = 1.0
_OWN_MEMBERS = ("every", "cron", "timezone", "catch_up", "paused")
_SUBMISSION_MEMBERS = ("task", "args", "kwargs", "options")
# What would be the same for each run makes no sense for several.
_NOT_FOR_SCHEDULES = ("eta", "idempotency_key")


class CatchUp(Enum):
    """What becomes of runs that nobody was there for."""

    ONCE = "once"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Schedule:
    """One schedule, as it is stored."""

    name: str
    submission: Mapping[str, object]
    """What is submitted at each run: task, args, kwargs, options, as the API takes them."""
    created_at_ms: int
    changed_at_ms: int
    """`every` counts from here."""
    every_s: float | None = None
    cron: str | None = None
    timezone: str = "UTC"
    catch_up: CatchUp = CatchUp.ONCE
    paused: bool = False
    next_run_ms: int | None = None
    """None while it is paused."""
    last_run_ms: int | None = None
    last_task: str | None = None

    def next_after(self, moment_ms: int) -> int | None:
        """The first run after a moment."""
        if self.cron is not None:
            return _parsed(self.cron).next_after(moment_ms, _zone(self.timezone))
        every_ms = round(self.every_s * 1000)
        runs = max(0, (moment_ms - self.changed_at_ms) // every_ms) + 1
        return self.changed_at_ms + runs * every_ms

    def encode(self) -> bytes:
        document = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return json.dumps(document | {"catch_up": self.catch_up.value}).encode()

    def as_json(self) -> dict[str, object]:
        """The schedule as the API shows it."""
        return {
            "name": self.name,
            **self.submission,
            "every": self.every_s,
            "cron": self.cron,
            "timezone": self.timezone,
            "catch_up": self.catch_up.value,
            "paused": self.paused,
            "next_run": iso_time(self.next_run_ms),
            "last_run": iso_time(self.last_run_ms),
            "last_task": self.last_task,
            "created_at": iso_time(self.created_at_ms),
        }


def decode_schedule(document: bytes) -> Schedule:
    """Raises ValueError for what is no schedule."""
    try:
        stored = json.loads(document)
        return Schedule(**stored | {"catch_up": CatchUp(stored["catch_up"])})
    except (TypeError, KeyError) as error:
        raise ValueError(f"not a schedule: {error}") from error


def parse_schedule(name: str, document: object, now_ms: int) -> Schedule:
    """A new schedule from the body of a request. Raises SubmissionError."""
    if not NAME.fullmatch(name):
        raise SubmissionError("name", "must be 1 to 64 letters, digits, dots, dashes, underscores")
    if not isinstance(document, Mapping):
        raise SubmissionError("body", 'must be an object such as {"task": "echo", "every": 60}')
    for member in document:
        if member not in _OWN_MEMBERS + _SUBMISSION_MEMBERS:
            known = ", ".join(_SUBMISSION_MEMBERS + _OWN_MEMBERS)
            raise SubmissionError(member, f"is not known; there are {known}")
    schedule = Schedule(
        name=name,
        submission=_submission(document, now_ms),
        created_at_ms=now_ms,
        changed_at_ms=now_ms,
        every_s=_every_s(document),
        cron=_cron(document),
        timezone=_timezone(document),
        catch_up=_catch_up(document),
        paused=parse_paused(document),
    )
    first_run_ms = schedule.next_after(now_ms)
    if first_run_ms is None:
        raise SubmissionError("cron", "names a date that never comes")
    return schedule if schedule.paused else replace(schedule, next_run_ms=first_run_ms)


def submission_of(schedule: Schedule, now_ms: int) -> Submission:
    """What one run submits."""
    return replace(parse_submission(schedule.submission, now_ms), schedule=schedule.name)


def missed_runs(schedule: Schedule, now_ms: int) -> tuple[list[int], int | None]:
    """The runs to make now, and when the next one is.

    Walks from run to run only within the grace: whoever was away for a year has no year to walk.
    """
    next_ms = schedule.next_run_ms
    if next_ms is None or next_ms > now_ms:
        return [], next_ms
    recent_from_ms = now_ms - GRACE_S * 1000
    older_ms = None
    if next_ms < recent_from_ms:
        older_ms = next_ms
        next_ms = schedule.next_after(recent_from_ms - 1)
    runs = []
    while next_ms is not None and next_ms <= now_ms:
        runs.append(next_ms)
        next_ms = schedule.next_after(next_ms)
    if not runs and older_ms is not None and schedule.catch_up is CatchUp.ONCE:
        runs.append(older_ms)
    return runs, next_ms


def parse_paused(document: Mapping[str, object]) -> bool:
    paused = document.get("paused", False)
    if not isinstance(paused, bool):
        raise SubmissionError("paused", "must be true or false")
    return paused


def _zone(name: str) -> tzinfo:
    """UTC needs no time zone database, which small systems do without."""
    return UTC if name == "UTC" else ZoneInfo(name)


@lru_cache(maxsize=1000)
def _parsed(line: str) -> Cron:
    return parse_cron(line)


def _submission(document: Mapping[str, object], now_ms: int) -> dict[str, object]:
    submission = {name: document[name] for name in _SUBMISSION_MEMBERS if name in document}
    options = submission.get("options")
    for name in _NOT_FOR_SCHEDULES:
        if isinstance(options, Mapping) and options.get(name) is not None:
            raise SubmissionError(f"options.{name}", "would be the same for each run")
    parse_submission(submission, now_ms)
    return submission


def _every_s(document: Mapping[str, object]) -> float | None:
    every, cron = document.get("every"), document.get("cron")
    if (every is None) == (cron is None):
        raise SubmissionError("every", "or cron must be given, and not both")
    try:
        return None if every is None else duration_s(every, MIN_EVERY_S)
    except ValueError as reason:
        raise SubmissionError("every", str(reason)) from None


def _cron(document: Mapping[str, object]) -> str | None:
    line = document.get("cron")
    if line is None:
        return None
    if not isinstance(line, str):
        raise SubmissionError("cron", "must be a text such as */5 9-17 * * mon-fri")
    try:
        parse_cron(line)
    except CronError as reason:
        raise SubmissionError("cron", str(reason)) from None
    return line


def _timezone(document: Mapping[str, object]) -> str:
    name = document.get("timezone")
    if name is None:
        return "UTC"
    if document.get("cron") is None:
        raise SubmissionError("timezone", "means something with cron only")
    try:
        _zone(name)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        # Also a directory of the time zone database, or a path that leads out of it.
        raise SubmissionError("timezone", "must be a time zone such as Europe/Berlin") from None
    return name


def _catch_up(document: Mapping[str, object]) -> CatchUp:
    try:
        return CatchUp(document.get("catch_up", "once"))
    except ValueError:
        raise SubmissionError("catch_up", "must be once or skip") from None
