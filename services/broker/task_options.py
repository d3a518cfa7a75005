"""What one may ask for when submitting a task: the options, their bounds, and where they come from.

Three layers answer for each option, and the first one that says something wins:

    the submission        {"options": {"retries": 3}}     what this caller wants
    the task's definition  @task(retries=5, timeout=60)   what its author wants
    DEFAULTS                                              what holds when nobody says anything

An option that a layer leaves open is None. The broker fills in what it knows of the definition
when a task is submitted (the workers announce their definitions); the worker, which certainly
knows it, fills in the rest when it starts the task. So a task can be submitted before any worker
that knows it has ever run.

Names and units are those of the API: durations are seconds, times are ISO 8601.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from enum import Enum
from functools import lru_cache

MAX_DURATION_S = 366 * 24 * 3600.0
MAX_KEY_LENGTH = 200
PERIODS_S = {"s": 1, "m": 60, "h": 3600}
NAME = re.compile(r"[A-Za-z0-9_.\-]{1,64}")
"""Of a queue, or of a schedule: it stands in keys and in paths as it is."""
_RATE = re.compile(r"([1-9][0-9]{0,5})/([smh])")


class Delivery(Enum):
    """What happens to a task whose worker died while it ran."""

    AT_LEAST_ONCE = "at_least_once"
    """It runs again: its effects may happen twice."""
    AT_MOST_ONCE = "at_most_once"
    """It does not: its effects may not have happened."""


class OptionError(ValueError):
    """An option that is not what it must be; `option` is its name in the API."""

    def __init__(self, option: str, reason: str):
        super().__init__(f"{option} {reason}")
        self.option = option
        self.reason = reason


@dataclass(frozen=True, slots=True)
class RateLimit:
    """So many in each period; written `10/s`, `100/m`, `5/h`."""

    count: int
    period: str

    @property
    def interval_ms(self) -> float:
        """The time from one start to the next."""
        return PERIODS_S[self.period] * 1000 / self.count

    def __str__(self) -> str:
        return f"{self.count}/{self.period}"


@dataclass(frozen=True, slots=True)
class TaskOptions:
    """One layer of options; None is what it leaves open."""

    queue: str | None = None
    priority: int | None = None
    """0 to 9; of one queue, those with the highest number go first."""
    retries: int | None = None
    """How many attempts may follow the first one."""
    retry_delay_s: float | None = None
    retry_max_delay_s: float | None = None
    timeout_s: float | None = None
    """How long one attempt may run before its process is killed."""
    soft_timeout_s: float | None = None
    """How long until `SoftTimeout` is raised inside the task, so that it can clean up."""
    expires_s: float | None = None
    """Counted from the submission: not started by then, it never runs."""
    delivery: Delivery | None = None
    result_ttl_s: float | None = None
    """How long the record is kept after the end."""
    rate_limit: RateLimit | None = None
    """How often tasks of this name may be started, by all workers together."""
    unique_for_s: float | None = None
    """The same task with the same arguments is not submitted again so soon."""
    concurrency_key: str | None = None
    """Tasks with the same key share slots; without one, those of the same name do."""
    concurrency_limit: int | None = None
    """How many slots there are, so how many of these tasks run at the same time."""

    def filled_from(self, layer: "TaskOptions") -> "TaskOptions":
        """These options, and where they say nothing, those of the layer below."""
        return _filled(self, layer)

    def effective(self) -> "TaskOptions":
        """With nothing left open but what may be absent: limits, and what sets tasks apart."""
        return self.filled_from(DEFAULTS)

    def slot_key(self, task: str) -> str | None:
        """The key whose slots a task of this name needs; None where it needs none."""
        return self.concurrency_key or (None if self.concurrency_limit is None else task)

    def as_json(self) -> dict[str, object]:
        """By the names of the API, without what is left open."""
        shown = {}
        for api_name, field in OPTIONS.items():
            value = getattr(self, field.attribute)
            if value is not None:
                shown[api_name] = field.show(value)
        return shown


_FIELD_NAMES = tuple(field.name for field in fields(TaskOptions))


@lru_cache(maxsize=4096)
def _filled(options: TaskOptions, layer: TaskOptions) -> TaskOptions:
    """Of many tasks the options are the same: remembered, this takes 1.5 µs instead of 17."""
    missing = {
        name: getattr(layer, name)
        for name in _FIELD_NAMES
        if getattr(options, name) is None and getattr(layer, name) is not None
    }
    return replace(options, **missing) if missing else options


DEFAULTS = TaskOptions(
    queue="default",
    priority=5,
    retries=0,
    retry_delay_s=1.0,
    retry_max_delay_s=600.0,
    timeout_s=300.0,
    delivery=Delivery.AT_LEAST_ONCE,
    result_ttl_s=24 * 3600.0,
)


def _whole(minimum: int, maximum: int) -> Callable[[object], int]:
    def parse(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError("must be a whole number")
        if not minimum <= value <= maximum:
            raise ValueError(f"must be from {minimum} to {maximum}")
        return value

    return parse


def duration_s(value: object, minimum: float = 0.0) -> float:
    """A JSON number of seconds; raises ValueError with the reason."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number of seconds")
    if not minimum <= value <= MAX_DURATION_S:
        raise ValueError(f"must be from {minimum:g} to {MAX_DURATION_S:.0f} seconds")
    return float(value)


def _time_limit(value: object) -> float:
    return duration_s(value, 0.001)


def _name(value: object) -> str:
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise ValueError("must be 1 to 64 letters, digits, dots, dashes or underscores")
    return value


def _delivery(value: object) -> Delivery:
    try:
        return Delivery(value)
    except ValueError:
        choices = " or ".join(delivery.value for delivery in Delivery)
        raise ValueError(f"must be {choices}") from None


def _rate_limit(value: object) -> RateLimit:
    found = _RATE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("must be of the form 10/s, 100/m or 5/h, with at most 999999")
    return RateLimit(int(found[1]), found[2])


def _key(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_KEY_LENGTH:
        raise ValueError(f"must be a text of 1 to {MAX_KEY_LENGTH} characters")
    if not value.isprintable():
        raise ValueError("must be printable")
    return value


def timestamp_ms(value: object) -> int:
    """A point in time, ISO 8601 with its offset, as milliseconds; ValueError with the reason."""
    if not isinstance(value, str):
        raise ValueError("must be a time such as 2026-11-23T09:30:00Z")
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("must be a time such as 2026-11-23T09:30:00Z") from None
    if moment.tzinfo is None:
        # Nine o'clock where? The broker may stand in another time zone than the caller.
        raise ValueError("must say its offset from UTC, such as Z or +01:00")
    return round(moment.timestamp() * 1000)


@dataclass(frozen=True, slots=True)
class OptionField:
    """Where an option is kept, and how its JSON value is checked (ValueError with a reason)."""

    attribute: str
    parse: Callable[[object], object]
    show: Callable[[object], object] = lambda value: value
    """Back to JSON."""


OPTIONS: Mapping[str, OptionField] = {
    "queue": OptionField("queue", _name),
    "priority": OptionField("priority", _whole(0, 9)),
    "retries": OptionField("retries", _whole(0, 1000)),
    "retry_delay": OptionField("retry_delay_s", duration_s),
    "retry_max_delay": OptionField("retry_max_delay_s", duration_s),
    "timeout": OptionField("timeout_s", _time_limit),
    "soft_timeout": OptionField("soft_timeout_s", _time_limit),
    "expires": OptionField("expires_s", duration_s),
    "delivery": OptionField("delivery", _delivery, lambda delivery: delivery.value),
    "result_ttl": OptionField("result_ttl_s", duration_s),
    "rate_limit": OptionField("rate_limit", _rate_limit, str),
    "unique_for": OptionField("unique_for_s", _time_limit),
    "concurrency_key": OptionField("concurrency_key", _key),
    "concurrency_limit": OptionField("concurrency_limit", _whole(1, 1000)),
}


def parse_options(given: Mapping[str, object]) -> TaskOptions:
    """Options by their names in the API; null is the same as leaving one out.

    Raises OptionError for a name that is none and for a value that does not fit.
    """
    values = {}
    for name, value in given.items():
        field = OPTIONS.get(name)
        if field is None:
            raise OptionError(name, f"is no option; there are {', '.join(OPTIONS)}")
        if value is not None:
            try:
                values[field.attribute] = field.parse(value)
            except ValueError as reason:
                raise OptionError(name, str(reason)) from None
    return TaskOptions(**values)
