"""Workflows: trees that are settled, results that are passed on, and fan-in that loses nothing."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.broker import keys
from services.broker.outcomes import Failed, Outcome, Succeeded
from services.broker.progression import Progression
from services.broker.states import IllegalTransition
from services.broker.submission import SubmissionError
from services.broker.task_record import TaskError, TaskRecord
from services.broker.tests.support import LOG, Announcements
from services.broker.tests.world import World
from services.broker.workflow import (
    MAX_DEPTH,
    MAX_STEPS,
    Composite,
    Node,
    NodeState,
    OnFailure,
    Settling,
    Step,
    changed,
    node_document,
    node_from,
    parse_node,
    result_of,
    steps,
)
from services.broker.workflow_record import WorkflowState
from services.broker.workflows import NoSuchWorkflow

NOW_MS = 1_800_000_000_000
BOOM = Failed(TaskError("ValueError", "boom"))


def task(name: str, **members: object) -> dict[str, object]:
    return {"task": name, **members}


def spelling(record: TaskRecord) -> Outcome:
    """What a test task does: `fail…` raises, any other returns its name and arguments."""
    if record.task.startswith("fail"):
        return BOOM
    return Succeeded([record.task, *record.args] if record.args else record.task)


def run(world: World, document: dict, outcome_of: Callable = spelling):
    """Submit, run to the end, and look."""
    workflow_id = world.parts.workflows.submit(document).id
    world.work(outcome_of)
    return world.parts.workflows.get(workflow_id)


def test_a_chain_passes_results_on(world: World):
    done = run(world, {"chain": [task("a"), task("b", args=[1]), task("c")], "name": "abc"})
    assert (done.state, done.result) == (WorkflowState.SUCCEEDED, ["c", ["b", "a", 1]])
    assert (done.name, done.error) == ("abc", None)
    assert world.announcements.workflows == [(done.id, "running"), (done.id, "succeeded")]


def test_a_step_that_does_not_want_the_result_before_it(world: World):
    done = run(world, {"chain": [task("a"), task("b", args=[1], pass_result=False)]})
    assert done.result == ["b", 1]


def test_a_group_runs_at_once_and_gathers_in_order(world: World):
    submitted = world.parts.workflows.submit({"group": [task(name) for name in "abc"]})
    assert len(submitted.running_tasks()) == 3
    world.work(spelling)
    assert world.parts.workflows.get(submitted.id).result == ["a", "b", "c"]


def test_a_chord_calls_back_once_with_all_results(world: World):
    calls = []

    def count(record: TaskRecord) -> Outcome:
        calls.append(record.task)
        return spelling(record)

    done = run(world, {"chord": [task("a"), task("b")], "callback": task("sum")}, count)
    assert done.result == ["sum", ["a", "b"]]
    assert calls.count("sum") == 1


def test_trees_are_nested(world: World):
    inner = {"chain": [task("b"), {"group": [task("c"), task("d")]}]}
    done = run(world, {"chain": [task("a"), {"group": [inner, task("e")]}, task("f")]})
    assert done.result == ["f", [[["c", ["b", "a"]], ["d", ["b", "a"]]], ["e", "a"]]]


def test_a_single_task_is_a_workflow(world: World):
    assert run(world, task("a")).result == "a"


# Failure.


def test_a_chain_fails_with_its_step_and_skips_the_rest(world: World):
    done = run(world, {"chain": [task("a"), task("fail"), task("never")]})
    assert done.state is WorkflowState.FAILED
    assert "ValueError: boom" in done.error
    assert [step.state.value for _, step in steps(done.root)] == ["succeeded", "failed", "skipped"]
    assert done.as_json()["tasks"] == {"total": 3, "submitted": 2, "finished": 2, "failed": 1}


def test_a_retry_is_no_failure(world: World):
    attempts = []

    def flaky(record: TaskRecord) -> Outcome:
        attempts.append(record.task)
        return BOOM if len(attempts) == 1 else Succeeded("late")

    workflow = world.parts.workflows.submit(
        {"chain": [task("a", options={"retries": 1, "retry_delay": 1})]}
    )
    world.work(flaky)
    world.clock.advance_s(2)
    world.work(flaky)
    assert world.parts.workflows.get(workflow.id).result == "late"


def test_a_group_fails_at_once_and_what_runs_runs_to_its_end(world: World):
    worker = world.worker()
    failing, slow = task("fail"), {"chain": [task("slow"), task("never")]}
    record = world.parts.workflows.submit({"chord": [failing, slow], "callback": task("never")})
    started = {one.task: one.id for one in world.start(worker)}
    world.finish(worker, BOOM, started["fail"])
    world.turn()
    assert world.parts.workflows.get(record.id).state is WorkflowState.FAILED
    world.finish(worker, Succeeded(1), started["slow"])
    world.turn()
    after = world.parts.workflows.get(record.id)
    states = [step.state.value for _, step in steps(after.root)]
    assert states == ["failed", "succeeded", "skipped", "skipped"]
    assert world.start(worker) == []


def test_going_on_after_a_failure(world: World):
    chord = {"chord": [task("a"), task("fail")], "callback": task("sum"), "on_failure": "continue"}
    done = run(world, {"chain": [task("fail"), chord], "on_failure": "continue"})
    assert done.result == ["sum", [["a", None], None]]
    assert done.state is WorkflowState.SUCCEEDED


@pytest.mark.parametrize("ending", ["cancelled", "expired", "dead"])
def test_any_end_but_success_is_a_failure(world: World, ending: str):
    options = {"expires": 5} if ending == "expired" else {}
    if ending == "dead":
        options = {"delivery": "at_most_once"}
    record = world.parts.workflows.submit({"chain": [task("a", options=options), task("b")]})
    (task_id,) = record.running_tasks()
    if ending == "cancelled":
        world.parts.queue.cancel(task_id)
    elif ending == "dead":
        world.start(world.worker())
        world.lose("s1")
    world.turn(6)
    world.turn()
    assert world.states(task_id) == [ending]
    assert world.parts.workflows.get(record.id).state is WorkflowState.FAILED


# What kills it not.


def test_the_note_of_a_step_outlives_everybody(world: World):
    record = world.parts.workflows.submit({"chain": [task("a"), task("b")]})
    worker = world.worker()
    world.start(worker)
    world.finish(worker, Succeeded(7))
    assert world.kv.execute("ZCARD", keys.STEPS) == 1
    # Nobody has followed it up, and everybody has died: another broker comes.
    clock, announcements = world.clock, Announcements()
    Progression(world.kv, announcements, clock, LOG).follow_up()
    (second,) = announcements.steps
    assert (second.task, second.args) == ("b", [7])
    assert world.kv.execute("ZCARD", keys.STEPS) == 0
    assert world.parts.workflows.get(record.id).running_tasks() == [second.id]


def test_two_brokers_follow_up_once(world: World, monkeypatch):
    world.parts.workflows.submit({"chord": [task("a"), task("b")], "callback": task("sum")})
    worker = world.worker()
    world.start(worker)
    world.finish(worker)
    brokers = [Progression(world.kv, Announcements(), world.clock, LOG) for _ in range(2)]
    first, second = brokers
    follow = second._follow

    def interrupted(workflow_id: str, task_ids: list[str]) -> None:
        first.follow_up()
        follow(workflow_id, task_ids)

    monkeypatch.setattr(second, "_follow", interrupted)
    second.follow_up()
    waiting = world.kv.execute("LLEN", keys.queue("default/5"))
    assert waiting == 1


def test_a_step_that_was_retried_by_hand_before_anybody_noticed(world: World):
    record = world.parts.workflows.submit({"chain": [task("a"), task("b")]})
    worker = world.worker()
    (first,) = world.start(worker)
    world.finish(worker, BOOM)
    world.parts.queue.retry(first.id)
    world.turn()
    assert world.parts.workflows.get(record.id).state is WorkflowState.RUNNING
    world.work(spelling)
    assert world.parts.workflows.get(record.id).result == ["b", "a"]


def test_results_are_found_when_the_records_of_the_steps_are_gone(world: World):
    options = {"result_ttl": 0}
    members = [task("a", options=options), {"chain": [task("b"), task("c")]}]
    record = world.parts.workflows.submit({"chord": members, "callback": task("sum")})
    (first, _) = record.running_tasks()
    worker = world.worker()
    world.start(worker)
    world.finish(worker, Succeeded("A"))
    assert world.kv.execute("PTTL", keys.record(first)) > 3600_000
    world.turn()
    world.kv.execute("DEL", keys.record(first))
    world.work(spelling)
    assert world.parts.workflows.get(record.id).result == ["sum", ["A", ["c", "A"]]]


def test_notes_of_what_is_gone_are_removed(world: World):
    world.kv.execute("ZADD", keys.STEPS, 1, "vanished t1", 2, "broken t2", 3, "garbage")
    world.kv.execute("SET", keys.workflow("broken"), "garbage")
    world.turn()
    assert world.kv.execute("EXISTS", keys.STEPS) == 0


# Cancelling.


def test_cancelling_stops_what_runs_and_submits_nothing_more(world: World):
    worker = world.worker()
    record = world.parts.workflows.submit(
        {"chain": [{"group": [task("a"), task("b", options={"queue": "other"})]}, task("c")]}
    )
    world.start(worker, 1)
    running, waiting = list(worker.held), set(record.running_tasks()) - set(worker.held)
    after = world.parts.workflows.cancel(record.id)
    assert after.state is WorkflowState.CANCELLED
    assert world.states(*waiting) == ["cancelled"]
    assert world.announcements.orders == running
    assert worker.renew(1000, b"{}") == running
    world.finish(worker)
    world.turn()
    assert world.parts.workflows.get(record.id).state is WorkflowState.CANCELLED
    assert world.start(worker) == []
    with pytest.raises(IllegalTransition):
        world.parts.workflows.cancel(record.id)
    with pytest.raises(NoSuchWorkflow):
        world.parts.workflows.cancel("unknown")


# What is refused.


def nested(depth: int) -> dict[str, object]:
    return task("a") if depth == 1 else {"chain": [nested(depth - 1)]}


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ([], "body"),
        ({}, "body"),
        ({"chain": [], "group": []}, "body"),
        ({"chain": []}, "chain"),
        ({"chain": {}}, "chain"),
        ({"chain": [7]}, "chain.0"),
        ({"chain": [task("a"), {"group": [task("")]}]}, "chain.1.group.0.task"),
        ({"group": [task("a", options={"retries": -1})]}, "group.0.options.retries"),
        (
            {"group": [task("a", options={"idempotency_key": "k"})]},
            "group.0.options.idempotency_key",
        ),
        ({"chain": [task("a", pass_result=1)]}, "chain.0.pass_result"),
        ({"chain": [task("a")], "on_failure": "retry"}, "on_failure"),
        ({"chain": [task("a")], "callback": task("b")}, "callback"),
        ({"chord": [task("a")]}, "callback"),
        ({"chain": [task("a")], "name": 7}, "name"),
        ({"group": [task("a")] * (MAX_STEPS + 1)}, "body"),
        (nested(MAX_DEPTH + 1), ".".join(["chain.0"] * MAX_DEPTH)),
    ],
)
def test_what_is_no_workflow(world: World, document: object, field: str):
    with pytest.raises(SubmissionError) as refused:
        world.parts.workflows.submit(document)
    assert refused.value.field == field
    assert world.kv.execute("DBSIZE") == 0


# The tree, against a slow and obvious reading.

LEAVES = st.sampled_from([task("good"), task("fail"), task("good", pass_result=False)])
TREES = st.recursive(
    LEAVES,
    lambda nodes: st.fixed_dictionaries(
        {}, optional={"on_failure": st.sampled_from(["fail", "continue"])}
    ).flatmap(
        lambda extra: st.lists(nodes, min_size=1, max_size=3).flatmap(
            lambda members: st.sampled_from(
                [{"chain": members, **extra}, {"group": members, **extra}]
            )
        )
    ),
    max_leaves=8,
)


def expected(document: dict) -> tuple[bool, object]:
    """Whether a node succeeds, and its result, by plain recursion; a step returns its path."""
    if "task" in document:
        return (True, "good") if document["task"] == "good" else (False, None)
    goes_on = document.get("on_failure") == "continue"
    kind = "chain" if "chain" in document else "group"
    results = [expected(member) for member in document[kind]]
    has_succeeded = goes_on or all(good for good, _ in results)
    values = [value if good else None for good, value in results]
    if not has_succeeded:
        return False, None
    return True, values[-1] if kind == "chain" else values


@settings(max_examples=200)
@given(TREES, st.randoms(use_true_random=False))
def test_a_tree_comes_to_its_end_in_any_order(document: dict, random):
    root: Node = parse_node(document, NOW_MS)
    submitted: list[tuple[int, ...]] = []
    under_way: list[tuple[int, ...]] = []
    for _ in range(30):
        settling = Settling()
        root = settling.settle(root)
        paths = [one.path for one in settling.wanted]
        ids = {path: f"task {path}" for path in paths}
        root = changed(
            root, lambda step, path, ids=ids: replace(step, task_id=ids.get(path, step.task_id))
        )
        assert node_from(node_document(root)) == root
        submitted += paths
        under_way += paths
        if not under_way:
            break
        ended = under_way.pop(random.randrange(len(under_way)))

        def end(step: Step, path: tuple[int, ...], ended=ended) -> Step:
            is_good = step.submission["task"] == "good"
            state = NodeState.SUCCEEDED if is_good else NodeState.FAILED
            return replace(step, state=state) if path == ended else step

        root = changed(root, end)
    has_succeeded, value = expected(document)
    assert root.state is (NodeState.SUCCEEDED if has_succeeded else NodeState.FAILED)
    assert len(submitted) == len(set(submitted))
    states = {path: step.state for path, step in steps(root)}
    assert all(state.is_over for state in states.values())
    assert {path for path in states if states[path] is not NodeState.SKIPPED} == set(submitted)
    assert result_of(root, (), dict.fromkeys(states, "good")) == value


def test_what_a_failed_group_wanted_a_moment_ago_is_not_submitted():
    step = Step(task("a"))
    failed = replace(step, state=NodeState.FAILED, task_id="t1")
    chain = Composite("chain", (failed, step), OnFailure.FAIL, NodeState.RUNNING)
    going_on = Composite("chain", (replace(failed, state=NodeState.SUCCEEDED), step))
    settling = Settling()
    after = settling.settle(Composite("group", (going_on, chain), state=NodeState.RUNNING))
    assert after.state is NodeState.FAILED
    assert settling.wanted == []
    assert [one.state.value for _, one in steps(after)] == [
        "succeeded",
        "skipped",
        "failed",
        "skipped",
    ]
