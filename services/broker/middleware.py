"""The named points at which rules are hooked into the delivery of tasks.

The core (`delivery`, `opening`, `reaper`) knows how a task moves from place to place without
being lost. Whether it is tried again, has expired, or must not run twice is none of its
business: each such rule is a `Middleware` in a file of its own, and the core asks them in
order. The first that has an opinion gives the verdict; without any, the default holds.

    hook            asked by   when                                        default
    before_start    a worker   it has claimed the task, not started it     running
    after_failure   a worker   an attempt has raised or has been stopped   failed
    after_loss      a broker   the worker that ran it has died             queued, in front

Rules that have to look at more than the record are `gates`. What a rule keeps beside the records
changes with them in `consequences`.

Hooks are pure functions of the record, the time and a random number: they can be tested without
a store, and asked again when a transaction has to be repeated.
# Real: dramatiq's middleware; Celery has the same rules inside its task and request classes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from services.broker.gates import NO_GATES, Gates
from services.broker.states import State
from services.broker.task_record import TaskError, TaskRecord


@dataclass(frozen=True, slots=True)
class Verdict:
    """Where the task goes instead, and why, in words for its history."""

    state: State
    detail: str | None = None
    due_at_ms: int | None = None
    """For a state that waits for its time."""


class Middleware:
    """A rule: override the hooks that it has an opinion at; None is no opinion."""

    def before_start(self, record: TaskRecord, now_ms: int) -> Verdict | None:
        return None

    def after_failure(
        self, record: TaskRecord, error: TaskError, now_ms: int, chance: float
    ) -> Verdict | None:
        """`chance` is a random number from 0 to 1, for whatever is to be spread."""
        return None

    def after_loss(self, record: TaskRecord, now_ms: int) -> Verdict | None:
        return None


@dataclass(frozen=True, slots=True)
class Rules:
    """An ordered list of middleware, asked as one."""

    middleware: Sequence[Middleware] = ()
    gates: Gates = NO_GATES

    def before_start(self, record: TaskRecord, now_ms: int) -> Verdict:
        return _first(
            (rule.before_start(record, now_ms) for rule in self.middleware),
            Verdict(State.RUNNING),
        )

    def after_failure(
        self, record: TaskRecord, error: TaskError, now_ms: int, chance: float
    ) -> Verdict:
        return _first(
            (rule.after_failure(record, error, now_ms, chance) for rule in self.middleware),
            Verdict(State.FAILED, str(error)),
        )

    def after_loss(self, record: TaskRecord, now_ms: int) -> Verdict:
        return _first(
            (rule.after_loss(record, now_ms) for rule in self.middleware),
            Verdict(State.QUEUED, f"{record.worker} was lost while it ran"),
        )


def _first(opinions: Iterable[Verdict | None], default: Verdict) -> Verdict:
    return next((opinion for opinion in opinions if opinion is not None), default)
