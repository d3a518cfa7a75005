"""Claim, lease, acknowledge: the session of a worker against a store, and what kills it."""

import json
from collections.abc import Callable, Iterator

import pytest

from services.broker import keys
from services.broker.delivery import Session
from services.broker.events import decode_events
from services.broker.fence import Fenced
from services.broker.outcomes import Failed, HandedBack, Succeeded
from services.broker.places import commands_to_create
from services.broker.reaper import Reaper
from services.broker.rules import standard_rules
from services.broker.states import State
from services.broker.task_options import Delivery, TaskOptions
from services.broker.task_queue import TaskQueue
from services.broker.task_record import TaskError, TaskRecord, decode_record
from services.broker.tests.support import LOG, Announcements, HandClock, Stepped, Store, record
from services.common.resp_client import ConnectionLost, RespConnection
from services.kvdb.client import KVClient

LEASE_MS = 60_000
DEFAULT = "default/5"
DONE = Succeeded("done")


class Bench:
    """A store with sessions on it, and a hand on everything."""

    def __init__(self, store: Store, kv: KVClient):
        self.store = store
        self.kv = kv
        self.clock = HandClock()
        self.connections: list[RespConnection] = []
        self.queue = TaskQueue(kv, Announcements(), self.clock)
        self.reaper = Reaper(kv, standard_rules(), self.clock, self.clock.monotonic_s, LOG)

    def connect(self) -> RespConnection:
        self.connections.append(RespConnection(self.store.kvdb))
        return self.connections[-1]

    def session(self, name: str = "s1", **definitions: TaskOptions) -> Stepped:
        session = Stepped(
            Session(name, f"worker of {name}", standard_rules(), definitions, self.clock, LOG)
        )
        session.open(self.connect(), LEASE_MS, b"{}")
        return session

    def submit(self, *tasks: TaskRecord) -> None:
        for task in tasks:
            self.kv.transaction(*commands_to_create(task))

    def stored(self, task_id: str) -> TaskRecord:
        return decode_record(self.kv.execute("GET", keys.record(task_id)))

    def queued(self, name: str = DEFAULT) -> list[bytes]:
        return self.kv.execute("LRANGE", keys.queue(name), 0, -1)

    def claimed(self, session: str = "s1") -> list[bytes]:
        return self.kv.execute("LRANGE", keys.claimed(session), 0, -1)

    def lose(self, session: str) -> list[TaskRecord]:
        """The lease runs out, and a scheduler that has watched for long enough looks."""
        self.kv.execute("DEL", keys.lease(session))
        self.clock.advance_s(LEASE_MS / 1000 + 1)
        return self.reaper.look()

    def indexed(self) -> dict[State, list[bytes]]:
        """The ids in the index of each state, where it has any."""
        found = {state: self.kv.execute("ZRANGE", keys.in_state(state), 0, -1) for state in State}
        return {state: ids for state, ids in found.items() if ids}


@pytest.fixture
def bench(store: Store, kv: KVClient) -> Iterator[Bench]:
    bench = Bench(store, kv)
    yield bench
    for connection in bench.connections:
        connection.close()


def started(session: Stepped, *names: str) -> list[str]:
    """Claim from these lists, and start what was claimed."""
    session.advance({}, names or [DEFAULT])
    return [task.id for task in session.advance({}, []).started]


def test_a_task_is_claimed_started_and_finished(bench: Bench):
    bench.submit(record("t1"), record("t2"))
    session = bench.session()
    first = session.advance({}, [DEFAULT])
    assert (first.started, first.left) == ([], {DEFAULT: 1})
    assert (bench.claimed(), bench.queued()) == ([b"t1"], [b"t2"])
    assert bench.stored("t1").state is State.QUEUED

    second = session.advance({}, [])
    assert [task.id for task in second.started] == ["t1"]
    running = bench.stored("t1")
    assert (running.state, running.session, running.attempts) == (State.RUNNING, "s1", 1)
    assert running.worker == "worker of s1"

    third = session.advance({"t1": DONE}, [DEFAULT])
    assert [(task.id, task.state) for task in third.steps] == [("t1", State.SUCCEEDED)]
    assert (bench.claimed(), bench.queued(), session.claimed_count) == ([b"t2"], [], 1)
    assert bench.stored("t1").result == "done"
    assert bench.kv.execute("PTTL", keys.record("t1")) > 0
    assert bench.indexed() == {State.SUCCEEDED: [b"t1"], State.QUEUED: [b"t2"]}


def test_an_empty_list_gives_nothing(bench: Bench):
    result = bench.session().advance({}, [DEFAULT, "other/9"])
    assert (result.started, result.left) == ([], {DEFAULT: 0, "other/9": 0})


def test_two_sessions_never_get_the_same_task(bench: Bench):
    bench.submit(*(record(f"t{number}") for number in range(10)))
    one, two = bench.session("s1"), bench.session("s2")
    got = [*started(one, *[DEFAULT] * 4), *started(two, *[DEFAULT] * 4), *started(one)]
    assert sorted(got) == sorted({f"t{number}" for number in range(9)})


def test_what_is_claimed_ahead_stays_claimed_until_it_may_start(bench: Bench):
    bench.submit(*(record(f"t{number}") for number in range(4)))
    session = bench.session()
    session.advance({}, [DEFAULT] * 3)
    first = session.advance({}, [], starts=1)
    assert ([task.id for task in first.started], session.claimed_count) == (["t0"], 2)
    second = session.advance({"t0": DONE}, [DEFAULT], starts=1)
    assert [task.id for task in second.started] == ["t1"]
    assert bench.claimed() == [b"t1", b"t2", b"t3"]
    session.give_back()
    assert (bench.claimed(), bench.queued()) == ([b"t1"], [b"t2", b"t3"])
    assert session.claimed_count == 0


def test_what_the_definition_says_is_filled_in_at_the_start(bench: Bench):
    bench.submit(record("t1", retries=1))
    session = bench.session(echo=TaskOptions(retries=9, timeout_s=5.0))
    assert started(session) == ["t1"]
    assert bench.stored("t1").options == TaskOptions(retries=1, timeout_s=5.0)
    announced = bench.kv.execute("HGET", keys.DEFINITIONS, "echo")
    assert json.loads(announced) == {"retries": 9, "timeout": 5.0}


def test_a_failure_waits_for_its_next_attempt(bench: Bench):
    bench.submit(record("t1", retries=1, retry_delay_s=8.0))
    session = bench.session()
    started(session)
    session.advance({"t1": Failed(TaskError("ValueError", "boom"))}, [])
    task = bench.stored("t1")
    assert task.state is State.RETRYING
    assert bench.kv.execute("ZSCORE", keys.DUE, "t1") == str(task.due_at_ms).encode()
    assert bench.claimed() == []


def test_a_task_that_expired_is_dropped_at_its_start(bench: Bench):
    bench.submit(record("t1", expires_s=1.0))
    session = bench.session()
    session.advance({}, [DEFAULT])
    bench.clock.advance_s(2)
    result = session.advance({}, [])
    assert (result.started, bench.stored("t1").state) == ([], State.EXPIRED)
    assert (bench.claimed(), bench.kv.execute("ZCARD", keys.EXPIRING)) == ([], 0)


def test_a_task_that_was_cancelled_before_its_start_is_dropped(bench: Bench):
    bench.submit(record("t1"))
    session = bench.session()
    session.advance({}, [DEFAULT])
    bench.queue.cancel("t1")
    assert session.advance({}, []).started == []
    assert (bench.stored("t1").state, bench.claimed()) == (State.CANCELLED, [])


def test_a_cancellation_between_reading_and_starting_wins(bench: Bench):
    bench.submit(record("t1"))
    session = bench.session()
    session.advance({}, [DEFAULT])
    before_the_start(session, lambda: bench.queue.cancel("t1"))
    assert session.advance({}, []).started == []
    assert bench.stored("t1").state is State.CANCELLED


def before_the_start(session: Stepped, interfere: Callable[[], object]) -> None:
    """Do something just before the next transaction of the session leaves."""
    pipeline = session.connection.pipeline

    def interfered(requests):
        if ("EXEC",) in requests:
            session.connection.pipeline = pipeline
            interfere()
        return pipeline(requests)

    session.connection.pipeline = interfered


def trips(session: Stepped) -> list[list]:
    """Everything that the session sends from now on, by round trip."""
    pipeline, sent = session.connection.pipeline, []

    def counted(requests):
        sent.append(requests)
        return pipeline(requests)

    session.connection.pipeline = counted
    return sent


def test_a_task_that_was_expected_starts_in_two_trips(bench: Bench):
    bench.submit(record("t1"))
    session = bench.session()
    sent = trips(session)
    session.advance({}, [DEFAULT], expected=["t1"])
    assert [task.id for task in session.advance({}, []).started] == ["t1"]
    assert len(sent) == 2


@pytest.mark.parametrize("expected", [["t2"], ["t3"], ["gone"]])
def test_a_wrong_expectation_costs_a_trip_and_nothing_else(bench: Bench, expected: list[str]):
    bench.submit(record("t1"), record("t2"))
    bench.submit(record("t3", queue="other"))
    session = bench.session()
    sent = trips(session)
    session.advance({}, [DEFAULT], expected=expected)
    assert [task.id for task in session.advance({}, []).started] == ["t1"]
    assert len(sent) == 3
    assert [bench.stored(name).state for name in ("t2", "t3")] == [State.QUEUED] * 2


def test_what_is_expected_and_not_stored_yet_is_missing(bench: Bench):
    bench.submit(record("t2"))
    session, other = bench.session(), bench.session("s2")
    other.advance({}, [DEFAULT])
    early = session.advance({}, [DEFAULT, DEFAULT], expected=["t1", "t2"])
    assert (early.missing, early.left) == (["t1"], {DEFAULT: 0})
    bench.submit(record("t1"))
    assert session.advance({}, [DEFAULT], expected=["t1"]).missing == []
    assert [task.id for task in session.advance({}, []).started] == ["t1"]


def heard_ends(bench: Bench) -> Callable[[], list[tuple[str, State]]]:
    """What is told of ends from now on; each call waits for one message."""
    connection = bench.connect()
    connection.execute("SUBSCRIBE", keys.ENDS_CHANNEL)

    def heard() -> list[tuple[str, State]]:
        _, _, message = connection.read_reply()
        return [(event.id, event.state) for event in decode_events(message)]

    return heard


def test_an_end_is_told_by_the_transaction_that_makes_it(bench: Bench):
    bench.submit(record("t1"), record("t2"), record("t3"))
    session = bench.session()
    heard = heard_ends(bench)
    started(session, DEFAULT, DEFAULT)
    session.advance({"t1": DONE, "t2": HandedBack("stopped")}, [])
    assert heard() == [("t1", State.SUCCEEDED)]
    bench.queue.cancel("t3")
    assert heard() == [("t3", State.CANCELLED)]


def test_a_session_that_was_given_up_tells_of_no_end(bench: Bench):
    bench.submit(record("t1"))
    session = bench.session()
    started(session)
    heard = heard_ends(bench)
    bench.lose("s1")
    with pytest.raises(Fenced):
        session.advance({"t1": DONE}, [])
    bench.queue.cancel("t1")
    assert heard() == [("t1", State.CANCELLED)]


def test_what_waits_in_the_session_is_read_with_the_transaction_before(bench: Bench):
    bench.submit(record("t1"), record("t2"), record("t3"))
    session = bench.session()
    session.advance({}, [DEFAULT] * 3)
    session.advance({}, [], starts=1)
    sent = trips(session)
    second = session.advance({"t1": DONE}, [], starts=1)
    third = session.advance({"t2": DONE}, [], starts=1)
    assert [[task.id for task in one.started] for one in (second, third)] == [["t2"], ["t3"]]
    assert len(sent) == 2


@pytest.mark.parametrize("when", ["after the reading", "before the start"])
def test_a_cancellation_of_what_was_read_ahead_wins(bench: Bench, when: str):
    bench.submit(record("t1"))
    session = bench.session()
    session.advance({}, [DEFAULT], expected=["t1"])
    if when == "after the reading":
        bench.queue.cancel("t1")
    else:
        before_the_start(session, lambda: bench.queue.cancel("t1"))
    assert session.advance({}, []).started == []
    assert (bench.stored("t1").state, bench.claimed()) == (State.CANCELLED, [])


def test_what_was_read_ahead_is_read_again_when_the_watch_has_ended(bench: Bench):
    """Another transaction of the session lies between, and its EXEC ends the WATCH."""
    bench.submit(record("t1"), record("t2"))
    session = bench.session()
    started(session)
    session.advance({}, [DEFAULT], expected=["t2"])
    session.advance({"t1": DONE}, [], starts=0)
    bench.queue.cancel("t2")
    assert session.advance({}, []).started == []
    assert bench.stored("t2").state is State.CANCELLED


OUTCOMES_THAT_GO_ON = [Failed(TaskError("ValueError", "no")), HandedBack("the worker stops")]


@pytest.mark.parametrize("outcome", OUTCOMES_THAT_GO_ON)
@pytest.mark.parametrize("when", ["while it runs", "before its end is stored"])
def test_a_cancelled_task_has_no_further_attempt(bench: Bench, when: str, outcome: object):
    bench.submit(record("t1", retries=3))
    session = bench.session()
    started(session)
    if when == "while it runs":
        bench.queue.cancel("t1")
    else:
        before_the_start(session, lambda: bench.queue.cancel("t1"))
    (step,) = session.advance({"t1": outcome}, []).steps
    assert (step.state, bench.stored("t1").state) == (State.CANCELLED, State.CANCELLED)
    assert bench.indexed() == {State.CANCELLED: [b"t1"]}
    assert (bench.claimed(), bench.queued()) == ([], [])


def test_a_cancelled_task_that_ends_by_itself_has_its_result(bench: Bench):
    bench.submit(record("t1"))
    session = bench.session()
    started(session)
    bench.queue.cancel("t1")
    session.advance({"t1": DONE}, [])
    assert bench.stored("t1").state is State.SUCCEEDED


def test_a_cancelled_task_whose_worker_is_lost_is_not_run_again(bench: Bench):
    bench.submit(record("t1"))
    started(bench.session())
    bench.queue.cancel("t1")
    assert [task.state for task in bench.lose("s1")] == [State.CANCELLED]
    assert (bench.stored("t1").losses, bench.queued()) == (0, [])


def test_an_order_to_cancel_is_seen_when_the_lease_is_renewed(bench: Bench):
    bench.submit(record("t1"), record("t2"))
    session = bench.session()
    started(session, DEFAULT, DEFAULT)
    assert session.renew(LEASE_MS, b"{}") == []
    assert bench.queue.cancel("t2").state is State.RUNNING
    assert session.renew(LEASE_MS, b"{}") == ["t2"]


@pytest.mark.parametrize("rest", [None, b"garbage"])
def test_a_record_that_vanished_or_was_overwritten_does_no_harm(bench: Bench, rest: bytes | None):
    bench.submit(record("t1"), record("t2"))
    bench.kv.execute("DEL", keys.record("t1"))
    if rest is not None:
        bench.kv.execute("SET", keys.record("t1"), rest)
    session = bench.session()
    assert started(session, DEFAULT, DEFAULT) == ["t2"]
    assert bench.claimed() == [b"t2"]


def test_a_key_of_the_wrong_type_does_no_harm(bench: Bench):
    bench.submit(record("t1"))
    bench.kv.execute("SET", keys.queue("bad/5"), "no list")
    session = bench.session()
    assert session.advance({}, ["bad/5", DEFAULT]).left == {"bad/5": 0, DEFAULT: 0}
    assert [task.id for task in session.advance({}, []).started] == ["t1"]


def test_an_outcome_of_a_task_that_is_not_held_is_ignored(bench: Bench):
    bench.submit(record("t1"))
    result = bench.session().advance({"t1": DONE}, [])
    assert (result.steps, bench.stored("t1").state) == ([], State.QUEUED)


def test_a_session_that_ends_gives_back_what_it_has_not_started(bench: Bench):
    bench.submit(record("t1"), record("t2"), record("t3"))
    session = bench.session()
    session.advance({}, [DEFAULT, DEFAULT])
    session.close()
    assert bench.queued() == [b"t1", b"t2", b"t3"]
    left = [keys.claimed("s1"), keys.fence("s1"), keys.lease("s1"), keys.SESSIONS]
    assert bench.kv.execute("EXISTS", *left) == 0


# Losing the lease.


def test_the_tasks_of_a_lost_worker_go_to_another(bench: Bench):
    bench.submit(record("t1"), record("t2"), record("t3"))
    lost = bench.session("s1")
    started(lost)
    lost.advance({}, [DEFAULT])  # t1 runs, t2 is claimed, t3 is queued
    steps = bench.lose("s1")
    assert {(task.id, task.state, task.losses) for task in steps} == {
        ("t1", State.QUEUED, 1),
        ("t2", State.QUEUED, 0),
    }
    assert set(bench.queued()) == {b"t1", b"t2", b"t3"}
    assert set(started(bench.session("s2"), *[DEFAULT] * 3)) == {"t1", "t2", "t3"}
    assert (bench.stored("t1").attempts, bench.stored("t2").attempts) == (2, 1)


def test_a_worker_that_lost_its_lease_cannot_write(bench: Bench):
    bench.submit(record("t1"))
    slow = bench.session("s1")
    started(slow)
    bench.lose("s1")
    other = bench.session("s2")
    started(other)
    with pytest.raises(Fenced):
        slow.advance({"t1": Succeeded("late")}, [])
    assert bench.stored("t1").session == "s2"
    other.advance({"t1": DONE}, [])
    for _ in range(2):
        with pytest.raises(Fenced):
            slow.advance({"t1": Succeeded("even later")}, [])
    assert bench.stored("t1").result == "done"
    assert bench.stored("t1").attempts == 2


def test_a_worker_that_lost_its_lease_can_neither_claim_nor_renew(bench: Bench):
    slow = bench.session("s1")
    bench.lose("s1")
    bench.submit(record("t1"))
    with pytest.raises(Fenced):
        slow.renew(LEASE_MS, b"{}")
    with pytest.raises(Fenced):
        slow.advance({}, [DEFAULT])
    with pytest.raises(Fenced):
        slow.reconcile(bench.connect())
    assert (bench.queued(), bench.claimed("s1")) == ([b"t1"], [])


def test_a_fence_that_falls_right_behind_a_transaction_is_noticed(bench: Bench):
    """EXEC succeeds, and the WATCH behind it comes too late to see the fence fall."""
    bench.submit(record("t1"), record("t2"))
    session = bench.session()
    started(session)
    pipeline = session.connection.pipeline

    def reap_before_the_watch(requests):
        cut = requests.index(("EXEC",)) + 1
        replies = pipeline(requests[:cut])
        bench.lose("s1")
        return [*replies, *pipeline(requests[cut:])]

    session.connection.pipeline = reap_before_the_watch
    session.advance({}, [DEFAULT])
    session.connection.pipeline = pipeline
    with pytest.raises(Fenced):
        session.advance({"t1": DONE}, [])
    assert bench.stored("t1").state is State.QUEUED


def test_a_worker_that_renews_in_time_is_left_alone(bench: Bench):
    bench.submit(record("t1"))
    session = bench.session()
    started(session)
    bench.clock.advance_s(10 * LEASE_MS)
    assert bench.reaper.look() == []
    session.advance({"t1": DONE}, [])
    assert bench.stored("t1").state is State.SUCCEEDED


def test_a_lease_that_ran_out_while_kvdb_was_away_means_nothing(bench: Bench):
    session = bench.session()
    bench.clock.advance_s(10 * LEASE_MS)
    bench.reaper.start_over()
    bench.kv.execute("DEL", keys.lease("s1"))
    assert bench.reaper.look() == []
    session.renew(LEASE_MS, b"{}")
    bench.clock.advance_s(2 * LEASE_MS)
    bench.reaper.look()
    session.renew(LEASE_MS, b"{}")


def test_a_renewal_in_the_moment_of_the_reaping_wins(bench: Bench, monkeypatch):
    session = bench.session()
    bench.kv.execute("DEL", keys.lease("s1"))
    bench.clock.advance_s(2 * LEASE_MS)
    is_patience_over = bench.reaper._is_patience_over

    def renew_meanwhile(facts):
        session.renew(LEASE_MS, b"{}")
        return is_patience_over(facts)

    monkeypatch.setattr(bench.reaper, "_is_patience_over", renew_meanwhile)
    assert bench.reaper.look() == []
    session.renew(LEASE_MS, b"{}")


def test_a_task_that_must_not_run_twice_is_dead_only_if_it_ran(bench: Bench):
    once = {"delivery": Delivery.AT_MOST_ONCE}
    bench.submit(record("t1", **once), record("t2", **once))
    session = bench.session()
    started(session)
    session.advance({}, [DEFAULT])
    bench.lose("s1")
    assert bench.stored("t1").state is State.DEAD
    assert bench.stored("t2").state is State.QUEUED
    assert bench.queued() == [b"t2"]


def test_the_reaper_leaves_the_tasks_of_others_alone(bench: Bench):
    """A stale id in the list of a lost session, of a task that another one runs."""
    bench.submit(record("t1"))
    bench.session("s1")
    other = bench.session("s2")
    started(other)
    bench.kv.execute("RPUSH", keys.claimed("s1"), "t1", "vanished")
    assert bench.lose("s1") == []
    assert bench.stored("t1").session == "s2"
    other.advance({"t1": DONE}, [])
    assert bench.stored("t1").state is State.SUCCEEDED


# Losing the connection.


def cut_after_exec(session: Stepped) -> None:
    """The next transaction is carried out, and its answer is lost."""
    connection = session.connection
    pipeline = connection.pipeline

    def carry_out_and_fail(requests):
        replies = pipeline(requests)
        if ("EXEC",) in requests:
            connection.close()
            raise ConnectionLost("cut")
        return replies

    connection.pipeline = carry_out_and_fail


def test_a_claim_whose_answer_was_lost_is_found_again(bench: Bench):
    bench.submit(record("t1"))
    session = bench.session()
    cut_after_exec(session)
    with pytest.raises(ConnectionLost):
        session.advance({}, [DEFAULT])
    assert session.reconcile(bench.connect()) == []
    assert [task.id for task in session.advance({}, []).started] == ["t1"]


def test_a_start_whose_answer_was_lost_is_a_start(bench: Bench):
    bench.submit(record("t1", delivery=Delivery.AT_MOST_ONCE))
    session = bench.session()
    session.advance({}, [DEFAULT])
    cut_after_exec(session)
    with pytest.raises(ConnectionLost):
        session.advance({}, [])
    session.reconcile(bench.connect())
    assert [task.id for task in session.advance({}, []).started] == ["t1"]
    session.advance({"t1": DONE}, [])
    assert (bench.stored("t1").state, bench.stored("t1").attempts) == (State.SUCCEEDED, 1)


def test_a_result_whose_answer_was_lost_is_not_written_twice(bench: Bench):
    bench.submit(record("t1"))
    session = bench.session()
    (task,) = (started(session), session.held["t1"])[1:]
    cut_after_exec(session)
    with pytest.raises(ConnectionLost):
        session.advance({"t1": DONE}, [])
    assert session.reconcile(bench.connect()) == [task]
    assert [one.state for one in session.look_up([task])] == [State.SUCCEEDED]
    session.advance({"t1": Succeeded("again")}, [])
    assert bench.stored("t1").result == "done"


def test_a_result_that_was_not_written_is_written_after_the_reconnect(bench: Bench):
    bench.submit(record("t1"))
    session = bench.session()
    started(session)
    session.connection.close()
    with pytest.raises(ConnectionLost):
        session.advance({"t1": DONE}, [])
    assert session.reconcile(bench.connect()) == []
    session.advance({"t1": DONE}, [])
    assert bench.stored("t1").result == "done"


def test_kvdb_forgets_the_end_of_a_task(bench: Bench):
    """It comes back with a task that runs, and nobody runs it: its end is lost."""
    bench.submit(record("t1"))
    session = bench.session()
    started(session)
    before = bench.stored("t1")
    session.advance({"t1": DONE}, [])
    bench.kv.execute("SET", keys.record("t1"), before.encode())
    bench.kv.execute("RPUSH", keys.claimed("s1"), "t1")
    assert session.reconcile(bench.connect()) == []
    result = session.advance({}, [])
    assert (result.started, [task.state for task in result.steps]) == ([], [State.QUEUED])
    assert started(session) == ["t1"]
    assert (bench.stored("t1").losses, bench.stored("t1").attempts) == (1, 2)


def test_kvdb_forgets_the_start_of_a_task(bench: Bench):
    """It comes back with a task that waits, while we run it: ours is to be stopped."""
    bench.submit(record("t1"))
    before = bench.stored("t1")
    session = bench.session()
    started(session)
    bench.kv.execute("DEL", keys.claimed("s1"))
    bench.kv.transaction(*commands_to_create(before))
    assert [task.id for task in session.reconcile(bench.connect())] == ["t1"]
    session.advance({"t1": Succeeded("of an attempt that never was")}, [])
    assert bench.stored("t1").state is State.QUEUED


def test_kvdb_forgets_everything(bench: Bench):
    bench.submit(record("t1"))
    session = bench.session()
    started(session)
    bench.kv.execute("FLUSHDB")
    with pytest.raises(Fenced):
        session.reconcile(bench.connect())


def test_a_task_claimed_twice_by_one_session_runs_once(bench: Bench):
    bench.submit(record("t1"))
    session = bench.session()
    started(session)
    bench.kv.execute("RPUSH", keys.queue(DEFAULT), "t1")
    assert started(session) == []
    session.advance({"t1": DONE}, [])
    assert (bench.stored("t1").attempts, bench.claimed()) == (1, [])
