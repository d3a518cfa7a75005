"""Workflows: tasks that follow from one another, as a tree.

    {"chain": [A, {"group": [B, C]}, D]}

    chain ──┬── A            A runs first. Its result is the first argument of B and of C, which
            ├── group ─┬─ B  run at the same time; when both have succeeded, the array of their
            │          └─ C  results is the first argument of D. D's result is that of the chain,
            └── D            and of the workflow.

A leaf is a step: a submission, and the id of its task from when it was submitted. `chord` is only a
short way to write a chain of a group and a callback. A step that does not want the result before
it says `"pass_result": false`.

**Failure.** A step fails when its task has come to any end but success; a task that is retried has
not come to its end. With `on_failure: fail` (the default) a chain or group fails with the first of
its nodes that does; whatever had not been submitted in it is skipped, and what runs already runs
to its end. With `continue` the failed node counts as one with the result null.

Everything here is pure: `settle` makes the next tree out of a tree in which some steps have ended,
and says which steps are to be submitted. `progression` puts that into transactions.
# Real: the canvas of Celery (chain, group, chord).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from services.broker.submission import SubmissionError, parse_submission

MAX_DEPTH = 8
MAX_STEPS = 1000

Path = tuple[int, ...]
"""Where a node is: the index at each level, from the root."""


class NodeState(Enum):
    """Of one node of the tree."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"

    @property
    def is_over(self) -> bool:
        return self not in (NodeState.WAITING, NodeState.RUNNING)


class OnFailure(Enum):
    """What the failure of a node means to the one around it."""

    FAIL = "fail"
    CONTINUE = "continue"


@dataclass(frozen=True, slots=True)
class Step:
    """A leaf: one task."""

    submission: Mapping[str, object]
    pass_result: bool = True
    state: NodeState = NodeState.WAITING
    task_id: str | None = None


@dataclass(frozen=True, slots=True)
class Composite:
    """A chain, whose nodes follow one another, or a group, whose nodes run together."""

    kind: str
    nodes: tuple["Node", ...]
    on_failure: OnFailure = OnFailure.FAIL
    state: NodeState = NodeState.WAITING


Node = Step | Composite


@dataclass(slots=True)
class Wanted:
    """A step that is to be submitted, and the node whose result it gets."""

    path: Path
    step: Step
    source: Path | None
    """None where there is no result before it."""


@dataclass(slots=True)
class Settling:
    """One walk through the tree: what is to be submitted collects in `wanted`."""

    wanted: list[Wanted] = field(default_factory=list)

    def settle(self, node: Node, path: Path = (), source: Path | None = None) -> Node:
        """The node as it is now that some steps have ended, its next steps running."""
        if node.state.is_over:
            return node
        if isinstance(node, Step):
            return self._submit(node, path, source)
        if node.kind == "chain":
            return self._settle_chain(node, path, source)
        return self._settle_group(node, path, source)

    def _submit(self, step: Step, path: Path, source: Path | None) -> Step:
        if step.state is NodeState.WAITING:
            self.wanted.append(Wanted(path, step, source))
        return replace(step, state=NodeState.RUNNING)

    def _settle_chain(self, chain: Composite, path: Path, source: Path | None) -> Composite:
        nodes = list(chain.nodes)
        for index, node in enumerate(nodes):
            nodes[index] = node = self.settle(node, (*path, index), source)
            if not node.state.is_over:
                return replace(chain, nodes=tuple(nodes), state=NodeState.RUNNING)
            if node.state is NodeState.FAILED and chain.on_failure is OnFailure.FAIL:
                return _failed(chain, nodes)
            source = (*path, index)
        return replace(chain, nodes=tuple(nodes), state=NodeState.SUCCEEDED)

    def _settle_group(self, group: Composite, path: Path, source: Path | None) -> Composite:
        if group.on_failure is OnFailure.FAIL and any(map(_has_failed, group.nodes)):
            return _failed(group, group.nodes)
        nodes = [
            self.settle(node, (*path, index), source) for index, node in enumerate(group.nodes)
        ]
        if group.on_failure is OnFailure.FAIL and any(map(_has_failed, nodes)):
            # A chain inside of it has failed in this very walk; what the walk wanted to submit for
            # its neighbours is not wanted any more.
            self.wanted = [one for one in self.wanted if one.path[: len(path)] != path]
            return _failed(group, nodes)
        is_over = all(node.state.is_over for node in nodes)
        state = NodeState.SUCCEEDED if is_over else NodeState.RUNNING
        return replace(group, nodes=tuple(nodes), state=state)


def _has_failed(node: Node) -> bool:
    return node.state is NodeState.FAILED


def _failed(node: Composite, nodes: list[Node] | tuple[Node, ...]) -> Composite:
    return replace(node, nodes=tuple(map(skipped, nodes)), state=NodeState.FAILED)


def skipped(node: Node) -> Node:
    """The node with everything skipped that was not submitted."""
    if isinstance(node, Step):
        # A running one without a task was wanted a moment ago, and is not any more.
        if node.state is NodeState.WAITING or (
            node.state is NodeState.RUNNING and node.task_id is None
        ):
            return replace(node, state=NodeState.SKIPPED)
        return node
    if node.state.is_over:
        return node
    nodes = tuple(map(skipped, node.nodes))
    is_untouched = all(one.state is NodeState.SKIPPED for one in nodes)
    # What was begun and comes to nothing has failed with what is around it.
    return replace(node, nodes=nodes, state=NodeState.SKIPPED if is_untouched else NodeState.FAILED)


def changed(node: Node, change: Callable[[Step, Path], Step], path: Path = ()) -> Node:
    """The tree with `change` applied to every step."""
    if isinstance(node, Step):
        return change(node, path)
    nodes = (changed(one, change, (*path, index)) for index, one in enumerate(node.nodes))
    return replace(node, nodes=tuple(nodes))


def steps(node: Node, path: Path = ()) -> Iterator[tuple[Path, Step]]:
    """Every leaf, in the order in which they are written."""
    if isinstance(node, Step):
        yield path, node
        return
    for index, one in enumerate(node.nodes):
        yield from steps(one, (*path, index))


def node_at(root: Node, path: Path) -> Node:
    for index in path:
        root = root.nodes[index]
    return root


def leaves_of_result(node: Node, path: Path) -> Iterator[Path]:
    """The steps whose results make up the result of a node."""
    if isinstance(node, Step):
        yield path
    elif node.kind == "chain":
        last = len(node.nodes) - 1
        yield from leaves_of_result(node.nodes[last], (*path, last))
    else:
        for index, one in enumerate(node.nodes):
            yield from leaves_of_result(one, (*path, index))


def result_of(node: Node, path: Path, results: Mapping[Path, object]) -> object:
    """The result of a node that is over; null where it failed."""
    if node.state is not NodeState.SUCCEEDED:
        return None
    if isinstance(node, Step):
        return results.get(path)
    if node.kind == "chain":
        last = len(node.nodes) - 1
        return result_of(node.nodes[last], (*path, last), results)
    return [result_of(one, (*path, index), results) for index, one in enumerate(node.nodes)]


# From and to JSON.


def parse_node(document: object, now_ms: int, field_name: str = "", depth: int = 1) -> Node:
    """A node from the body of a request. Raises SubmissionError with the field."""
    where = f"{field_name}." if field_name else ""
    if depth > MAX_DEPTH:
        raise SubmissionError(field_name, f"is nested deeper than {MAX_DEPTH} levels")
    if not isinstance(document, Mapping):
        raise SubmissionError(field_name or "body", "must be a task, a chain, a group or a chord")
    kinds = [kind for kind in ("task", "chain", "group", "chord") if kind in document]
    if len(kinds) != 1:
        raise SubmissionError(field_name or "body", "must have one of task, chain, group and chord")
    (kind,) = kinds
    if kind == "task":
        return _parse_step(document, now_ms, where)
    _check_members(document, where, kind)
    on_failure = _parse_on_failure(document, where)
    members = document[kind]
    if not isinstance(members, list) or not members:
        raise SubmissionError(f"{where}{kind}", "must be an array of at least one node")
    nodes = tuple(
        parse_node(member, now_ms, f"{where}{kind}.{index}", depth + 1)
        for index, member in enumerate(members)
    )
    if kind != "chord":
        return Composite(kind, nodes, on_failure)
    callback = parse_node(document.get("callback"), now_ms, f"{where}callback", depth + 1)
    return Composite("chain", (Composite("group", nodes, on_failure), callback))


def _check_members(document: Mapping[str, object], where: str, kind: str) -> None:
    known = {kind, "on_failure", *(["callback"] if kind == "chord" else [])}
    for name in document:
        if name not in known:
            raise SubmissionError(f"{where}{name}", f"is not known beside {kind}")


def _parse_step(document: Mapping[str, object], now_ms: int, where: str) -> Step:
    submission = {name: value for name, value in document.items() if name != "pass_result"}
    pass_result = document.get("pass_result", True)
    if not isinstance(pass_result, bool):
        raise SubmissionError(f"{where}pass_result", "must be true or false")
    try:
        parsed = parse_submission(submission, now_ms)
    except SubmissionError as error:
        raise SubmissionError(f"{where}{error.field}", error.reason) from None
    if parsed.idempotency_key is not None:
        raise SubmissionError(f"{where}options.idempotency_key", "is not for steps of a workflow")
    return Step(submission, pass_result)


def _parse_on_failure(document: Mapping[str, object], where: str) -> OnFailure:
    try:
        return OnFailure(document.get("on_failure", "fail"))
    except ValueError:
        raise SubmissionError(f"{where}on_failure", "must be fail or continue") from None


def node_document(node: Node) -> dict[str, object]:
    """The node as it is stored."""
    if isinstance(node, Step):
        return {
            "submission": node.submission,
            "pass_result": node.pass_result,
            "state": node.state.value,
            "task_id": node.task_id,
        }
    return {
        "kind": node.kind,
        "on_failure": node.on_failure.value,
        "state": node.state.value,
        "nodes": [node_document(one) for one in node.nodes],
    }


def node_from(document: Mapping[str, object]) -> Node:
    """The node of a stored document; KeyError, ValueError or TypeError for what is none."""
    state = NodeState(document["state"])
    if "submission" in document:
        return Step(document["submission"], document["pass_result"], state, document["task_id"])
    nodes = tuple(node_from(one) for one in document["nodes"])
    return Composite(document["kind"], nodes, OnFailure(document["on_failure"]), state)


def node_as_json(node: Node) -> dict[str, object]:
    """The node as the API shows it."""
    if isinstance(node, Step):
        return {
            "kind": "task",
            "task": node.submission["task"],
            "task_id": node.task_id,
            "state": node.state.value,
        }
    shown = node_document(node)
    return shown | {"nodes": [node_as_json(one) for one in node.nodes]}
