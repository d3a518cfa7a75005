"""Calls that are not made yet, and how to join them: chain, group and chord.

    resize.signature("cat.png")                      one call
    chain(fetch.signature(url), resize.signature())  one after the other: each is given what the
                                                     one before it returned, as its first argument
    group(resize.signature(path) for path in paths)  all at once; the result is a list of theirs
    chord(group(…), merge.signature())               the callback is given that list

    result = chain(…).submit()
    result.get(timeout=60)

They nest. What a failure of one means for the others says `on_failure`: with "fail" nothing further
is submitted and the whole has failed, with "continue" its result is taken for None.

This file only writes down what is wanted, as the document of `POST /workflows`; the brokers carry
it out, so a workflow goes on when the program that submitted it has long ended.
# Real: signatures and the canvas in Celery.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from services.broker import connections
from services.broker.result import WorkflowResult


class Node(Protocol):
    """A part of a workflow."""

    def document(self) -> dict[str, Any]:
        """As the API takes it."""


class _Workflow:
    """What can be submitted."""

    def submit(self, name: str | None = None) -> WorkflowResult:
        """Begin it; the name is for people."""
        document = self.document() | ({"name": name} if name else {})
        queue = connections.current()
        return WorkflowResult(queue, queue.submit_workflow(document)["id"])


@dataclass(frozen=True, slots=True)
class Signature(_Workflow):
    """One call, with its options; `pass_result=False` if it does not want the result before it."""

    task: str
    args: Sequence[object] = ()
    kwargs: Mapping[str, object] = field(default_factory=dict)
    options: Mapping[str, object] = field(default_factory=dict)
    pass_result: bool = True

    def document(self) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "task": self.task,
            "args": list(self.args),
            "kwargs": dict(self.kwargs),
            "options": dict(self.options),
        }
        return shown if self.pass_result else shown | {"pass_result": False}


@dataclass(frozen=True, slots=True)
class Chain(_Workflow):
    """One after the other."""

    nodes: Sequence[Node]
    on_failure: str = "fail"

    def document(self) -> dict[str, Any]:
        return {"chain": [node.document() for node in self.nodes], "on_failure": self.on_failure}


@dataclass(frozen=True, slots=True)
class Group(_Workflow):
    """All at once."""

    nodes: Sequence[Node]
    on_failure: str = "fail"

    def document(self) -> dict[str, Any]:
        return {"group": [node.document() for node in self.nodes], "on_failure": self.on_failure}


@dataclass(frozen=True, slots=True)
class Chord(_Workflow):
    """All at once, and then the callback with the list of their results."""

    nodes: Sequence[Node]
    callback: Node
    on_failure: str = "fail"

    def document(self) -> dict[str, Any]:
        return {
            "chord": [node.document() for node in self.nodes],
            "callback": self.callback.document(),
            "on_failure": self.on_failure,
        }


def chain(*nodes: Node, on_failure: str = "fail") -> Chain:
    return Chain(nodes, on_failure)


def group(nodes: Iterable[Node], *, on_failure: str = "fail") -> Group:
    return Group(tuple(nodes), on_failure)


def chord(nodes: Iterable[Node] | Group, callback: Node, *, on_failure: str = "fail") -> Chord:
    members = nodes.nodes if isinstance(nodes, Group) else tuple(nodes)
    return Chord(members, callback, on_failure)
