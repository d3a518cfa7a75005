"""Coroutines on the event loop: they wait, go on, and end; and a connection that they await."""

import itertools
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from services.common.event_loop import EventLoop, Timer
from services.common.resp import ReplyError
from services.common.resp_client import ConnectionLost
from services.common.tests.test_event_loop import RecordingLog
from services.common.tests.test_resp_client import FakeServer
from services.worker.coroutines import Deadline, Promise, in_thread, sleep, spawn
from services.worker.loop_connection import LoopConnection

PATIENCE_S = 20.0


@pytest.fixture
def log() -> RecordingLog:
    return RecordingLog()


@pytest.fixture
def loop(log: RecordingLog) -> EventLoop:
    return EventLoop(log)


def result_of(loop: EventLoop, coroutine: Coroutine[Any, Any, object]) -> object:
    """Turn the loop until the coroutine has ended; what it returned, or raised."""
    ended: list[Callable[[], object]] = []

    async def run() -> None:
        try:
            value = await coroutine
            ended.append(lambda: value)
        except Exception as error:
            failure = error
            ended.append(lambda: (_ for _ in ()).throw(failure))
        loop.stop()

    spawn(run())
    if not ended:
        loop.run()
    return ended[0]()


def test_a_coroutine_goes_on_when_its_promise_is_kept():
    promise: Promise[str] = Promise()
    heard = []

    async def listen() -> None:
        heard.append("waits")
        heard.append(await promise)

    spawn(listen())
    assert heard == ["waits"]
    promise.keep("a")
    promise.keep("b")
    assert heard == ["waits", "a"]


def test_what_is_there_already_is_not_waited_for(loop: EventLoop):
    async def read() -> str:
        promise: Promise[str] = Promise()
        promise.keep("a")
        return await promise

    assert result_of(loop, read()) == "a"


def test_a_failure_is_raised_where_it_is_awaited():
    promise: Promise[None] = Promise()
    heard = []

    async def listen() -> None:
        try:
            await promise
        except ValueError as error:
            heard.append(str(error))

    spawn(listen())
    promise.fail(ValueError("no"))
    assert heard == ["no"]


def test_an_end_reaches_the_coroutine_where_it_waits():
    ended = []

    async def wait() -> None:
        try:
            await promise
        finally:
            ended.append(True)

    promise: Promise[None] = Promise()

    end = spawn(wait())
    assert ended == []
    end()
    assert ended == [True]
    promise.keep()  # Nobody is there any more, and that is no harm.


def test_others_run_while_one_sleeps(loop: EventLoop):
    order = []

    async def nap() -> None:
        loop.call_soon(lambda: order.append("other"))
        await sleep(loop, 0.1)
        order.append("awake")

    result_of(loop, nap())
    assert order == ["other", "awake"]


def test_a_function_that_blocks_runs_elsewhere(loop: EventLoop):
    assert result_of(loop, in_thread(loop, lambda: 7)) == 7


def test_what_it_raises_there_is_raised_here(loop: EventLoop):
    with pytest.raises(ZeroDivisionError):
        result_of(loop, in_thread(loop, lambda: 1 / 0))


# The connection.


@pytest.fixture
def serve() -> Iterator[Callable[..., FakeServer]]:
    servers = []

    def start(answer: Callable[[list[bytes]], bytes | None]) -> FakeServer:
        servers.append(FakeServer(answer))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


async def asked(loop: EventLoop, server: FakeServer, *requests: tuple, timeout_s=5.0) -> list:
    connection = await LoopConnection.made(loop, server.url, timeout_s)
    try:
        return await connection.pipeline(list(requests))
    finally:
        connection.close()


def test_replies_come_in_the_order_of_the_requests(loop: EventLoop, serve: Callable):
    numbers = itertools.count()
    server = serve(lambda request: b":%d\r\n" % next(numbers))
    assert result_of(loop, asked(loop, server, ("GET", "a"), ("GET", "b"))) == [0, 1]
    assert server.requests == [[b"GET", b"a"], [b"GET", b"b"]]


def test_an_error_reply_is_a_value(loop: EventLoop, serve: Callable):
    (reply,) = result_of(loop, asked(loop, serve(lambda _: b"-ERR no\r\n"), ("GET", "a")))
    assert isinstance(reply, ReplyError)


def test_what_the_socket_does_not_take_at_once_follows(loop: EventLoop, serve: Callable):
    """16 requests of 900 KB are more than the buffers of both sides hold."""
    server = serve(lambda request: b":%d\r\n" % len(request[2]))
    requests = [("SET", "a", b"x" * 900_000) for _ in range(16)]
    assert result_of(loop, asked(loop, server, *requests)) == [900_000] * 16


def test_a_large_reply_is_waited_for(loop: EventLoop, serve: Callable):
    size = 5_000_000
    server = serve(lambda request: b"$%d\r\n%b\r\n" % (size, b"y" * size))
    (reply,) = result_of(loop, asked(loop, server, ("GET", "a")))
    assert reply == b"y" * size


def test_a_server_that_goes_away_is_a_loss(loop: EventLoop, serve: Callable, log: RecordingLog):
    with pytest.raises(ConnectionLost):
        result_of(loop, asked(loop, serve(lambda request: None), ("GET", "a")))
    assert log.lines == []


def test_a_server_that_does_not_answer_is_a_loss(loop: EventLoop, serve: Callable):
    released = threading.Event()

    def answer_never(request: list[bytes]) -> None:
        released.wait(PATIENCE_S)

    with pytest.raises(ConnectionLost, match="timed out"):
        result_of(loop, asked(loop, serve(answer_never), ("GET", "a"), timeout_s=0.05))
    released.set()


def test_a_server_that_is_not_there_is_a_loss(loop: EventLoop):
    server = FakeServer(lambda request: b"+OK\r\n")
    server.close()
    with pytest.raises(ConnectionLost):
        result_of(loop, asked(loop, server, ("GET", "a")))


def test_a_connection_that_was_lost_stays_so(loop: EventLoop, serve: Callable):
    async def ask_twice() -> None:
        connection = await LoopConnection.made(loop, serve(lambda request: None).url)
        for _ in range(2):
            with pytest.raises(ConnectionLost):
                await connection.pipeline([("GET", "a")])
            with pytest.raises(ConnectionLost):
                await connection.arrival(1.0)
        connection.close()

    result_of(loop, ask_twice())


def test_the_number_of_a_lost_connection_may_be_used_again(loop: EventLoop, serve: Callable):
    """The poller must have forgotten it, or the next socket of that number is never ready."""
    server = serve(lambda request: None if request[0] == b"QUIT" else b"+OK\r\n")

    async def one_after_the_other() -> list:
        with pytest.raises(ConnectionLost):
            await asked(loop, server, ("QUIT",))
        ours, theirs = socket.socketpair()
        with ours, theirs:
            readable: Promise[None] = Promise()
            loop.watch(ours, readable.keep)
            theirs.send(b"!")
            await readable
            loop.unwatch(ours)
        return await asked(loop, server, ("PING",))

    assert result_of(loop, one_after_the_other()) == ["OK"]


class HandTimers:
    """A loop that keeps the timers that are set, and a clock for `Deadline`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.now_s = 0.0
        self.set: list[Timer] = []
        monkeypatch.setattr("services.worker.coroutines.time.monotonic", lambda: self.now_s)

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        self.set.append(Timer(self.now_s + delay_s, len(self.set), callback, None))
        return self.set[-1]

    def run_until(self, time_s: float) -> None:
        while due := [one for one in self.set if one.callback and one.due_s <= time_s]:
            timer = min(due)
            self.set.remove(timer)
            self.now_s = max(self.now_s, timer.due_s)
            timer.callback()
        self.now_s = time_s


def test_a_deadline_is_put_off_without_another_timer(monkeypatch: pytest.MonkeyPatch):
    timers, ended = HandTimers(monkeypatch), []
    deadline = Deadline(timers, lambda: ended.append(timers.now_s))
    for _ in range(10):
        deadline.set(5.0)
        timers.run_until(timers.now_s + 0.1)
        deadline.clear()
    assert len(timers.set) == 1
    deadline.set(5.0)
    timers.run_until(20.0)
    assert ended == [pytest.approx(6.0)]
    assert timers.set == []


def test_a_deadline_may_come_nearer_or_be_none(monkeypatch: pytest.MonkeyPatch):
    timers, ended = HandTimers(monkeypatch), []
    deadline = Deadline(timers, lambda: ended.append(timers.now_s))
    deadline.set(5.0)
    deadline.set(1.0)
    timers.run_until(3.0)
    assert ended == [1.0]
    deadline.set(5.0)
    deadline.clear()
    timers.run_until(30.0)
    assert ended == [1.0]
