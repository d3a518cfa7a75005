"""SLOWLOG and LATENCY: which commands kept everybody waiting.

One thread runs all commands, so a slow one is everybody's business. SLOWLOG keeps the last
commands that took longer than `slowlog-log-slower-than` microseconds, with their arguments.
LATENCY keeps, for each kind of event, when it took `latency-monitor-threshold` milliseconds or
more; there are the kinds that this server can tell: `command` and `fast-command`.

Reading the clock twice takes a few percent of the time of a GET, so a command that is flagged
`fast` (it takes constant or logarithmic time) is timed only while the limit is under a
millisecond, or while LATENCY asks for it.
# Real: slowlog.c and latency.c in Redis.
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
LATENCY_SAMPLES = 160


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
    """The last slow commands, newest first; and the samples of LATENCY."""

    def __init__(self, engine: "Engine"):
        self._engine = engine
        self._ids = itertools.count()
        self.entries: collections.deque[SlowCommand] = collections.deque()
        self.samples: dict[bytes, collections.deque[tuple[int, int]]] = {}
        """By event: when (Unix seconds), and how long (milliseconds)."""
        self.worst_ms: dict[bytes, int] = {}

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
        return is_strict or settings.latency_monitor_threshold > 0

    def note(
        self, client: Client, command: Command, request: list[bytes], duration_s: float
    ) -> None:
        """A command has ended that took at least `limit_s`."""
        settings, duration_us = self._engine.settings, int(duration_s * 1e6)
        if 0 <= settings.slowlog_log_slower_than <= duration_us and command.name != "exec":
            self._log(client, request, duration_us)
        threshold_ms = settings.latency_monitor_threshold
        if threshold_ms and duration_us >= threshold_ms * 1000:
            event = b"fast-command" if "fast" in command.flags else b"command"
            self._sample(event, duration_us // 1000)

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

    def _sample(self, event: bytes, duration_ms: int) -> None:
        now_s = self._engine.clock.now_ms // 1000
        samples = self.samples.setdefault(event, collections.deque(maxlen=LATENCY_SAMPLES))
        self.worst_ms[event] = max(self.worst_ms.get(event, 0), duration_ms)
        if samples and samples[-1][0] == now_s:  # One sample a second, the worst.
            duration_ms = max(duration_ms, samples.pop()[1])
        samples.append((now_s, duration_ms))


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


# --- SLOWLOG ---------------------------------------------------------------------------


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


# --- LATENCY ---------------------------------------------------------------------------


def latency_latest(client: Client, request: list[bytes]) -> list:
    log = client.engine.slow_log
    return [[event, *samples[-1], log.worst_ms[event]] for event, samples in log.samples.items()]


def latency_history(client: Client, request: list[bytes]) -> list:
    return [list(sample) for sample in client.engine.slow_log.samples.get(request[2], ())]


def latency_reset(client: Client, request: list[bytes]) -> int:
    log = client.engine.slow_log
    events = [event for event in request[2:] or list(log.samples) if event in log.samples]
    for event in events:
        del log.samples[event], log.worst_ms[event]
    return len(events)


def latency_help(client: Client, request: list[bytes]) -> list[Simple]:
    return help_reply(
        "LATENCY",
        "LATEST",
        "    The last sample of each event: name, time, milliseconds, the worst ever.",
        "HISTORY <event>",
        "    The samples of an event: time and milliseconds.",
        "RESET [<event> ...]",
        "    Forget the samples of the events, or of all.",
    )
