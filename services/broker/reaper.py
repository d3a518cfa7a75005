"""The reaper: takes the tasks of a worker that died, and puts them where others find them.

A session whose lease is gone has not been heard of for the whole length of it. Its fence and its
claimed list are deleted, and its tasks moved, in one transaction that watches all of them: if the
worker renews its lease or finishes a task in the very moment, nothing is done. From then on no
transaction of that session goes through (see `delivery`).
"""

import json
from collections.abc import Callable, Sequence

from services.broker import keys
from services.broker.clock import Clock
from services.broker.merging import merged
from services.broker.middleware import Rules
from services.broker.outcomes import after_loss, cancelled_instead
from services.broker.places import commands_to_move
from services.broker.states import State
from services.broker.task_record import TaskRecord, decode_if_readable
from services.common.logs import Log
from services.kvdb.client import Command, KVClient, Watch


class Reaper:
    """Looks after every session; `look` is called again and again, by the leading broker."""

    def __init__(
        self,
        kv: KVClient,
        rules: Rules,
        clock_ms: Clock,
        monotonic_s: Callable[[], float],
        log: Log,
    ):
        self._kv = kv
        self._rules = rules
        self._clock_ms = clock_ms
        self._monotonic_s = monotonic_s
        self._log = log
        self._watching_since_s = monotonic_s()

    def start_over(self) -> None:
        """kvdb was away, or somebody else was the reaper: what was missed tells nothing.

        Leases ran out while nobody could renew them. Each session gets one lease of time from now.
        """
        self._watching_since_s = self._monotonic_s()

    def look(self) -> list[TaskRecord]:
        """Reap every session whose lease is gone; the steps of its tasks, to be announced."""
        sessions = [name.decode() for name in self._kv.execute("SMEMBERS", keys.SESSIONS)]
        if not sessions:
            return []
        leases = self._kv.execute("MGET", *map(keys.lease, sessions))
        steps: list[TaskRecord] = []
        for session, lease in zip(sessions, leases, strict=True):
            if lease is None:
                steps += self._reap(session)
        return steps

    def _reap(self, session: str) -> list[TaskRecord]:
        lists = (keys.lease(session), keys.fence(session), keys.claimed(session))
        with self._kv.watch(*lists) as watch:
            lease, facts = watch.execute("MGET", *lists[:2])
            if lease is not None or not self._is_patience_over(facts):
                return []
            ids = [task_id.decode() for task_id in watch.execute("LRANGE", lists[2], 0, -1)]
            found = self._read(watch, list(dict.fromkeys(ids)))
            moves = [self._move(record, session, is_unwanted) for record, is_unwanted in found]
            commands = [command for _, commands in moves for command in commands]
            end = [("DEL", *lists), ("SREM", keys.SESSIONS, session)]
            if watch.commit(*merged(commands), *end) is None:
                return []  # It lives, or another broker was faster: the next look will tell.
        self._log.warning("a worker was lost", session=session, tasks=len(found))
        return [after for after, commands in moves if commands]

    def _is_patience_over(self, facts: bytes | None) -> bool:
        """Whether we have been watching for a whole lease of this session."""
        if facts is None:
            return True  # Its fence is gone already: what is left is the rest of a session.
        try:
            lease_ms = json.loads(facts)["lease_ms"]
        except (ValueError, KeyError, TypeError):
            return True
        return self._monotonic_s() - self._watching_since_s > lease_ms / 1000

    def _read(self, watch: Watch, ids: Sequence[str]) -> list[tuple[TaskRecord, bool]]:
        """The records of these tasks, and whether somebody has cancelled them."""
        if not ids:
            return []
        names = [*map(keys.record, ids), *map(keys.cancel, ids)]
        watch.execute("WATCH", *names)
        values = watch.execute("MGET", *names)
        documents, orders = values[: len(ids)], values[len(ids) :]
        return [
            (record, order is not None)
            for document, order in zip(documents, orders, strict=True)
            if (record := decode_if_readable(document, self._log)) is not None
        ]

    def _move(
        self, record: TaskRecord, session: str, is_unwanted: bool
    ) -> tuple[TaskRecord, list[Command]]:
        """Where a task goes that the session had claimed; nowhere if it was not the session's."""
        if record.state is State.QUEUED:
            # Claimed and never started: it only goes back to its place.
            return record, commands_to_move(record, record, session)
        if record.state is State.RUNNING and record.session == session:
            now_ms = self._clock_ms()
            after = after_loss(record, self._rules, now_ms)
            if is_unwanted and not after.state.is_final:
                after = cancelled_instead(record, after, now_ms)
            return after, commands_to_move(record, after, session)
        return record, []
