"""Gates: rules that look into kvdb before they let a task start.

A `Middleware` decides by the record alone. A gate decides by what many tasks share: how often one
of this name was started lately, how many with this key run at the moment, whether the queue is
paused. It says what it wants to read; the session reads that under WATCH, asks the gate, and puts
the gate's commands into the transaction that starts the task. So of two workers that want the last
slot one gets it, and the other looks again.

    reads      which values this record depends on, as read commands
    check      None where the task may start; else where it waits instead, `TurnedAway`
    enter      the task starts: the commands that take note of it

A task that is turned away leaves the queue, so it is in nobody's way, and nobody asks for it again
and again: it waits for a time (`rate_limits`), for somebody's end (`concurrency`), or where it was,
in a queue that nobody claims from (`queue_settings`).

`View` holds what was read. Several tasks are opened in one round, and a gate writes into the view
what its own commands will have changed, so that the next task of the round sees it.
# Real: limiters in Sidekiq Enterprise and dramatiq, which raise, and retry the task later.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from services.broker.task_record import TaskRecord
from services.kvdb.client import Command

View = dict[Command, object]
"""The reply to each read."""


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """The record of a task that may not start now, as it waits."""

    after: TaskRecord
    commands: tuple[Command, ...] = ()


class Gate:
    """One rule of this kind. `check` and `enter` are pure but for the view."""

    standing_reads: tuple[Command, ...] = ()
    """Reads that are the same for every task."""

    def reads(self, record: TaskRecord) -> Sequence[Command]:
        """Reads for this task; the second word of each is the key that is watched."""
        return ()

    def check(self, record: TaskRecord, view: View, now_ms: int) -> TurnedAway | None:
        """Whether the task may start; a gate that turns it away may take note of that."""
        return None

    def enter(self, record: TaskRecord, view: View, now_ms: int) -> Sequence[Command]:
        """Every gate has let the task pass."""
        return ()


@dataclass(frozen=True, slots=True)
class Gates:
    """An ordered list of gates, asked as one."""

    gates: Sequence[Gate] = ()

    def standing_reads(self) -> list[Command]:
        return [read for gate in self.gates for read in gate.standing_reads]

    def reads(self, record: TaskRecord) -> list[Command]:
        return [read for gate in self.gates for read in gate.reads(record)]

    def pass_through(
        self, record: TaskRecord, view: View, now_ms: int
    ) -> TurnedAway | list[Command]:
        """The commands that take note of the start, or where the task waits instead."""
        for gate in self.gates:
            turned_away = gate.check(record, view, now_ms)
            if turned_away is not None:
                return turned_away
        return [command for gate in self.gates for command in gate.enter(record, view, now_ms)]


NO_GATES = Gates()
