"""Many tasks at once: requeue, purge or cancel all that fit a filter. What a person does about a
dead-letter queue, and about a thousand tasks that should never have been submitted.

The tasks are found by the index of their states, newest first, and changed in batches, each batch
in one transaction. A task that has made a step in between is judged anew by its record.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from services.broker.announcer import Announcer
from services.broker.batch import Change, change_each
from services.broker.clock import Clock
from services.broker.listing import Filter, Listing
from services.broker.places import commands_to_delete
from services.broker.states import ALLOWED, FINAL, State
from services.broker.submission import SubmissionError
from services.broker.task_queue import cancelled, requeued
from services.broker.task_record import TaskRecord
from services.common.logs import Log
from services.kvdb.client import KVClient

DEFAULT_LIMIT = 1000
MAX_LIMIT = 10_000
_CHOICES = ("state", "queue", "task", "ids")
_MEMBERS = (*_CHOICES, "limit")
_UNFINISHED = frozenset(State) - FINAL
_REQUEUED = frozenset(state for state in FINAL if State.QUEUED in ALLOWED[state])


@dataclass(frozen=True, slots=True)
class Selection:
    """Which tasks, and how many of them at most."""

    which: Filter
    limit: int
    ids: Sequence[str] | None = None


class Bulk:
    """For any thread. Raises ConnectionLost without kvdb."""

    def __init__(
        self,
        kv: KVClient,
        listing: Listing,
        announcer: Announcer,
        clock_ms: Clock,
        log: Log,
    ):
        self._kv = kv
        self._listing = listing
        self._announcer = announcer
        self._clock_ms = clock_ms
        self._log = log

    def requeue(self, document: object) -> dict[str, object]:
        """Queue finished tasks again, with all their retries."""
        selection = parse_selection(document, _REQUEUED, frozenset({State.DEAD}))
        return self._change(selection, lambda task: requeued(task, self._clock_ms()))

    def purge(self, document: object) -> dict[str, object]:
        """Delete finished tasks, with their results."""
        selection = parse_selection(document, FINAL, frozenset({State.DEAD}))
        return self._change(selection, lambda task: Change(commands_to_delete(task)))

    def cancel(self, document: object) -> dict[str, object]:
        """Cancel tasks that wait, and have those stopped that run."""
        waiting = _UNFINISHED - {State.RUNNING}
        selection = parse_selection(document, _UNFINISHED, waiting)
        if all(document.get(name) is None for name in _CHOICES):
            # A filter that was forgotten must not cancel all that waits.
            raise SubmissionError("body", f"must say which tasks, by {', '.join(_CHOICES)}")
        return self._change(selection, lambda task: cancelled(task, self._clock_ms()))

    def _change(
        self, selection: Selection, decide: Callable[[TaskRecord], Change]
    ) -> dict[str, object]:
        def change(task_id: str, task: TaskRecord | None) -> Change:
            return decide(task) if task and selection.which.fits(task) else Change()

        ids, more = self._ids(selection)
        count = 0
        for done in change_each(self._kv, ids, change, self._log):
            count += sum(1 for one in done if one.commands)
            self._announcer.announce([one.after for one in done if one.after is not None])
        return {"changed": count, "more": more}

    def _ids(self, selection: Selection) -> tuple[list[str], bool]:
        if selection.ids is not None:
            return list(selection.ids), False
        page = self._listing.tasks(selection.which, selection.limit, None)
        return [task.id for task in page.tasks], page.next_cursor is not None


def parse_selection(
    document: object, allowed: frozenset[State], default: frozenset[State]
) -> Selection:
    """From the body of a request. Raises SubmissionError."""
    if not isinstance(document, Mapping):
        raise SubmissionError("body", 'must be an object such as {"state": "dead"}')
    for member in document:
        if member not in _MEMBERS:
            raise SubmissionError(member, f"is not known; there are {', '.join(_MEMBERS)}")
    ids = document.get("ids")
    if ids is not None:
        _check_ids(ids)
        # Named one by one, they may be in any state that this can be done in.
        default = allowed
    limit = document.get("limit", DEFAULT_LIMIT)
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MAX_LIMIT:
        raise SubmissionError("limit", f"must be a whole number from 1 to {MAX_LIMIT}")
    which = Filter(
        states=_states(document.get("state"), allowed) or default,
        queue=_text(document, "queue"),
        task=_text(document, "task"),
    )
    return Selection(which, limit, ids)


def _check_ids(ids: object) -> None:
    if not isinstance(ids, list) or not 0 < len(ids) <= MAX_LIMIT:
        raise SubmissionError("ids", f"must be an array of 1 to {MAX_LIMIT} ids")
    if not all(isinstance(one, str) for one in ids):
        raise SubmissionError("ids", "must be texts")


def _states(value: object, allowed: frozenset[State]) -> frozenset[State]:
    names = [value] if isinstance(value, str) else value
    if names is None:
        return frozenset()
    choices = ", ".join(sorted(state.value for state in allowed))
    by_name = {state.value: state for state in allowed}
    if (
        not isinstance(names, list)
        or not names
        or not all(isinstance(name, str) and name in by_name for name in names)
    ):
        raise SubmissionError("state", f"must be one or several of {choices}")
    return frozenset(by_name[name] for name in names)


def _text(document: Mapping[str, object], member: str) -> str | None:
    value = document.get(member)
    if value is not None and not isinstance(value, str):
        raise SubmissionError(member, "must be a text")
    return value or None
