"""LISTEN and NOTIFY: who listens to which channel, and what each is still to be told.

A notification goes to all who listen when its transaction commits, in the order of commits. Each
session sends what waits for it when it is idle.
# Real: async.c
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.sqldb.session.session import Session

MAX_WAITING = 100_000
"""Of one session that never reads: beyond this the oldest are dropped."""


class Notifications:
    """The channels of a database. Holding the latch."""

    def __init__(self) -> None:
        self._channels: dict[str, dict[Session, None]] = {}

    def listen(self, session: Session, channel: str) -> None:
        session.channels.add(channel)
        self._channels.setdefault(channel, {})[session] = None

    def unlisten(self, session: Session, channel: str | None) -> None:
        """None: all of its channels."""
        for name in [channel] if channel is not None else list(session.channels):
            session.channels.discard(name)
            listeners = self._channels.get(name)
            if listeners is not None:
                listeners.pop(session, None)
                if not listeners:
                    del self._channels[name]

    def send(self, pid: int, channel: str, payload: str) -> None:
        for session in self._channels.get(channel, ()):
            session.notifications.append((pid, channel, payload))
            del session.notifications[:-MAX_WAITING]
            session.wake()
