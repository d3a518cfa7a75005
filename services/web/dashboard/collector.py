"""The collector: asks every service how it is, and keeps what a rate needs to be computed.

Each round asks all probes at once (see `questions`), because one service that hangs must not hide
the others:

    probe kvdb     ──INFO──▶     ok, 48,211 commands so far      ┐
    probe broker   ──/healthz──▶ no answer within 1.5 s → down   ├─▶ one list for every page
    probe workers  ──/workers──▶ worker-1, worker-2              ┘

The request rate is the growth of a counter between two rounds. A counter that is smaller than
before belongs to a process that was started again.
"""

from __future__ import annotations

import collections
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from services.common.health import Vitals
from services.common.logs import Log
from services.web.dashboard.questions import Answer, Questions
from services.web.dashboard.vital_signs import State, VitalSigns, absent

ANSWER_TIMEOUT_S = 1.5
# How long a process that its listing no longer names is shown as down, before it is forgotten.
FORGET_AFTER_S = 60.0
HISTORY_S = 180.0
_HISTORY_POINTS = 120
# Two rounds may follow each other closely; a rate over a moment says nothing.
_MIN_RATE_INTERVAL_S = 0.5


@dataclass(frozen=True, slots=True)
class Probe:
    """A question to one address, which tells of one process or (the broker) of several.

    `ask` raises any exception for "no answer". A probe with `is_listing` has no process of its
    own to call down: those that it named before become unknown instead.
    """

    name: str
    service: str
    address: str
    ask: Callable[[], Sequence[VitalSigns]]
    is_listing: bool = False


class Collector:
    """Rounds of questions; `collect` is called by one thread at a time."""

    def __init__(
        self,
        vitals: Vitals,
        log: Log,
        *,
        clock: Callable[[], float] = time.monotonic,
        timeout_s: float = ANSWER_TIMEOUT_S,
    ) -> None:
        self._vitals = vitals
        self._log = log
        self._clock = clock
        self._questions: Questions[Sequence[VitalSigns]] = Questions(timeout_s)
        self._probes: list[Probe] = []
        self._listed: dict[str, dict[str, tuple[float, VitalSigns]]] = {}
        self._rates: dict[str, RequestRate] = {}
        self._lock = threading.Lock()

    def add(self, probe: Probe) -> None:
        """Ask this one too; called before the first round."""
        self._probes.append(probe)

    def collect(self) -> dict[str, object]:
        """One round: every process with its vital signs and request rates, as JSON."""
        with self._lock:
            answers = self._questions.ask({probe.name: probe.ask for probe in self._probes})
            seen = [
                signs
                for probe in self._probes
                for signs in self._vital_signs(probe, answers[probe.name])
            ]
            now_s = self._clock()
            names = {signs.name for signs in seen}
            self._rates = {name: rate for name, rate in self._rates.items() if name in names}
            return {
                "services": [self._with_rate(signs, now_s) for signs in seen],
                "history_s": HISTORY_S,
            }

    def _vital_signs(
        self, probe: Probe, answer: Answer[Sequence[VitalSigns]]
    ) -> Sequence[VitalSigns]:
        if answer.value is None:
            return self._absent(probe, answer.error)
        self._note(probe, True, "")
        return self._with_missing(probe, answer.value) if probe.is_listing else answer.value

    def _absent(self, probe: Probe, reason: str) -> list[VitalSigns]:
        self._note(probe, False, reason)
        if not probe.is_listing:
            return [absent(probe.name, probe.service, probe.address, reason)]
        problems = {"answer": f"{probe.address}, which lists it, does not answer"}
        return [
            replace(signs, state=State.UNKNOWN, problems=problems)
            for _, signs in self._listed.get(probe.name, {}).values()
        ]

    def _with_missing(self, probe: Probe, seen: Sequence[VitalSigns]) -> list[VitalSigns]:
        """What a listing says, and as down those that it named a short while ago."""
        now_s = self._clock()
        listed = self._listed.setdefault(probe.name, {})
        listed.update({signs.name: (now_s, signs) for signs in seen})
        for name, (seen_s, _) in list(listed.items()):
            if now_s - seen_s > FORGET_AFTER_S:
                del listed[name]
        present = {signs.name for signs in seen}
        gone = {"answer": f"{probe.address} no longer lists it"}
        return [
            signs if name in present else replace(signs, state=State.DOWN, problems=gone)
            for name, (_, signs) in sorted(listed.items())
        ]

    def _with_rate(self, signs: VitalSigns, now_s: float) -> dict[str, object]:
        rate = self._rates.setdefault(signs.name, RequestRate())
        is_here = signs.state in (State.OK, State.DEGRADED)
        rate.note(now_s, signs.requests_total if is_here else None)
        return {**signs.as_json(), **rate.as_json(now_s)}

    def _note(self, probe: Probe, answers: bool, reason: str) -> None:
        """One log line when a service goes, one when it is back; in between we are degraded."""
        was_answering = probe.name not in self._vitals.problems
        if answers:
            self._vitals.problems.pop(probe.name, None)
        else:
            self._vitals.problems[probe.name] = f"{probe.name} does not answer"
        if answers and not was_answering:
            self._log.info("a service answers again", name=probe.name, address=probe.address)
        elif was_answering and not answers:
            self._log.warning(
                "a service does not answer", name=probe.name, address=probe.address, reason=reason
            )


class RequestRate:
    """Requests per second of one process, now and in the last minutes."""

    def __init__(self) -> None:
        self._last: tuple[float, int] | None = None
        self._points: collections.deque[tuple[float, float]] = collections.deque(
            maxlen=_HISTORY_POINTS
        )

    def note(self, now_s: float, requests_total: int | None) -> None:
        """The counter stood at `requests_total` just now; None where the process is not there."""
        last = self._last
        if last is not None and now_s - last[0] < _MIN_RATE_INTERVAL_S:
            return
        if requests_total is None:
            self._last = None
            self._points.append((now_s, 0.0))
            return
        self._last = (now_s, requests_total)
        if last is not None and requests_total >= last[1]:
            self._points.append((now_s, (requests_total - last[1]) / (now_s - last[0])))

    def as_json(self, now_s: float) -> dict[str, object]:
        """The latest rate, and [seconds ago, rate] for each earlier round."""
        points = [
            [round(now_s - at_s, 1), round(rate, 2)]
            for at_s, rate in self._points
            if now_s - at_s <= HISTORY_S
        ]
        is_known = self._last is not None and points
        return {"request_rate": points[-1][1] if is_known else None, "rate_history": points}
