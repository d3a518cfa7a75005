"""The scheduler's duties and the election of who does them, with a hand on the clock."""

from dataclasses import replace

import pytest

from services.broker import keys
from services.broker.duties import Duty, standard_duties
from services.broker.election import Election
from services.broker.events import decode_events, encode_events, event_of
from services.broker.places import commands_to_create, commands_to_move
from services.broker.reaper import Reaper
from services.broker.rules import standard_rules
from services.broker.scheduler import Scheduler
from services.broker.states import State
from services.broker.submission import Submission, new_record
from services.broker.task_options import TaskOptions
from services.broker.task_record import TaskRecord, decode_record
from services.broker.tests.support import LOG, Announcements, HandClock, record, running
from services.common.health import Vitals
from services.kvdb.client import KVClient


class Bench:
    """A scheduler whose turns are taken by hand."""

    def __init__(self, kv: KVClient, name: str = "broker-1"):
        self.kv = kv
        self.clock = HandClock()
        self.announcements = Announcements()
        reaper = Reaper(kv, standard_rules(), self.clock, self.clock.monotonic_s, LOG)
        self.scheduler = Scheduler(
            kv,
            Election(kv, name),
            standard_duties(kv, reaper, self.announcements, self.clock, LOG),
            reaper.start_over,
            Vitals("broker"),
            self.clock,
            LOG,
        )

    def submit(self, task: TaskRecord) -> None:
        self.kv.transaction(*commands_to_create(task))

    def state(self, task_id: str) -> State:
        return decode_record(self.kv.execute("GET", keys.record(task_id))).state

    def turn(self) -> float:
        return self.scheduler._turn()


@pytest.fixture
def bench(kv: KVClient) -> Bench:
    return Bench(kv)


def scheduled(task_id: str, clock: HandClock, delay_s: float, **options) -> TaskRecord:
    due_at_ms = clock.now_ms + round(delay_s * 1000)
    submission = Submission("echo", [], {}, TaskOptions(**options), due_at_ms)
    return new_record(submission, None, task_id, clock.now_ms)


def test_a_task_is_queued_when_its_time_has_come(bench: Bench):
    bench.submit(scheduled("t1", bench.clock, 0.5))
    bench.submit(scheduled("t2", bench.clock, 60))
    assert bench.turn() == 0.5
    assert bench.state("t1") is State.SCHEDULED
    bench.clock.advance_s(0.5)
    assert bench.turn() == 1.0
    assert (bench.state("t1"), bench.state("t2")) == (State.QUEUED, State.SCHEDULED)
    assert bench.kv.execute("LRANGE", keys.queue("default/5"), 0, -1) == [b"t1"]
    assert bench.kv.execute("ZRANGE", keys.DUE, 0, -1) == [b"t2"]
    assert bench.announcements.states() == [("t1", State.QUEUED)]


def test_a_retry_is_queued_when_its_time_has_come(bench: Bench):
    task = running(record("t1", bench.clock.now_ms))
    retrying = task.moved_to(State.RETRYING, bench.clock.now_ms, due_at_ms=bench.clock.now_ms + 100)
    bench.kv.transaction(*commands_to_create(record("t1")), *commands_to_move(task, retrying, "s1"))
    bench.clock.advance_s(1)
    bench.turn()
    assert bench.state("t1") is State.QUEUED


def test_many_tasks_are_queued_in_the_order_of_their_times(bench: Bench):
    for number in range(250):
        bench.submit(scheduled(f"t{number:03}", bench.clock, 1 + number / 1000))
    bench.clock.advance_s(5)
    bench.turn()
    assert bench.kv.execute("LRANGE", keys.queue("default/5"), 0, -1) == [
        f"t{number:03}".encode() for number in range(250)
    ]


@pytest.mark.parametrize("delay_s", [0, 30, 0.5])
def test_a_task_expires_though_nobody_comes_by(bench: Bench, delay_s: float):
    bench.submit(scheduled("t1", bench.clock, delay_s, expires_s=2))
    assert bench.turn() <= 1.0
    bench.clock.advance_s(2)
    bench.turn()
    assert bench.state("t1") is State.EXPIRED
    places = (keys.DUE, keys.EXPIRING, keys.queue("default/5"))
    assert bench.kv.execute("EXISTS", *places) == 0
    assert bench.announcements.states()[-1] == ("t1", State.EXPIRED)


def test_entries_without_a_task_are_removed(bench: Bench):
    bench.submit(record("t1"))
    bench.kv.execute("ZADD", keys.DUE, 1, "vanished", 2, "t1", 3, "garbage")
    bench.kv.execute("SET", keys.record("garbage"), "garbage")
    bench.turn()
    assert bench.kv.execute("EXISTS", keys.DUE) == 0
    assert bench.state("t1") is State.QUEUED


def test_index_entries_follow_the_records_that_expired(bench: Bench):
    for number in range(250):
        task = running(record(f"t{number:03}")).moved_to(State.SUCCEEDED, number)
        bench.kv.transaction(*commands_to_move(record(task.id), task))
    for number in range(180):
        bench.kv.execute("DEL", keys.record(f"t{number:03}"))
    bench.turn()
    assert bench.kv.execute("ZCARD", keys.in_state(State.SUCCEEDED)) == 70


def test_one_broker_leads(kv: KVClient):
    one, two = Election(kv, "one"), Election(kv, "two")
    assert [one.campaign(), two.campaign(), one.campaign()] == [True, False, True]
    assert kv.execute("PTTL", keys.LEADER) > 0
    two.resign()
    assert not two.campaign()
    one.resign()
    assert [two.campaign(), one.campaign()] == [True, False]


def test_the_lease_of_a_dead_leader_runs_out(kv: KVClient):
    dead, heir = Election(kv, "dead", lease_ms=1), Election(kv, "heir")
    dead.campaign()
    while not heir.campaign():
        pass  # One millisecond, by kvdb's own clock.
    assert kv.execute("GET", keys.LEADER) == b"heir"


def test_who_does_not_lead_does_nothing(bench: Bench):
    Election(bench.kv, "another").campaign()
    bench.submit(scheduled("t1", bench.clock, 0.1))
    bench.clock.advance_s(1)
    bench.turn()
    assert bench.state("t1") is State.SCHEDULED


def test_a_new_leader_gives_every_worker_one_lease_of_time(bench: Bench):
    facts = '{"worker": "w", "lease_ms": 5000}'
    bench.kv.execute("SADD", keys.SESSIONS, "s1")
    bench.kv.execute("SET", keys.fence("s1"), facts)
    bench.clock.advance_s(3600)
    bench.turn()
    assert bench.kv.execute("EXISTS", keys.fence("s1")) == 1


def test_a_duty_that_fails_keeps_nobody_from_the_others(bench: Bench, caplog):
    def fail() -> None:
        raise ValueError("boom")

    bench.scheduler._duties = [Duty("fail", fail), *bench.scheduler._duties]
    bench.scheduler._done_s["fail"] = float("-inf")
    bench.submit(scheduled("t1", bench.clock, 0.1))
    bench.clock.advance_s(1)
    bench.submit(scheduled("t2", bench.clock, 0.1))
    assert bench.turn() == 1.0, "though another task is due before that"
    assert bench.state("t1") is State.QUEUED
    assert "a duty of the scheduler failed" in caplog.text


def test_a_schedule_decides_how_long_there_is_nothing_to_do(bench: Bench):
    bench.kv.execute("ZADD", keys.SCHEDULES, bench.clock.now_ms + 250, "s", "+inf", "paused")
    assert bench.turn() == 0.25


@pytest.mark.parametrize(
    ("task", "is_woken"),
    [
        (record("t1"), False),
        (running(record("t1", concurrency_key="k")), False),
        (running(record("t1", concurrency_key="k")).moved_to(State.FAILED, 9), True),
        (replace(running(record("t1")), workflow="w").moved_to(State.SUCCEEDED, 9), True),
        (record("t1", concurrency_key="k").waiting_in("k", 9, "no slot"), False),
    ],
)
def test_events_that_are_to_be_followed_up_wake_it(bench: Bench, task, is_woken: bool):
    (event,) = decode_events(encode_events([event_of(task)]))
    assert event == event_of(task)
    bench.scheduler.on_event(event)
    assert bench.scheduler._woken.is_set() == is_woken
