"""SLOWLOG: which commands kept everybody waiting.

One thread runs all commands, so a slow one is everybody's business. SLOWLOG keeps the last
commands that took longer than `slowlog-log-slower-than` microseconds, with their arguments.

Reading the clock twice takes a few percent of the time of a GET, so a command that is flagged
`fast` (it takes constant or logarithmic time) is timed only while the limit is under a
millisecond, or while LATENCY asks for it.
# Real: slowlog.c in Redis.
"""

import collections
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.common.resp import OK, Simple
from services.kvdb import arguments, errors
from services.kvdb.clients import Client
from services.kvdb.command import Command
from services.kvdb.help_texts import help_reply
from services.kvdb.monitor import redacted

if TYPE_CHECKING:
    from services.kvdb.engine import Engine

MAX_ARGUMENTS, MAX_ARGUMENT_BYTES = 32, 128


@dataclass(frozen=True, slots=True)
class SlowCommand:
    """One entry of the log."""

    id: int
    at_s: int
    duration_us: int
    request: list[bytes]
    peer: bytes
    name: bytes


class SlowLog:
    """The last slow commands, newest first."""

    def __init__(self, engine: "Engine"):
        self._engine = engine
        self._ids = itertools.count()
        self.entries: collections.deque[SlowCommand] = collections.deque()

    @property
    def limit_s(self) -> float:
        """From which duration on a command is looked at here."""
        settings = self._engine.settings
        limits = []
        if settings.slowlog_log_slower_than >= 0:
            limits.append(settings.slowlog_log_slower_than / 1e6)
        if settings.latency_monitor_threshold:
            limits.append(settings.latency_monitor_threshold / 1e3)
        return min(limits, default=float("inf"))

    @property
    def times_all(self) -> bool:
        settings = self._engine.settings
        is_strict = 0 <= settings.slowlog_log_slower_than < 1000
        return is_strict or settings.latency_monitor_threshold > 0 or settings.latency_tracking

    def note(
        self, client: Client, command: Command, request: list[bytes], duration_s: float
    ) -> None:
        """A command has ended that took at least `limit_s`."""
        settings, duration_us = self._engine.settings, int(duration_s * 1e6)
        if 0 <= settings.slowlog_log_slower_than <= duration_us and command.name != "exec":
            self._log(client, request, duration_us)
        event = b"fast-command" if "fast" in command.flags else b"command"
        self._engine.latency.note(event, duration_s)

    def _log(self, client: Client, request: list[bytes], duration_us: int) -> None:
        now_s = self._engine.clock.now_ms // 1000
        peer = client.endpoint.peer.encode()
        entry = SlowCommand(
            next(self._ids), now_s, duration_us, _shortened(redacted(request)), peer, client.name
        )
        self.entries.appendleft(entry)
        self.trim()

    def trim(self) -> None:
        while len(self.entries) > self._engine.settings.slowlog_max_len:
            self.entries.pop()


def _shortened(request: list[bytes]) -> list[bytes]:
    """The arguments as far as the log keeps them."""
    shown = [
        word
        if len(word) <= MAX_ARGUMENT_BYTES
        else b"%b... (%d more bytes)" % (word[:MAX_ARGUMENT_BYTES], len(word) - MAX_ARGUMENT_BYTES)
        for word in request[:MAX_ARGUMENTS]
    ]
    if len(request) > MAX_ARGUMENTS:
        shown[-1] = b"... (%d more arguments)" % (len(request) - MAX_ARGUMENTS + 1)
    return shown


# SLOWLOG.


def slowlog_get(client: Client, request: list[bytes]) -> list:
    entries = client.engine.slow_log.entries
    count = 10
    if len(request) == 3:
        error = "ERR count should be greater than or equal to -1"
        count = arguments.integer(request[2], error)
        if count < -1:
            raise errors.ReplyError(error)
    elif len(request) > 3:
        raise errors.unusable_subcommand(request)
    shown = entries if count == -1 else itertools.islice(entries, count)
    return [[it.id, it.at_s, it.duration_us, it.request, it.peer, it.name] for it in shown]


def slowlog_len(client: Client, request: list[bytes]) -> int:
    return len(client.engine.slow_log.entries)


def slowlog_reset(client: Client, request: list[bytes]) -> object:
    client.engine.slow_log.entries.clear()
    return OK


def slowlog_help(client: Client, request: list[bytes]) -> list[Simple]:
    return help_reply(
        "SLOWLOG",
        "GET [<count>]",
        "    The last slow commands, 10 unless told, all with -1: ID, time, microseconds,",
        "    arguments, address and name of the client.",
        "LEN",
        "    How many there are.",
        "RESET",
        "    Forget them.",
    )
