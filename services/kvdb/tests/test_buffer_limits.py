"""Buffer limits: who lets too much wait is dropped, and nobody else."""

import pytest

from services.common.resp import OK, encode_request
from services.kvdb.settings import OutputLimit
from services.kvdb.tests.serving import Running, receive_all, serving
from services.kvdb.tests.support import Console


class Waiting:
    """A connection with so much output that nobody reads."""

    peer = local = "?"
    idle_s = 0.0
    may_be_idle = False

    def __init__(self, output_bytes: int):
        self.output_bytes = output_bytes

    def fileno(self) -> int:
        return -1


def with_output(console: Console, output_bytes: int) -> None:
    console.client.endpoint = Waiting(output_bytes)


def set_limit(console: Console, **limits: OutputLimit) -> None:
    console.engine.settings.output_limits |= limits


def slow_readers(console: Console, now_s: float) -> list:
    return console.engine.buffer_limits.slow_readers(console.engine.clients, now_s)


def test_the_hard_limit_holds_at_once_and_by_class() -> None:
    console = Console()
    subscriber = Console(console.engine)
    subscriber("SUBSCRIBE", "news")
    set_limit(console, normal=OutputLimit(1000), pubsub=OutputLimit(5000))
    with_output(console, 1000)
    with_output(subscriber, 5000)
    assert slow_readers(console, 0) == []
    with_output(console, 1001)
    assert slow_readers(console, 0) == [console.client]
    with_output(subscriber, 5001)
    assert slow_readers(console, 0) == [console.client, subscriber.client]


def test_the_soft_limit_holds_after_a_while_on_end() -> None:
    console = Console()
    set_limit(console, normal=OutputLimit(0, 1000, 10))
    with_output(console, 2000)
    assert slow_readers(console, 100) == slow_readers(console, 109) == []
    assert slow_readers(console, 110) == [console.client]


def test_who_reads_in_between_begins_anew() -> None:
    console = Console()
    set_limit(console, normal=OutputLimit(0, 1000, 10))
    with_output(console, 2000)
    slow_readers(console, 100)
    with_output(console, 500)
    slow_readers(console, 105)
    with_output(console, 2000)
    assert slow_readers(console, 111) == slow_readers(console, 120) == []
    assert slow_readers(console, 121) == [console.client]


def test_messages_are_limited_even_where_replies_are_not() -> None:
    console = Console(max_output_bytes=1 << 20)
    limits = console.engine.buffer_limits
    assert limits.hard_bytes(console.client) == 1 << 20
    set_limit(console, normal=OutputLimit(500))
    assert limits.hard_bytes(console.client) == 500


@pytest.mark.parametrize(("limit", "maxmemory"), [(1000, 0), (-10, 10_000)])
def test_who_takes_most_goes_first_until_it_is_little_enough(limit: int, maxmemory: int) -> None:
    console = Console(max_clients_memory=limit, maxmemory=maxmemory)
    engine = console.engine
    others = [Console(engine) for _ in range(3)]
    for client, output_bytes in zip(others, (400, 900, 500), strict=True):
        with_output(client, output_bytes)
    evicted = engine.buffer_limits.to_evict(engine.clients, lambda client: 0)
    assert evicted == [others[1].client]
    assert engine.buffer_limits.evicted_total == 1


def test_what_is_queued_and_not_yet_read_counts_and_no_evict_spares() -> None:
    console = Console(max_clients_memory=1000)
    engine, queueing, sending = console.engine, Console(console.engine), Console(console.engine)
    queueing("MULTI")
    queueing("SET", "a", "x" * 800)
    assert sending("CLIENT", "NO-EVICT", "ON") == OK
    sent = {sending.client: 5000}
    evicted = engine.buffer_limits.to_evict(engine.clients, lambda client: sent.get(client, 0))
    assert queueing.client in evicted
    assert sending.client not in evicted


def test_a_subscriber_that_does_not_read_is_dropped_and_others_are_not() -> None:
    with serving() as server:
        client, reader = server.client(), server.client()
        limit = "pubsub 100000 0 0"
        assert client.execute("CONFIG", "SET", "client-output-buffer-limit", limit) == "OK"
        reader.send(encode_request(["SUBSCRIBE", "news"]))
        assert reader.read_reply()[:2] == [b"subscribe", b"news"]
        with server.connect() as deaf:
            deaf.sendall(encode_request(["SUBSCRIBE", "news"]))
            server.wait_until(lambda: _subscribers(server) == 2)
            message = b"x" * 50_000
            while client.execute("PUBLISH", "news", message) == 2:
                assert reader.read_reply()[2] == message
            assert reader.read_reply()[2] == message
            assert receive_all(deaf).count(b"subscribe") == 1
        assert client.execute("PUBLISH", "news", "still") == 1


def _subscribers(server: Running) -> int:
    return len(server.engine.pubsub.channels.channels.subscribers_of(b"news"))


def test_a_client_beyond_the_memory_of_all_clients_is_evicted() -> None:
    with serving() as server, server.connect() as greedy:
        client = server.client()
        assert client.execute("CONFIG", "SET", "maxmemory-clients", "1000") == "OK"
        greedy.sendall(b"*2\r\n$4\r\nECHO\r\n$9000\r\n" + b"x" * 5000)
        assert receive_all(greedy) == b""
        assert b"evicted_clients:1\r\n" in client.execute("INFO", "stats")
