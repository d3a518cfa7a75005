"""Rate limits, slots, unique tasks and pauses: against a store, with workers moved by hand."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.broker import keys
from services.broker.gates import TurnedAway
from services.broker.outcomes import Failed, HandedBack, Succeeded
from services.broker.rate_limits import RateLimits
from services.broker.states import State
from services.broker.submission import parse_submission
from services.broker.task_options import TaskOptions, parse_options
from services.broker.task_record import TaskError
from services.broker.tests.support import record
from services.broker.tests.world import World

FAILED = Failed(TaskError("ValueError", "boom"))


def names(started) -> list[str]:
    return [task.id for task in started]


# Rates.


def test_starts_of_one_name_are_evenly_spaced(world: World):
    worker = world.worker()
    tasks = [world.submit(rate_limit="10/s") for _ in range(4)]
    free = world.submit("other")
    assert set(names(world.start(worker))) == {tasks[0], free}
    assert world.states(*tasks[1:]) == ["scheduled"] * 3
    for expected in tasks[1:]:
        world.turn(0.1)
        assert names(world.start(worker)) == [expected]
    assert "rate limit of 10/s" in world.task(tasks[3]).history[1].detail


def test_a_limited_task_is_claimed_twice_and_no_more(world: World):
    worker = world.worker()
    tasks = [world.submit(rate_limit="1/s") for _ in range(20)]
    world.start(worker)
    for _ in range(19):
        world.turn(1)
        assert len(world.start(worker)) == 1
    states = [[step.state for step in world.task(task).history] for task in tasks]
    assert states[0] == [State.QUEUED, State.RUNNING]
    assert all(
        one == [State.QUEUED, State.SCHEDULED, State.QUEUED, State.RUNNING] for one in states[1:]
    )


def test_workers_share_a_rate(world: World):
    one, two = world.worker("s1"), world.worker("s2")
    for _ in range(4):
        world.submit(rate_limit="1/s")
    assert len(world.start(one, 2) + world.start(two)) == 1


def test_a_start_that_nobody_was_there_for_has_lapsed(world: World):
    worker = world.worker()
    tasks = [world.submit(rate_limit="1/s") for _ in range(50)]
    world.start(worker)
    world.turn(3600)
    assert len(world.start(worker)) == 1
    assert world.states(*tasks).count("scheduled") == 48


def test_the_rate_is_that_of_the_definition_where_the_submission_says_none(world: World):
    worker = world.worker("s1", echo=parse_options({"rate_limit": "1/m"}))
    for _ in range(3):
        world.submit()
    assert len(world.start(worker)) == 1
    world.turn(60)
    assert len(world.start(worker)) == 1


def test_a_limit_that_was_too_low_can_be_put_right(world: World):
    worker = world.worker()
    world.submit(rate_limit="1/h")
    world.start(worker)
    world.turn(1)
    quick = world.submit(rate_limit="1/s")
    slow = world.submit(rate_limit="1/h")
    assert names(world.start(worker)) == [quick]
    assert world.states(slow) == ["scheduled"]


@given(
    st.integers(1, 1000),
    st.sampled_from("smh"),
    st.lists(st.integers(0, 2000), min_size=1, max_size=60),
)
def test_no_period_has_more_starts_than_the_limit(count: int, period: str, gaps_ms: list[int]):
    options = parse_options({"rate_limit": f"{count}/{period}"})
    limits, interval_ms = RateLimits(), options.rate_limit.interval_ms
    now_ms, stored, starts = 1_800_000_000_000, None, []
    for gap_ms in gaps_ms:
        now_ms += gap_ms
        task = record("t1", now_ms, rate_limit=options.rate_limit)
        (read,) = limits.reads(task)
        view = {read: stored}
        turned = limits.check(task, view, now_ms)
        if isinstance(turned, TurnedAway):
            starts.append(turned.after.due_at_ms)
            (command,) = turned.commands
        else:
            starts.append(now_ms)
            (command,) = limits.enter(task, view, now_ms)
        stored = str(command[2]).encode()
    spaces = [later - earlier for earlier, later in pairwise(starts)]
    assert all(space > interval_ms - 1 for space in spaces), "whole milliseconds round up"


# Slots.


def test_tasks_with_one_key_run_one_after_the_other(world: World):
    worker = world.worker()
    tasks = []
    for _ in range(3):
        tasks.append(world.submit(concurrency_key="tenant-7"))
        world.clock.advance_s(0.001)
    other = world.submit(concurrency_key="tenant-8")
    assert set(names(world.start(worker))) == {tasks[0], other}
    assert [world.task(task).lane for task in tasks] == [None, "tenant-7", "tenant-7"]
    queue = world.parts.queues.get("default")
    assert (queue["depth"], queue["blocked"]) == (0, 2)
    assert world.kv.execute("LLEN", keys.queue("default/5")) == 0
    world.turn()
    assert world.start(worker) == [], "nobody is moved while the slot is taken"
    for expected in tasks[1:]:
        world.finish(worker)
        world.turn()
        assert names(world.start(worker)) == [expected]
    world.finish(worker)
    world.turn()
    assert world.parts.queues.get("default")["blocked"] == 0
    left = world.kv.execute("KEYS", "tasks:*")
    assert [key for key in left if b"slots" in key or b"lane" in key or b"released" in key] == []


def test_a_limit_without_a_key_is_for_the_name(world: World):
    worker = world.worker("s1", echo=TaskOptions(concurrency_limit=2))
    for _ in range(5):
        world.submit()
    assert len(world.start(worker)) == 2
    assert world.kv.execute("SCARD", keys.slots("echo")) == 2


@pytest.mark.parametrize("ending", ["failed", "retrying", "handed back", "lost", "cancelled"])
def test_whatever_ends_a_run_frees_its_slot(world: World, ending: str):
    worker = world.worker()
    first = world.submit(concurrency_key="k", retries=1 if ending == "retrying" else 0)
    second = world.submit(concurrency_key="k")
    assert names(world.start(worker)) == [first]
    if ending == "lost":
        world.lose("s1")
    else:
        outcome = HandedBack("stopped") if ending == "handed back" else FAILED
        world.finish(worker, outcome)
        world.turn()
    assert world.kv.execute("SCARD", keys.slots("k")) == 0
    heir = world.worker("s2")
    assert second in names(world.start(heir)) or first in names(world.start(heir))
    assert world.kv.execute("SCARD", keys.slots("k")) == 1


def test_of_those_that_wait_the_highest_priority_goes_first(world: World):
    worker = world.worker()
    world.submit(concurrency_key="k", priority=9)
    low = world.submit(concurrency_key="k", priority=1)
    world.clock.advance_s(1)
    high = world.submit(concurrency_key="k", priority=8)
    world.start(worker)
    world.finish(worker)
    world.turn()
    assert names(world.start(worker)) == [high]
    assert [world.task(low).lane, world.task(high).lane] == ["k", None]


@pytest.mark.parametrize("how", ["cancel", "expire"])
def test_a_task_that_was_let_in_and_never_starts_holds_up_nobody(world: World, how: str):
    worker = world.worker()
    world.submit(concurrency_key="k")
    second = world.submit(concurrency_key="k", expires=5 if how == "expire" else None)
    third = world.submit(concurrency_key="k")
    world.start(worker)
    world.finish(worker)
    world.turn()
    if how == "cancel":
        world.parts.queue.cancel(second)
    world.turn(6)
    world.turn()
    assert world.states(second) == ["cancelled" if how == "cancel" else "expired"]
    assert names(world.start(worker)) == [third]


def test_a_task_in_a_lane_can_be_cancelled_and_can_expire(world: World):
    worker = world.worker()
    world.submit(concurrency_key="k")
    cancelled = world.submit(concurrency_key="k")
    expired = world.submit(concurrency_key="k", expires=3)
    world.start(worker)
    world.parts.queue.cancel(cancelled)
    world.turn(3)
    assert world.states(cancelled, expired) == ["cancelled", "expired"]
    assert world.kv.execute("EXISTS", keys.lane("k")) == 0


def test_one_slot_for_two_workers_at_the_same_moment(world: World):
    one, two = world.worker("s1"), world.worker("s2")
    for _ in range(2):
        world.submit(concurrency_key="k")
    one.advance({}, ["default/5"])
    two.advance({}, ["default/5"])
    started = one.advance({}, []).started + two.advance({}, []).started
    assert len(started) == 1


def test_a_task_that_waits_for_a_slot_reserves_no_start(world: World):
    worker = world.worker()
    for _ in range(3):
        world.submit(concurrency_key="k", rate_limit="1/s")
    world.start(worker)
    world.clock.advance_s(5)
    world.finish(worker)
    world.turn()
    assert len(world.start(worker)) == 1


# Unique tasks.


def test_the_same_work_is_queued_once(world: World):
    first = world.submit("report", 1, unique_for=60)
    assert world.submit("report", 1, unique_for=60) == first
    assert world.submit("report", 2, unique_for=60) != first
    assert world.submit("other", 1, unique_for=60) != first
    worker = world.worker()
    world.start(worker)
    assert world.submit("report", 1, unique_for=60) == first
    world.finish(worker)
    assert world.submit("report", 1, unique_for=60) != first


def test_a_definition_makes_a_task_unique(world: World):
    world.worker("s1", report=TaskOptions(unique_for_s=60))
    assert world.submit("report") == world.submit("report")


def test_the_same_work_twice_in_one_request(world: World):
    documents = [{"task": "report", "options": {"unique_for": 5}}] * 2
    submissions = [parse_submission(document, world.clock.now_ms) for document in documents]
    (one, is_new), (two, is_second_new) = world.parts.queue.submit(submissions)
    assert (one.id == two.id, is_new, is_second_new) == (True, True, True)


def test_after_its_time_the_same_work_is_queued_again(world: World):
    first = world.submit("report", unique_for=0.001)
    digest = "tasks:unique:*"
    while world.kv.execute("KEYS", digest):
        pass  # One millisecond, by kvdb's own clock.
    assert world.submit("report", unique_for=0.001) != first


# Pauses and weights.


def test_nothing_of_a_paused_queue_starts(world: World):
    worker = world.worker()
    tasks = [world.submit(queue="mail") for _ in range(3)]
    other = world.submit()
    world.parts.queues.change("mail", {"paused": True})
    assert names(world.start(worker)) == [other]
    assert "mail/5" not in worker.backlog()
    # A worker that has not heard of it claims all the same.
    world.parts.queues.change("mail", {"paused": False})
    worker.backlog()
    world.parts.queues.change("mail", {"paused": True})
    worker.advance({}, ["mail/5"] * 3)
    assert worker.advance({}, []).started == []
    waiting = world.kv.execute("LRANGE", keys.queue("mail/5"), 0, -1)
    assert [task.decode() for task in waiting] == tasks, "they are where they were"
    assert worker.advance({}, ["mail/5"]).left == {"mail/5": 0}
    world.parts.queues.change("mail", {"paused": False})
    assert world.announcements.looks[-1] == {"mail/5": 3}
    assert names(world.start(worker)) == tasks


def test_what_runs_when_a_queue_is_paused_goes_on(world: World):
    worker = world.worker()
    task = world.submit()
    world.start(worker)
    world.parts.queues.change("default", {"paused": True})
    world.finish(worker, Succeeded(1))
    assert world.states(task) == ["succeeded"]


def test_workers_learn_weights(world: World):
    worker = world.worker()
    world.parts.queues.change("mail", {"weight": 7})
    world.parts.queues.change("mail", {"paused": True})
    world.parts.queues.change("other", {"paused": True})
    worker.backlog()
    assert worker.queue_weights == {"mail": 7}
    world.kv.execute("HSET", keys.QUEUE_SETTINGS, "mail", "garbage")
    worker.backlog()
    assert worker.queue_weights == {}
