"""Workflows as the API sees them: submit, look up, list, cancel."""

from collections.abc import Mapping

from services.broker import keys
from services.broker.announcer import Announcer
from services.broker.clock import Clock
from services.broker.conflicts import MAX_CONFLICTS, TooManyConflicts
from services.broker.creation import Creation, new_id
from services.broker.merging import merged
from services.broker.places import commands_to_create
from services.broker.progression import (
    advance,
    commands_to_store_workflow,
    with_tasks,
)
from services.broker.states import IllegalTransition
from services.broker.submission import MAX_NAME_LENGTH, SubmissionError
from services.broker.task_queue import (
    NoSuchTask,
    TaskQueue,
    command_to_order_cancel,
)
from services.broker.workflow import MAX_STEPS, parse_node, steps
from services.broker.workflow_record import CorruptWorkflow, WorkflowRecord, decode_workflow
from services.kvdb.client import KVClient


class NoSuchWorkflow(LookupError):
    """There is no workflow of that id: never was, or no longer."""


class Workflows:
    """For any thread. Raises ConnectionLost without kvdb."""

    def __init__(self, kv: KVClient, queue: TaskQueue, announcer: Announcer, clock_ms: Clock):
        self._kv = kv
        self._queue = queue
        self._creation = Creation(kv)
        self._announcer = announcer
        self._clock_ms = clock_ms

    def submit(self, document: object) -> WorkflowRecord:
        """Store a workflow and submit its first steps. Raises SubmissionError."""
        now_ms = self._clock_ms()
        further = advance(_parse(document, now_ms), lambda paths: {}, now_ms)
        record, tasks = with_tasks(further, self._creation, now_ms)
        commands = [
            *commands_to_store_workflow(record, is_new=True),
            *(command for task in tasks for command in commands_to_create(task)),
        ]
        self._kv.transaction(*merged(commands))
        self._announcer.announce(tasks)
        self._announcer.announce_workflow(record.id, record.state.value, now_ms)
        return record

    def get(self, workflow_id: str) -> WorkflowRecord:
        """Raises NoSuchWorkflow."""
        return _record_of(workflow_id, self._kv.execute("GET", keys.workflow(workflow_id)))

    def cancel(self, workflow_id: str) -> WorkflowRecord:
        """Submit nothing more, cancel what waits, stop what runs.

        The orders to cancel are stored with the workflow's new state, and every worker obeys them
        before it starts a task. So they hold even if nobody comes to cancel the tasks one by one.
        Raises NoSuchWorkflow, and IllegalTransition for one that is finished.
        """
        record = self._cancel(workflow_id)
        for task_id in record.running_tasks():
            try:
                self._queue.cancel(task_id)
            except (NoSuchTask, IllegalTransition):
                continue  # It has just ended by itself.
        self._announcer.announce_workflow(record.id, record.state.value, self._clock_ms())
        return record

    def _cancel(self, workflow_id: str) -> WorkflowRecord:
        for _ in range(MAX_CONFLICTS):
            with self._kv.watch(keys.workflow(workflow_id)) as watch:
                stored = watch.execute("GET", keys.workflow(workflow_id))
                record = _record_of(workflow_id, stored).cancelled(self._clock_ms())
                orders = map(command_to_order_cancel, record.running_tasks())
                if watch.commit(*commands_to_store_workflow(record), *orders) is not None:
                    return record
        raise TooManyConflicts(f"others keep changing the workflow {workflow_id}")


def _parse(document: object, now_ms: int) -> WorkflowRecord:
    name = None
    if isinstance(document, Mapping):
        name = document.get("name")
        document = {member: value for member, value in document.items() if member != "name"}
    if name is not None and not (isinstance(name, str) and 0 < len(name) <= MAX_NAME_LENGTH):
        raise SubmissionError("name", f"must be a text of at most {MAX_NAME_LENGTH} characters")
    root = parse_node(document, now_ms)
    if sum(1 for _ in steps(root)) > MAX_STEPS:
        raise SubmissionError("body", f"has more than {MAX_STEPS} tasks")
    return WorkflowRecord(new_id(now_ms), root, now_ms, name)


def _record_of(workflow_id: str, document: bytes | None) -> WorkflowRecord:
    if document is None:
        raise NoSuchWorkflow(workflow_id)
    try:
        return decode_workflow(document)
    except CorruptWorkflow:
        raise NoSuchWorkflow(workflow_id) from None
