"""Progression: a workflow goes on when its steps end.

    a worker                          kvdb                            the scheduler (in a broker)
      │ the step's task := succeeded, │                                    │
      │ note "WORKFLOW TASK"         ▶│ tasks:steps                        │
      │        one transaction        │                                    │
      │                               │◀─ notes; watch workflow and tasks ─┤
      │                               │                                    │ settle the tree
      │                               │◀─ workflow as it is now, results, ─┤
      │                               │   the next tasks, notes away       │
      │                               │        one transaction             │

The note is written with the end of the task, and taken away with everything that follows from it.
So whichever of the two dies at whichever moment, the step is followed up, and once only: the second
transaction fails where another broker has changed the workflow before. That is also why the
callback of a chord is submitted once, however many of its members end in the same moment, and why
no counter can run past its end or stay behind it: there is none, the tree is looked at instead.
# Real: Celery's chords count on a key, in the worker that ends; a crash between the count and the
# callback leaves them without one.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from services.broker import keys
from services.broker.announcer import Announcer
from services.broker.clock import Clock
from services.broker.creation import Creation
from services.broker.merging import merged
from services.broker.places import commands_to_create
from services.broker.states import State
from services.broker.submission import Submission, parse_submission
from services.broker.task_record import TaskRecord, decode_if_readable
from services.broker.workflow import (
    NodeState,
    Path,
    Settling,
    Step,
    Wanted,
    changed,
    leaves_of_result,
    node_at,
    result_of,
)
from services.broker.workflow_record import (
    KEPT_MS,
    WorkflowRecord,
    WorkflowState,
    workflow_if_readable,
)
from services.common.logs import Log
from services.kvdb.client import Command, KVClient, Watch

BATCH = 500
MAX_BATCHES = 20
"""In one go; other duties have to be done in between."""

Results = Mapping[Path, object]
ReadResults = Callable[[Iterable[Path]], Results]


@dataclass(frozen=True, slots=True)
class Advance:
    """A workflow one step further."""

    record: WorkflowRecord
    submissions: Sequence[tuple[Path, Submission]]
    """What is to be submitted, and for which step."""


def advance(record: WorkflowRecord, read_results: ReadResults, now_ms: int) -> Advance:
    """The workflow now that its tree says what has ended; `read_results` gives what steps need."""
    settling = Settling()
    root = settling.settle(record.root)
    record = replace(record, root=root)
    if not root.state.is_over:
        return Advance(record, _submissions(record, settling.wanted, read_results, now_ms))
    if root.state is NodeState.FAILED:
        return Advance(record.finished(WorkflowState.FAILED, now_ms), ())
    result = result_of(root, (), read_results(leaves_of_result(root, ())))
    return Advance(record.finished(WorkflowState.SUCCEEDED, now_ms, result=result), ())


def _submissions(
    record: WorkflowRecord, wanted: Sequence[Wanted], read_results: ReadResults, now_ms: int
) -> list[tuple[Path, Submission]]:
    sources = {one.source for one in wanted if one.source is not None and one.step.pass_result}
    leaves = {
        leaf
        for source in sources
        for leaf in leaves_of_result(node_at(record.root, source), source)
    }
    results = read_results(leaves) if leaves else {}
    submissions = []
    for one in wanted:
        submission = replace(parse_submission(one.step.submission, now_ms), workflow=record.id)
        if one.source in sources and one.step.pass_result:
            value = result_of(node_at(record.root, one.source), one.source, results)
            submission = replace(submission, args=[value, *submission.args])
        submissions.append((one.path, submission))
    return submissions


def with_tasks(
    further: Advance, creation: Creation, now_ms: int
) -> tuple[WorkflowRecord, list[TaskRecord]]:
    """The workflow with a new task for each step that is to be submitted, and these tasks."""
    tasks = creation.new_records([submission for _, submission in further.submissions], now_ms)
    paths = [path for path, _ in further.submissions]
    ids = {path: task.id for path, task in zip(paths, tasks, strict=True)}

    def change(step: Step, path: Path) -> Step:
        return replace(step, task_id=ids[path]) if path in ids else step

    return replace(further.record, root=changed(further.record.root, change)), tasks


def commands_to_store_workflow(record: WorkflowRecord, *, is_new: bool = False) -> list[Command]:
    """The record as it is from now on; finished, it expires, with its results."""
    key = keys.workflow(record.id)
    if record.state.is_final:
        return [
            ("SET", key, record.encode(), "PX", KEPT_MS),
            ("PEXPIRE", keys.workflow_results(record.id), KEPT_MS),
        ]
    index = [("ZADD", keys.WORKFLOWS, record.created_at_ms, record.id)] if is_new else []
    return [("SET", key, record.encode()), *index]


class Progression:
    """A duty of the scheduler."""

    def __init__(self, kv: KVClient, announcer: Announcer, clock_ms: Clock, log: Log):
        self._kv = kv
        self._creation = Creation(kv)
        self._announcer = announcer
        self._clock_ms = clock_ms
        self._log = log

    def follow_up(self) -> None:
        """Go on with every workflow of which steps have ended."""
        for _ in range(MAX_BATCHES):
            if not self._follow_batch():
                return

    def _follow_batch(self) -> bool:
        """Whether there may be more."""
        notes = self._kv.execute("ZRANGE", keys.STEPS, 0, BATCH - 1)
        by_workflow: dict[str, list[str]] = defaultdict(list)
        for note in notes:
            workflow_id, space, task_id = note.decode("utf-8", "replace").partition(" ")
            if space:
                by_workflow[workflow_id].append(task_id)
            else:
                self._kv.execute("ZREM", keys.STEPS, note)  # Somebody else has written there.
        for workflow_id, task_ids in by_workflow.items():
            self._follow(workflow_id, task_ids)
        return len(notes) == BATCH

    def _follow(self, workflow_id: str, task_ids: list[str]) -> None:
        """Nothing, where somebody else changes it at this moment: the notes are still there."""
        notes = ("ZREM", keys.STEPS, *(f"{workflow_id} {task_id}" for task_id in task_ids))
        names = [keys.record(task_id) for task_id in task_ids]
        with self._kv.watch(keys.workflow(workflow_id), *names) as watch:
            before = workflow_if_readable(
                watch.execute("GET", keys.workflow(workflow_id)), self._log
            )
            if before is None:
                watch.commit(notes)
                return
            documents = watch.execute("MGET", *names)
            found = (decode_if_readable(document, self._log) for document in documents)
            ended = {task.id: task for task in found if task and task.state.is_final}
            record, results = _with_ended(before, ended)
            now_ms = self._clock_ms()
            tasks: list[TaskRecord] = []
            if not record.state.is_final:
                further = advance(record, _reader(watch, workflow_id, results), now_ms)
                record, tasks = with_tasks(further, self._creation, now_ms)
            commands = [
                *(_commands_to_keep(workflow_id, results)),
                *commands_to_store_workflow(record),
                *(command for task in tasks for command in commands_to_create(task)),
            ]
            if watch.commit(*merged(commands), notes) is None:
                return
        self._announcer.announce(tasks)
        if record.state is not before.state:
            self._announcer.announce_workflow(record.id, record.state.value, now_ms)


def _with_ended(
    record: WorkflowRecord, ended: Mapping[str, TaskRecord]
) -> tuple[WorkflowRecord, dict[Path, object]]:
    """The workflow with these tasks at their ends, and the results of those that succeeded."""
    results: dict[Path, object] = {}
    errors: list[str] = []

    def change(step: Step, path: Path) -> Step:
        task = ended.get(step.task_id) if step.task_id is not None else None
        if task is None:
            return step
        if task.state is State.SUCCEEDED:
            results[path] = task.result
            return replace(step, state=NodeState.SUCCEEDED)
        why = f": {task.error}" if task.error else ""
        errors.append(f"{task.task} ({task.id}) is {task.state.value}{why}")
        return replace(step, state=NodeState.FAILED)

    root = changed(record.root, change)
    error = record.error or next(iter(errors), None)
    return replace(record, root=root, error=error), results


def _field(path: Path) -> str:
    return ".".join(map(str, path))


def _commands_to_keep(workflow_id: str, results: Results) -> list[Command]:
    key = keys.workflow_results(workflow_id)
    return [("HSET", key, _field(path), json.dumps(value)) for path, value in results.items()]


def _reader(watch: Watch, workflow_id: str, fresh: Results) -> ReadResults:
    """Results of steps: those that have just come in, the others from kvdb."""

    def read(paths: Iterable[Path]) -> Results:
        wanted = list(paths)
        stored = [path for path in wanted if path not in fresh]
        found: dict[Path, object] = {path: fresh[path] for path in wanted if path in fresh}
        if stored:
            key = keys.workflow_results(workflow_id)
            documents = watch.execute("HMGET", key, *map(_field, stored))
            found |= {
                path: json.loads(document)
                for path, document in zip(stored, documents, strict=True)
                if document is not None
            }
        return found

    return read
