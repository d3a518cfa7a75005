"""The Python API against a running queue: through a broker, and straight into the store."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.broker import connections
from services.broker.client import (
    BrokerError,
    Result,
    Signature,
    TaskCancelled,
    TaskExpired,
    TaskFailed,
    WorkflowFailed,
    WorkflowResult,
    chain,
    chord,
    gather,
    group,
    open_connection,
)
from services.broker.tests.support import Store
from services.worker import samples
from services.worker.tests import oddities
from services.worker.tests.stack import PATIENCE_S, Stack, running_stack


@pytest.fixture(scope="module")
def stack(running_store: Store, tmp_path_factory) -> Iterator[Stack]:
    with running_stack(running_store, tmp_path_factory.mktemp("stack"), "w1") as stack:
        yield stack


@pytest.fixture(params=["broker", "store"])
def queue(stack: Stack, request, monkeypatch) -> Iterator[object]:
    """The connection of this process, for one test."""
    if request.param == "broker":
        connection = open_connection(stack.client.url)
    else:
        connection = open_connection(stack.store.kvdb_url, pubsub_url=stack.store.pubsub_url)
    monkeypatch.setattr(connections, "current", lambda: connection)
    yield connection
    connection.close()


def test_a_call_gives_its_value(queue: object):
    result = samples.echo.delay("hello", 7, name="value")
    assert result.get(PATIENCE_S) == {"args": ["hello", 7], "kwargs": {"name": "value"}}
    assert (result.state, result.is_finished()) == ("succeeded", True)
    # What has ended before anybody waits is as good.
    assert result.get(0) == {"args": ["hello", 7], "kwargs": {"name": "value"}}


def test_a_plain_call_runs_here_and_now():
    assert samples.sleep(0) == 0


def test_a_failure_is_raised_with_the_traceback_from_the_worker(queue: object):
    with pytest.raises(TaskFailed, match="RuntimeError: bad luck") as failure:
        samples.flaky.delay(1.0).get(PATIENCE_S)
    assert failure.value.type == "RuntimeError"
    assert failure.value.task["state"] == "failed"
    (note,) = failure.value.__notes__
    assert note.startswith("in w1:\nTraceback") and "in flaky" in note


def test_who_waits_is_woken(queue: object, tmp_path: Path):
    path = tmp_path / "go"
    result = oddities.wait_for_file.delay(str(path))
    values: list[object] = []
    thread = threading.Thread(target=lambda: values.append(result.get(PATIENCE_S)))
    thread.start()
    with pytest.raises(TimeoutError, match=r"after 0\.05 s"):
        result.get(0.05)
    path.touch()
    thread.join(PATIENCE_S)
    assert values == ["seen"]


def test_several_results(queue: object):
    results = [samples.echo.delay(number) for number in range(5)]
    assert [value["args"] for value in gather(results, PATIENCE_S)] == [[n] for n in range(5)]


def test_a_cancelled_task(queue: object, tmp_path: Path):
    result = oddities.wait_for_file.apply([str(tmp_path / "never")], {"seconds": 600})
    deadline_s = time.monotonic() + PATIENCE_S
    while result.state != "running":
        assert time.monotonic() < deadline_s
    assert result.cancel() == "running"
    with pytest.raises(TaskCancelled):
        result.get(PATIENCE_S)


def test_an_expired_task_and_one_for_later(queue: object):
    expired = samples.echo.apply(queue="nobody", expires=0.1)
    at = datetime.now(UTC) + timedelta(seconds=0.2)
    later = samples.echo.apply(["later"], eta=at)
    with pytest.raises(TaskExpired):
        expired.get(PATIENCE_S)
    later.get(PATIENCE_S)
    assert datetime.fromisoformat(later.task["started_at"]) >= at - timedelta(milliseconds=1)


def test_a_task_can_be_tried_again(queue: object):
    result = samples.flaky.delay(1.0)
    with pytest.raises(TaskFailed):
        result.get(PATIENCE_S)
    result.retry()
    assert result.wait(PATIENCE_S)["attempts"] == 2


def test_progress_can_be_seen(stack: Stack, queue: object, tmp_path: Path):
    path = tmp_path / "go"
    result = oddities.report_and_wait.delay(str(path))
    deadline_s = time.monotonic() + PATIENCE_S
    while (told := result.progress) is None or told.fraction < 0.4:
        assert time.monotonic() < deadline_s
    assert (told.fraction, told.message) == (0.4, "almost half")
    path.touch()
    assert result.get(PATIENCE_S) == "seen"


def test_a_task_may_call_others(queue: object):
    assert oddities.call_another.delay("inner").get(PATIENCE_S) == ["inner"]


def test_a_chain_gives_each_what_the_one_before_returned(queue: object):
    result = chain(oddities.add.signature(1, 2), oddities.add.signature(10)).submit("sum")
    assert result.get(PATIENCE_S) == 13
    assert (result.state, result.workflow["name"]) == ("succeeded", "sum")


def test_a_group_is_a_list_and_a_chord_makes_something_of_it(queue: object):
    sums = [oddities.add.signature(number, number) for number in range(3)]
    assert group(sums).submit().get(PATIENCE_S) == [0, 2, 4]
    total = chord(group(sums), oddities.add_all.signature())
    assert total.submit().get(PATIENCE_S) == 6


def test_a_workflow_that_fails_or_is_cancelled(queue: object):
    with pytest.raises(WorkflowFailed, match="RuntimeError"):
        chain(samples.flaky.signature(1.0), samples.echo.signature()).submit().get(PATIENCE_S)
    result = group([Signature("echo", options={"queue": "nobody"})]).submit()
    with pytest.raises(TimeoutError):
        result.get(0.05)
    assert result.cancel() == "cancelled"
    with pytest.raises(WorkflowFailed):
        result.get(PATIENCE_S)
    with pytest.raises(BrokerError, match="no workflow"):
        WorkflowResult(queue, "nowhere").get(1)


def test_what_is_refused_says_why(queue: object):
    with pytest.raises(BrokerError, match=r"options\.retries") as refused:
        samples.echo.apply(retries="many")
    assert (refused.value.status, refused.value.field) == (422, "options.retries")
    with pytest.raises(BrokerError, match="no task") as unknown:
        Result(queue, "no-such-task").get(1)
    assert unknown.value.status == 404
    done = samples.echo.delay()
    done.get(PATIENCE_S)
    with pytest.raises(BrokerError) as illegal:
        done.cancel()
    assert illegal.value.status == 409


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        ([object()], r"echo\(\) args\[0\] is of type object"),
        ([{"a": [1, {2, 3}]}], r"echo\(\) args\[0\]\['a'\]\[1\] is of type set"),
        ([float("nan")], "is nan, which JSON does not know"),
        ([{1: 2}], "has the key 1"),
        ([b"bytes"], "is of type bytes"),
    ],
)
def test_arguments_that_are_no_json_are_refused_at_the_call(args: list, complaint: str):
    with pytest.raises(TypeError, match=complaint):
        samples.echo.apply(args)


def test_an_argument_that_contains_itself_is_refused():
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(TypeError, match="contains itself"):
        samples.echo.delay(endless)


def test_arguments_that_do_not_fit_the_function_are_refused_at_the_call():
    with pytest.raises(TypeError, match=r"sleep\(\) missing a required argument: 'seconds'"):
        samples.sleep.delay()
    with pytest.raises(TypeError, match="unexpected keyword"):
        samples.sleep.delay(1, minutes=1)


def test_nobody_answers_within_the_time_that_one_waits():
    with open_connection("http://127.0.0.1:9") as nowhere:
        result = Result(nowhere, "t1")
        with pytest.raises(BrokerError, match="refused"):
            result.get(0.2)
