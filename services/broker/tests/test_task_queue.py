"""What the API does to tasks: submit, cancel, retry, and never half of it."""

import threading

import pytest

from services.broker import keys
from services.broker.places import commands_to_create, commands_to_move
from services.broker.states import IllegalTransition, State
from services.broker.submission import Submission
from services.broker.task_options import TaskOptions
from services.broker.task_queue import NoSuchTask, TaskQueue
from services.broker.tests.support import Announcements, HandClock, record, running
from services.common.resp_client import ConnectionLost
from services.common.tests.test_resp_client import FakeServer
from services.kvdb.client import KVClient

PATIENCE_S = 10.0
DEFAULT = keys.queue("default/5")


@pytest.fixture
def announcements() -> Announcements:
    return Announcements()


@pytest.fixture
def queue(kv: KVClient, announcements: Announcements) -> TaskQueue:
    return TaskQueue(kv, announcements, HandClock())


def submission(key: str | None = None, due_at_ms: int | None = None, **options) -> Submission:
    return Submission("echo", [1], {}, TaskOptions(**options), due_at_ms, key)


def test_a_task_is_stored_queued_and_announced(queue, kv, announcements):
    ((task, is_new),) = queue.submit([submission()])
    assert is_new
    assert queue.get(task.id) == task
    assert kv.execute("LRANGE", DEFAULT, 0, -1) == [task.id.encode()]
    assert kv.execute("SMEMBERS", keys.QUEUES) == [b"default/5"]
    assert announcements.states() == [(task.id, State.QUEUED)]


def transaction_without_an_answer(*commands, meanwhile=None):
    """In the place of `KVClient.transaction`: the request leaves, and nothing comes back."""
    if meanwhile is not None:
        meanwhile()
    raise ConnectionLost("timed out")


def test_a_transaction_leaves_before_what_is_done_meanwhile_and_is_answered_after_it():
    has_arrived, is_done = threading.Event(), threading.Event()

    def answer(request: list[bytes]) -> bytes:
        if request == [b"EXEC"]:
            has_arrived.set()
            return b"*1\r\n+OK\r\n" if is_done.wait(PATIENCE_S) else b"-ERR too late\r\n"
        return b"+QUEUED\r\n"

    def meanwhile() -> None:
        assert has_arrived.wait(PATIENCE_S)
        is_done.set()

    server = FakeServer(answer)
    kv = KVClient(server.url, timeout_s=2 * PATIENCE_S)
    assert kv.transaction(("SET", "a", 1), meanwhile=meanwhile) == ["OK"]
    kv.close()
    server.close()


def test_workers_are_woken_before_the_answer_is_there(queue, kv, announcements, monkeypatch):
    monkeypatch.setattr(kv, "transaction", transaction_without_an_answer)
    with pytest.raises(ConnectionLost):
        queue.submit([submission()])
    assert [state for _, state in announcements.states()] == [State.QUEUED]


@pytest.mark.parametrize(
    "submissions",
    [[submission(), submission()], [submission(due_at_ms=HandClock().now_ms + 5000)]],
)
def test_of_many_and_of_what_waits_nothing_is_told_before(
    queue, kv, announcements, monkeypatch, submissions
):
    monkeypatch.setattr(kv, "transaction", transaction_without_an_answer)
    with pytest.raises(ConnectionLost):
        queue.submit(submissions)
    assert announcements.states() == []


def test_several_tasks_keep_their_order(queue, kv):
    tasks = [task for task, _ in queue.submit([submission(priority=p) for p in (5, 9, 5)])]
    assert kv.execute("LRANGE", DEFAULT, 0, -1) == [tasks[0].id.encode(), tasks[2].id.encode()]
    assert kv.execute("LRANGE", keys.queue("default/9"), 0, -1) == [tasks[1].id.encode()]


def test_a_task_for_later_waits_for_its_time(queue, kv):
    due_at_ms = HandClock().now_ms + 5000
    ((task, _),) = queue.submit([submission(due_at_ms=due_at_ms)])
    assert task.state is State.SCHEDULED
    assert kv.execute("ZSCORE", keys.DUE, task.id) == str(due_at_ms).encode()
    assert kv.execute("LLEN", DEFAULT) == 0


def test_the_definition_that_a_worker_announced_holds(queue, kv):
    kv.execute("HSET", keys.DEFINITIONS, "echo", '{"queue": "slow", "retries": 4}')
    ((task, _),) = queue.submit([submission(retries=1)])
    assert (task.options.queue, task.options.retries) == ("slow", 1)


@pytest.mark.parametrize("announced", ["garbage", "[]", '{"colour": 1}'])
def test_a_definition_that_nobody_understands_is_none(queue, kv, announced: str):
    kv.execute("HSET", keys.DEFINITIONS, "echo", announced)
    ((task, _),) = queue.submit([submission()])
    assert task.options == TaskOptions()


def test_the_same_key_gives_the_same_task(queue, announcements):
    ((first, _),) = queue.submit([submission("order 7")])
    ((second, is_new), (other, other_is_new)) = queue.submit(
        [submission("order 7"), submission("order 8")]
    )
    assert (second, is_new) == (first, False)
    assert other_is_new and other.id != first.id
    assert [task_id for task_id, _ in announcements.states()] == [first.id, other.id]


def test_the_same_key_twice_in_one_request_gives_one_task(queue, kv):
    (first, _), (second, _) = queue.submit([submission("order 7"), submission("order 7")])
    assert first == second
    assert kv.execute("LLEN", DEFAULT) == 1


def test_a_key_whose_task_is_forgotten_is_free_again(queue, kv):
    ((first, _),) = queue.submit([submission("order 7")])
    kv.execute("DEL", keys.record(first.id))
    ((second, is_new),) = queue.submit([submission("order 7")])
    assert is_new and second.id != first.id


def test_of_two_at_the_same_moment_one_submits(queue, kv, monkeypatch):
    """The other one looks again, and finds what the first one did."""
    rival = TaskQueue(kv, Announcements(), HandClock())
    watch = kv.watch
    found = []

    def submit_meanwhile(*names):
        monkeypatch.setattr(kv, "watch", watch)
        context = watch(*names)
        entered = context.__enter__()
        found.extend(rival.submit([submission("order 7")]))

        class AsBefore:
            def __enter__(self):
                return entered

            def __exit__(self, *error):
                return context.__exit__(*error)

        return AsBefore()

    monkeypatch.setattr(kv, "watch", submit_meanwhile)
    ((task, is_new),) = queue.submit([submission("order 7")])
    assert (task, is_new) == (found[0][0], False)
    assert kv.execute("LLEN", DEFAULT) == 1


@pytest.mark.parametrize("options", [{}, {"due_at_ms": HandClock().now_ms + 5000}])
def test_what_waits_is_cancelled_at_once(queue, kv, announcements, options):
    ((task, _),) = queue.submit([submission(expires_s=60, **options)])
    cancelled = queue.cancel(task.id)
    assert queue.get(task.id) == cancelled
    assert cancelled.state is State.CANCELLED
    for place in (DEFAULT, keys.DUE, keys.EXPIRING):
        assert kv.execute("EXISTS", place) == 0
    assert announcements.states()[-1] == (task.id, State.CANCELLED)


def test_what_runs_is_ordered_to_stop(queue, kv, announcements):
    task = running(record("t1"))
    kv.transaction(*commands_to_create(record("t1")), *commands_to_move(record("t1"), task))
    assert queue.cancel("t1") == task
    assert (queue.get("t1"), announcements.orders) == (task, ["t1"])
    assert kv.execute("PTTL", keys.cancel("t1")) > 0


def test_what_has_ended_cannot_be_cancelled(queue):
    ((task, _),) = queue.submit([submission()])
    queue.cancel(task.id)
    with pytest.raises(IllegalTransition):
        queue.cancel(task.id)


def test_what_has_failed_can_be_tried_again_with_all_its_retries(queue, kv):
    ((task, _),) = queue.submit([submission(expires_s=60)])
    queue.cancel(task.id)
    kv.execute("SET", keys.cancel(task.id), "1")
    again = queue.retry(task.id)
    assert (again.state, again.failures, again.finished_at_ms) == (State.QUEUED, 0, None)
    assert again.expires_at_ms == task.expires_at_ms
    assert kv.execute("LRANGE", DEFAULT, 0, -1) == [task.id.encode()]
    assert kv.execute("PTTL", keys.record(task.id)) == -1
    assert kv.execute("EXISTS", keys.cancel(task.id)) == 0


def test_only_what_has_ended_can_be_tried_again(queue, kv):
    ((task, _),) = queue.submit([submission()])
    with pytest.raises(IllegalTransition):
        queue.retry(task.id)
    kv.transaction(*commands_to_move(task, running(task)))
    with pytest.raises(IllegalTransition):
        queue.retry(task.id)


def test_an_unknown_task_is_said_to_be_so(queue):
    for change in (queue.get, queue.cancel, queue.retry):
        with pytest.raises(NoSuchTask):
            change("no-such-task")
