"""Observation: who looks over the shoulder of commands, and what they see.

    MONITOR           every command, with its arguments
    SLOWLOG, LATENCY  commands that took long
    notifications     the changes of keys, under Redis's names for them
    tracking          the changes of keys that a client has in its own cache

All of them are off, or nearly free, until somebody asks for them; then `dispatcher.is_observed`
is true, and each command runs through `run` here. What the doors of a database report meanwhile
belongs to that command; what they report in between (expiry by the cycle, eviction) to none.
Commands nest: EXEC runs others.
"""

from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING

from services.kvdb.change import Change
from services.kvdb.clients import Client
from services.kvdb.command import Command
from services.kvdb.database import Database
from services.kvdb.notifications import Seen

if TYPE_CHECKING:
    from services.kvdb.engine import Engine

Run = Callable[[Client, Command, list[bytes]], object]


class Observation:
    """What is seen of commands, and passed on."""

    def __init__(self, engine: "Engine"):
        self._engine = engine
        self._seen: list[Seen] | None = None
        """The changes of the command that runs now; None between commands."""
        self.client: Client | None = None
        """Who runs it."""

    def update(self) -> None:
        """Look only as far as somebody asks; called when that may have changed."""
        engine = self._engine
        sees_keys = engine.notifications.is_on or bool(engine.tracking.clients)
        engine.keyspace.observer = self.saw if sees_keys else None
        engine.dispatcher.slow_s = engine.slow_log.limit_s
        engine.dispatcher.is_observed = (
            sees_keys or bool(engine.monitors.clients) or engine.slow_log.times_all
        )

    def run(self, run: Run, client: Client, command: Command, request: list[bytes]) -> object:
        """Run one command, and pass on what it has done."""
        outer = self._seen, self.client
        seen: list[Seen] = []
        self._seen, self.client = seen, client
        engine = self._engine
        started_s = perf_counter()
        try:
            return run(client, command, request)
        finally:
            duration_s = perf_counter() - started_s
            command.total_s += duration_s if command.is_timed else 0
            self._seen, self.client = outer
            if seen:
                engine.notifications.tell(command, request, seen)
            if client.tracking is not None:
                engine.tracking.note_read(client, command, request)
            if self._seen is None:
                engine.tracking.settle()
            if engine.settings.latency_tracking:
                engine.latency.count(command, duration_s)
            if duration_s >= engine.dispatcher.slow_s and not client.blocked:
                engine.slow_log.note(client, command, request, duration_s)
            if engine.monitors.clients:
                engine.monitors.feed(client, command, request)

    def run_for(self, client: Client, request: list[bytes], take: Callable[[], object]) -> object:
        """Serve a client that has waited; `request` would do the same."""
        command = self._engine.dispatcher.commands[request[0]]
        self._engine.tracking.hold()
        return self.run(lambda *_: take(), client, command, request)

    def saw(self, database: Database, key: bytes, change: Change) -> None:
        """Called by the doors of a database."""
        engine = self._engine
        engine.tracking.note_change(key, change, self.client)
        if self._seen is None:
            engine.notifications.tell_alone(database, key, change)
            engine.tracking.settle()
        elif change is not Change.FLUSHED:
            self._seen.append((database, key, change))
