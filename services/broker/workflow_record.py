"""The workflow record: the tree of a workflow and what has become of it, as one immutable value.

    tasks:workflow:ID           string   this record, JSON
    tasks:workflow-results:ID   hash     path of a step → its result, JSON

Results lie beside the record, for it is written anew whenever a step has ended. Both expire some
time after the end of the workflow.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

from services.broker.states import IllegalTransition
from services.broker.task_record import iso_time
from services.broker.workflow import (
    Node,
    NodeState,
    node_as_json,
    node_document,
    node_from,
    skipped,
    steps,
)
from services.common.logs import Log

KEPT_MS = 24 * 3600 * 1000


class WorkflowState(Enum):
    """Of a workflow as a whole."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return self is not WorkflowState.RUNNING


class CorruptWorkflow(ValueError):
    """What is stored under a workflow's key is none: somebody else wrote there."""


@dataclass(frozen=True, slots=True)
class WorkflowRecord:
    """One workflow."""

    id: str
    root: Node
    created_at_ms: int
    name: str | None = None
    state: WorkflowState = WorkflowState.RUNNING
    finished_at_ms: int | None = None
    result: object = None
    error: str | None = None
    """Of the first step that failed, in words."""

    def finished(self, state: WorkflowState, at_ms: int, **changes: object) -> "WorkflowRecord":
        return replace(self, state=state, finished_at_ms=at_ms, **changes)

    def cancelled(self, at_ms: int) -> "WorkflowRecord":
        """Nothing more is submitted. Raises IllegalTransition for one that is finished."""
        if self.state.is_final:
            raise IllegalTransition(self.state, WorkflowState.CANCELLED, "workflow")
        record = self.finished(WorkflowState.CANCELLED, at_ms)
        return replace(record, root=skipped(self.root))

    def running_tasks(self) -> list[str]:
        """The ids of the tasks that were submitted and have not ended."""
        return [
            step.task_id
            for _, step in steps(self.root)
            if step.state is NodeState.RUNNING and step.task_id is not None
        ]

    def encode(self) -> bytes:
        document = {
            "id": self.id,
            "name": self.name,
            "created_at_ms": self.created_at_ms,
            "state": self.state.value,
            "finished_at_ms": self.finished_at_ms,
            "result": self.result,
            "error": self.error,
            "root": node_document(self.root),
        }
        return json.dumps(document, separators=(",", ":")).encode()

    def as_json(self, *, with_tree: bool = True) -> dict[str, object]:
        """The workflow as the API shows it."""
        states = [step.state for _, step in steps(self.root)]
        shown: dict[str, object] = {
            "id": self.id,
            "name": self.name,
            "state": self.state.value,
            "result": self.result,
            "error": self.error,
            "created_at": iso_time(self.created_at_ms),
            "finished_at": iso_time(self.finished_at_ms),
            "tasks": {
                "total": len(states),
                "submitted": sum(
                    state not in (NodeState.WAITING, NodeState.SKIPPED) for state in states
                ),
                "finished": sum(
                    state in (NodeState.SUCCEEDED, NodeState.FAILED) for state in states
                ),
                "failed": states.count(NodeState.FAILED),
            },
        }
        return shown | ({"root": node_as_json(self.root)} if with_tree else {})


def decode_workflow(document: bytes) -> WorkflowRecord:
    """The record of a stored document. Raises CorruptWorkflow."""
    try:
        stored: Mapping[str, object] = json.loads(document)
        return WorkflowRecord(
            **stored | {"root": node_from(stored["root"]), "state": WorkflowState(stored["state"])}
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise CorruptWorkflow(f"{type(error).__name__}: {error}") from error


def workflow_if_readable(document: bytes | None, log: Log) -> WorkflowRecord | None:
    """None for one that has vanished, and for one that cannot be read, which is logged."""
    try:
        return None if document is None else decode_workflow(document)
    except CorruptWorkflow as error:
        log.error("a workflow cannot be read", reason=error)
        return None
