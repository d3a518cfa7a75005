"""What a running service says of itself: state, version, uptime, memory, requests.

Each service keeps one `Vitals` and shows it over its own protocol: kvdb and pubsub in INFO,
the HTTP services at `/healthz`, the workers in their heartbeat. The dashboard reads all of
them in the one form that `report` gives.
"""

import os
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

VERSION = "0.1.0"


@dataclass(slots=True)
class Vitals:
    """The vital signs of this process. `problems` are what makes it degraded, by name."""

    service: str
    address: str = ""
    clock: Callable[[], float] = time.time
    requests_total: int = 0
    problems: dict[str, str] = field(default_factory=dict)
    started_at_s: float = 0.0

    def __post_init__(self) -> None:
        self.started_at_s = self.started_at_s or self.clock()

    @property
    def status(self) -> str:
        return "degraded" if self.problems else "ok"

    @property
    def problems_line(self) -> str:
        """The problems in one line, for INFO and its like, where a field is a line."""
        line = "; ".join(f"{name}: {text}" for name, text in self.problems.items())
        return line.replace("\n", " ")

    @property
    def uptime_s(self) -> float:
        return max(0.0, self.clock() - self.started_at_s)

    def report(self) -> dict[str, object]:
        """The vital signs as JSON: times in seconds, memory in bytes."""
        return {
            "service": self.service,
            "status": self.status,
            "version": VERSION,
            "address": self.address,
            "pid": os.getpid(),
            "uptime_s": round(self.uptime_s, 3),
            "memory_bytes": resident_bytes(),
            "requests_total": self.requests_total,
            "problems": dict(self.problems),
        }


def resident_bytes() -> int:
    """The resident memory of this process; its peak where the system tells no more."""
    try:
        with open("/proc/self/statm", "rb") as statm:
            return int(statm.read().split()[1]) * resource.getpagesize()
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
