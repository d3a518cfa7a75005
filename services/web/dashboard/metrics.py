"""`GET /metrics`: the whole constellation for a Prometheus, which then needs one target.

    # HELP glassbox_process_requests_total Requests answered since the start.
    # TYPE glassbox_process_requests_total counter
    glassbox_process_requests_total{process="kvdb",service="kvdb"} 48211

What is told is what the pages show: the collector's vital signs of each process, and the figures of
each panel's topic, which its own `metrics` names. Nothing is counted here. The names follow
Prometheus' conventions: base units (seconds, bytes), `_total` for what only grows, the unit at the
end. What is not known is left out, because 0 would be a lie, and a service that does not answer is
`glassbox_process_up` 0.

A scrape asks all topics at once and waits two seconds at most; what somebody watches in a browser
is not asked again. The form is the text format 0.0.4.
# Real: prometheus_client's exposition, redis_exporter and its like.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from services.web.dashboard.questions import Questions
from services.web.dashboard.vital_signs import State
from services.web.requests import Request
from services.web.responses import Response

if TYPE_CHECKING:
    from services.web.dashboard.shell import Dashboard

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
ANSWER_TIMEOUT_S = 2.0

Labels = Mapping[str, str]
Figures = Mapping[str, object]


@dataclass(slots=True)
class Family:
    """One metric: its name without `glassbox_`, its type, what it means, its samples."""

    name: str
    kind: str
    help: str
    samples: list[tuple[Labels, float]] = field(default_factory=list)

    def add(self, value: object, **labels: str) -> None:
        """A sample, unless the value is none."""
        if isinstance(value, int | float):
            self.samples.append((labels, value))


Metrics = Callable[[Figures], list[Family]]
"""From the figures of a panel's topic to its families."""


def add_metrics(dashboard: Dashboard) -> None:
    """Add the route; the topics are those that are there when it is asked."""
    families = {panel.name: panel.metrics for panel in dashboard.panels if panel.metrics}
    questions: Questions[object] = Questions(ANSWER_TIMEOUT_S)
    asking = threading.Lock()

    @dashboard.app.get("/metrics", in_schema=False)
    def metrics(request: Request) -> Response:
        """All figures of all services, for Prometheus."""
        asked = {topic: dashboard.poll(topic).state for topic in ("services", *families)}
        with asking:
            answers = questions.ask(asked)
        states = {one: answer.value for one, answer in answers.items()}
        text = encode_metrics(families_of(states, families))
        return Response(text, content_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})


def encode_metrics(families: Iterable[Family]) -> bytes:
    """The families as text; one without samples is left out."""
    lines = []
    for one in families:
        if not one.samples:
            continue
        name = f"glassbox_{one.name}"
        lines += [f"# HELP {name} {one.help}", f"# TYPE {name} {one.kind}"]
        lines += [f"{name}{encode_labels(labels)} {value}" for labels, value in one.samples]
    return "".join(f"{line}\n" for line in lines).encode()


def encode_labels(labels: Labels) -> str:
    """`{process="kvdb"}`: what a service says of itself is quoted, so that it adds no line."""
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_quoted(value)}"' for name, value in labels.items()) + "}"


def _quoted(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def families_of(states: Mapping[str, object], metrics: Mapping[str, Metrics]) -> Iterator[Family]:
    """The families of all topics; a topic that has no answer, or an error in it, gives none."""
    services = states.get("services")
    if isinstance(services, Mapping):
        yield from _of_processes(services["services"])
    for topic, families in metrics.items():
        figures = states.get(topic)
        if isinstance(figures, Mapping) and not figures.get("error"):
            yield from families(figures)


def _of_processes(processes: Iterable[Figures]) -> list[Family]:
    up = Family("process_up", "gauge", "Whether the process answers (1) or not (0).")
    state = Family("process_state", "gauge", "1 for the state that the process is in.")
    info = Family("process_info", "gauge", "Always 1; the labels tell of the process.")
    uptime = Family("process_uptime_seconds", "gauge", "Time since the process was started.")
    memory = Family("process_resident_memory_bytes", "gauge", "Memory that the process holds.")
    requests = Family("process_requests_total", "counter", "Requests answered since the start.")
    for process in processes:
        labels = {"process": str(process["name"]), "service": str(process["service"])}
        is_up = process["state"] in (State.OK.value, State.DEGRADED.value)
        up.add(int(is_up), **labels)
        for one in State:
            state.add(int(process["state"] == one.value), **labels, state=one.value)
        if is_up:
            told = {name: str(process[name]) for name in ("address", "version", "software")}
            info.add(1, **labels, **told)
            uptime.add(process["uptime_s"], **labels)
            memory.add(process["memory_bytes"], **labels)
            requests.add(process["requests_total"], **labels)
    return [up, state, info, uptime, memory, requests]


def families_of_table(figures: Figures, table: Iterable[tuple[str, str, str, str]]) -> list[Family]:
    """One family without labels for each row: field, name, type, help."""
    families = []
    for name_of_field, name, kind, text in table:
        family = Family(name, kind, text)
        family.add(figures.get(name_of_field))
        families.append(family)
    return families
