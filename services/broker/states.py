"""The states of a task, and which may follow which.

                     ┌──────────────── retry by hand ────────────────┐
                     ▼                                               │
    scheduled ───▶ queued ───▶ running ───▶ succeeded                │
        │  ▲         │ │ ▲      │ │ │ └───▶ failed ──────────────────┤
        │  └─────────┘ │ └──────┘ │ └─────▶ dead ────────────────────┤
        │   postponed  │  handed  │                                  │
        │              │  back    └▶ retrying ──▶ queued             │
        │              │                │                            │
        └──────────────┴────────────────┴──▶ cancelled, expired ─────┘

- *scheduled*: waits for its time. *queued*: waits for a worker. *running*: a worker holds it.
- *retrying*: an attempt failed, and the next one waits for its time.
- *failed*: an attempt failed and no further one was asked for. *dead*: every attempt that was
  asked for has failed, or the workers that ran it kept dying; it stays in the dead-letter
  queue until somebody looks at it.
- *expired*: it was not started in time. *cancelled*: somebody did not want it any more.

`ALLOWED` is the whole state machine: a change that is not in it is refused, whoever asks.
"""

from enum import Enum


class State(Enum):
    """Where a task is in its life; the value is what the API and the stored record say."""

    SCHEDULED = "scheduled"
    QUEUED = "queued"
    RUNNING = "running"
    RETRYING = "retrying"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    DEAD = "dead"
    EXPIRED = "expired"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Nothing more happens by itself."""
        return self in FINAL

    @property
    def is_before_start(self) -> bool:
        """The next attempt has not begun."""
        return self is State.QUEUED or self.is_waiting_for_time

    @property
    def is_waiting_for_time(self) -> bool:
        """The scheduler queues it when its time has come."""
        return self in (State.SCHEDULED, State.RETRYING)


FINAL = frozenset({State.SUCCEEDED, State.FAILED, State.DEAD, State.EXPIRED, State.CANCELLED})

ALLOWED: dict[State, frozenset[State]] = {
    State.SCHEDULED: frozenset({State.QUEUED, State.CANCELLED, State.EXPIRED}),
    State.QUEUED: frozenset({State.RUNNING, State.SCHEDULED, State.CANCELLED, State.EXPIRED}),
    State.RUNNING: frozenset(
        {
            State.SUCCEEDED,
            State.FAILED,
            State.RETRYING,
            State.DEAD,
            State.CANCELLED,
            # Handed back by a worker that stops, or taken from one that died.
            State.QUEUED,
        }
    ),
    State.RETRYING: frozenset({State.QUEUED, State.CANCELLED, State.EXPIRED}),
    State.SUCCEEDED: frozenset(),
    State.FAILED: frozenset({State.QUEUED}),
    State.DEAD: frozenset({State.QUEUED}),
    State.EXPIRED: frozenset({State.QUEUED}),
    State.CANCELLED: frozenset({State.QUEUED}),
}


class IllegalTransition(Exception):
    """Somebody asked for a change that the state machine does not know."""

    def __init__(self, before: Enum, after: Enum, noun: str = "task"):
        super().__init__(f"a {noun} that is {before.value} cannot become {after.value}")
        self.before = before
        self.after = after
