"""Vital signs: what the dashboard knows of one running process, whoever told it and in what form.

    kvdb, pubsub     INFO over RESP               from_info
    broker, ledger   GET /healthz                 from_report
    workers          the broker's GET /workers    from_report, each
    web              this process                 from_report

A service says `ok` or `degraded` of itself. That it is `down` is what the one who asked has seen,
and `unknown` is the state of a process that only another one can tell of, while that one is down.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

_EVERYWHERE = ("0.0.0.0:", "[::]:")


class State(enum.Enum):
    """How a process is."""

    OK = "ok"
    DEGRADED = "degraded"
    DOWN = "down"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class VitalSigns:
    """One process as it was seen at one moment; None is what it did not tell."""

    name: str
    service: str
    state: State
    address: str = ""
    software: str = ""
    """What runs there, where it is not ours: `Redis`."""
    version: str = ""
    uptime_s: float | None = None
    memory_bytes: int | None = None
    requests_total: int | None = None
    problems: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "service": self.service,
            "state": self.state.value,
            "address": self.address,
            "software": self.software,
            "version": self.version,
            "uptime_s": self.uptime_s,
            "memory_bytes": self.memory_bytes,
            "requests_total": self.requests_total,
            "problems": dict(self.problems),
        }


def absent(
    name: str, service: str, address: str, reason: str, state: State = State.DOWN
) -> VitalSigns:
    """One that gave no sign of life, and why that is thought."""
    return VitalSigns(name, service, state, address=address, problems={"answer": reason})


def from_report(name: str, report: object, *, address: str = "") -> VitalSigns:
    """From the JSON of `services.common.health`; whatever is missing or odd in it is left out."""
    fields = report if isinstance(report, Mapping) else {}
    problems = fields.get("problems")
    return VitalSigns(
        name=name,
        service=_text(fields.get("service")) or name,
        state=_state(fields.get("status")),
        address=_seen_address(_text(fields.get("address")), address),
        version=_text(fields.get("version")),
        uptime_s=_number(fields.get("uptime_s")),
        memory_bytes=whole_number(fields.get("memory_bytes")),
        requests_total=whole_number(fields.get("requests_total")),
        problems={str(key): str(problem) for key, problem in problems.items()}
        if isinstance(problems, Mapping)
        else {},
    )


def from_info(name: str, info: Mapping[str, str], *, address: str) -> VitalSigns:
    """From the fields of INFO; a real Redis has no section of ours, and is well if it answers."""
    is_ours = "service" in info
    problems = info.get("problems", "")
    return VitalSigns(
        name=name,
        service=name,
        state=_state(info["status"]) if is_ours else State.OK,
        address=_seen_address(info.get("address", ""), address),
        software="" if is_ours else "Redis",
        version=info.get("version" if is_ours else "redis_version", ""),
        uptime_s=_number(info.get("uptime_in_seconds")),
        memory_bytes=whole_number(info.get("used_memory_rss")),
        requests_total=whole_number(info.get("total_commands_processed")),
        problems={"status": problems} if problems else {},
    )


def parse_info(text: bytes) -> dict[str, str]:
    """The `field:value` lines of INFO; sections and blank lines are passed over."""
    info = {}
    for line in text.decode("utf-8", "replace").splitlines():
        key, colon, value = line.partition(":")
        if colon and not line.startswith("#"):
            info[key] = value.strip()
    return info


def _seen_address(told: str, asked: str) -> str:
    """Where a process says that it listens, unless that is "everywhere", as in a container."""
    is_useful = told and not told.startswith(_EVERYWHERE)
    return told if is_useful or not asked else asked


def _state(status: object) -> State:
    try:
        return State(status)
    except ValueError:
        return State.UNKNOWN


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: object) -> float | None:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    # JSON, which this becomes, knows neither NaN nor infinities.
    return number if math.isfinite(number) else None


def whole_number(value: object) -> int | None:
    """A count as JSON or INFO tell it; None for anything else."""
    number = _number(value)
    return None if number is None or abs(number) > 2**53 else int(number)
