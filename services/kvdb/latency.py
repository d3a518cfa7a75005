"""LATENCY: when did something keep everybody waiting, and how long does each command take?

Two answers, each of them off until it is asked for, because time has to be measured for them:

    latency-monitor-threshold   from so many milliseconds on, an event is remembered: `command`,
                                `fast-command` (one that should never take long) and
                                `expire-cycle`; one sample a second, the worst, the last 160
    latency-tracking            every call of every command is counted by how long it took, in
                                classes of powers of two microseconds

        calls of GET    0…1 µs   …2   …4   …8           HISTOGRAM shows them added up:
                             3    9    4    1    ─▶     1: 3   2: 12   4: 16   8: 17

# Real: latency.c in Redis, and for the classes hdr_histogram, which has finer ones.
"""

import collections
import statistics
from typing import TYPE_CHECKING

from services.common.resp import Simple, Verbatim
from services.kvdb import errors
from services.kvdb.clients import Client
from services.kvdb.command import Command
from services.kvdb.help_texts import help_reply

if TYPE_CHECKING:
    from services.kvdb.engine import Engine

MAX_SAMPLES = 160
GRAPH_COLUMNS, GRAPH_ROWS = 80, 4

Sample = tuple[int, int]
"""When (Unix seconds), and how long (milliseconds)."""


class Latency:
    """The samples of events, and how long the calls of each command took."""

    def __init__(self, engine: "Engine"):
        self._engine = engine
        self.samples: dict[bytes, collections.deque[Sample]] = {}
        self.worst_ms: dict[bytes, int] = {}
        self.histograms: dict[str, collections.Counter[int]] = {}
        """By command: how many calls took no longer than two to the power of a key, in µs."""

    def note(self, event: bytes, duration_s: float) -> None:
        """Remember an event, where it took long."""
        threshold_ms, duration_ms = (
            self._engine.settings.latency_monitor_threshold,
            duration_s * 1e3,
        )
        if not threshold_ms or duration_ms < threshold_ms:
            return
        sample_ms, now_s = int(duration_ms), self._engine.clock.now_ms // 1000
        samples = self.samples.setdefault(event, collections.deque(maxlen=MAX_SAMPLES))
        self.worst_ms[event] = max(self.worst_ms.get(event, 0), sample_ms)
        if samples and samples[-1][0] == now_s:  # One sample a second, the worst.
            sample_ms = max(sample_ms, samples.pop()[1])
        samples.append((now_s, sample_ms))

    def count(self, command: Command, duration_s: float) -> None:
        """Count a call; only while `latency-tracking` is on."""
        histogram = self.histograms.setdefault(command.name, collections.Counter())
        histogram[max(int(duration_s * 1e6) - 1, 0).bit_length()] += 1

    def percentiles_us(self, name: str) -> dict[float, int]:
        """For each percentile of the settings: so long took so many percent, at the most."""
        classes = _added_up(self.histograms[name])
        calls = next(reversed(classes.values()))
        return {
            percentile: next(
                us for us, count in classes.items() if count >= calls * percentile / 100
            )
            for percentile in self._engine.settings.latency_percentiles
        }

    def forget(self, events: list[bytes]) -> int:
        """Forget the samples of some events; how many of them there were."""
        known = [event for event in events if event in self.samples]
        for event in known:
            del self.samples[event], self.worst_ms[event]
        return len(known)


def _added_up(histogram: collections.Counter[int]) -> dict[int, int]:
    """The calls that took no longer than so many microseconds."""
    total, found = 0, {}
    for exponent in sorted(histogram):
        total += histogram[exponent]
        found[1 << exponent] = total
    return found


# Commands.


def latency_latest(client: Client, request: list[bytes]) -> list:
    latency = client.engine.latency
    return [
        [event, *samples[-1], latency.worst_ms[event]] for event, samples in latency.samples.items()
    ]


def latency_history(client: Client, request: list[bytes]) -> list:
    return [list(sample) for sample in client.engine.latency.samples.get(request[2], ())]


def latency_reset(client: Client, request: list[bytes]) -> int:
    latency = client.engine.latency
    return latency.forget(request[2:] or list(latency.samples))


def latency_histogram(client: Client, request: list[bytes]) -> dict[bytes, dict]:
    """Of the commands that are named, with their subcommands, or of all that were called."""
    histograms = client.engine.latency.histograms
    wanted = [errors.shown(name).lower() for name in request[2:]]
    names = list(histograms)
    if wanted:
        names = [
            name for word in wanted for name in names if name == word or name.startswith(f"{word}|")
        ]
    return {
        name.encode(): {
            b"calls": histograms[name].total(),
            b"histogram_usec": _added_up(histograms[name]),
        }
        for name in names
    }


def latency_graph(client: Client, request: list[bytes]) -> Verbatim:
    """The samples of an event as columns, and below them how long ago each was."""
    latency, event = client.engine.latency, request[2]
    samples = latency.samples.get(event)
    if not samples:
        raise errors.ReplyError(f"ERR No samples available for event '{errors.shown(event)}'")
    shown = list(samples)[-GRAPH_COLUMNS:]
    heights = [duration_ms for _, duration_ms in shown]
    top = max(heights)
    heading = (
        f"{errors.shown(event)} - high {top} ms, low {min(heights)} ms "
        f"(all time high {latency.worst_ms[event]} ms)"
    )
    rows = [
        "".join("#" if ms * GRAPH_ROWS > top * row else " " for ms in heights)
        for row in reversed(range(GRAPH_ROWS))
    ]
    now_s = client.engine.clock.now_ms // 1000
    ages = [_age(now_s - at_s) for at_s, _ in shown]
    labels = ["".join(column) for column in zip(*(age.ljust(3) for age in ages), strict=True)]
    return Verbatim("\n".join([heading, "-" * GRAPH_COLUMNS, *rows, "", *labels, ""]).encode())


def _age(seconds: int) -> str:
    """`45s`, `12m`, `3h`, `9d`: two digits and a letter at the most."""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{min(seconds // size, 99)}{unit}"
    return f"{max(seconds, 0)}s"


_ADVICE = {
    b"command": "SLOWLOG GET names the commands; those that go through a whole key or all keys "
    "(KEYS, SMEMBERS, SORT, DEL of a large key) keep everybody waiting.",
    b"fast-command": "These never take long by themselves: the machine was busy with something "
    "else, or the process had to wait for its memory.",
    b"expire-cycle": "Many keys expire at the same time; spread their expiry over some time.",
}


def latency_doctor(client: Client, request: list[bytes]) -> Verbatim:
    """What has happened, in words, and what helps."""
    engine = client.engine
    latency = engine.latency
    if not latency.samples:
        if not engine.settings.latency_monitor_threshold:
            return Verbatim(
                b"Nothing is known: CONFIG SET latency-monitor-threshold MILLISECONDS has what "
                b"takes longer remembered."
            )
        return Verbatim(b"Nothing has taken long since the latency monitor was set.")
    lines = ["Something has taken long:", ""]
    for event, samples in latency.samples.items():
        durations = [duration_ms for _, duration_ms in samples]
        lines += [
            f"- {errors.shown(event)}: {len(durations)} spikes, {statistics.fmean(durations):.0f} "
            f"ms on average, {latency.worst_ms[event]} ms at the worst.",
            f"  {_ADVICE[event]}",
        ]
    return Verbatim("\n".join([*lines, ""]).encode())


def latency_help(client: Client, request: list[bytes]) -> list[Simple]:
    return help_reply(
        "LATENCY",
        "DOCTOR",
        "    What has happened, in words, and what helps.",
        "GRAPH <event>",
        "    The samples of an event as a picture.",
        "HISTOGRAM [<command> ...]",
        "    How many calls took how long, where latency-tracking is on.",
        "HISTORY <event>",
        "    The samples of an event: time and milliseconds.",
        "LATEST",
        "    The last sample of each event: name, time, milliseconds, the worst ever.",
        "RESET [<event> ...]",
        "    Forget the samples of the events, or of all.",
    )
