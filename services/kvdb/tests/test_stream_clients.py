"""Streams as redis-py uses them, over sockets: a work queue, waiting, and clients that vanish."""

import threading
from collections.abc import Iterator

import pytest
import redis

from services.common.resp import encode_request
from services.kvdb.tests.serving import TIMEOUT_S, Running, serving


@pytest.fixture
def running() -> Iterator[Running]:
    with serving() as running:
        yield running


def client(running: Running, protocol: int = 3) -> redis.Redis:
    return redis.Redis(
        port=running.port, protocol=protocol, decode_responses=True, socket_timeout=TIMEOUT_S
    )


@pytest.mark.parametrize("protocol", [2, 3])
def test_a_work_queue(running: Running, protocol: int):
    queue = client(running, protocol)
    queue.xgroup_create("jobs", "workers", id="0", mkstream=True)
    ids = [queue.xadd("jobs", {"n": number}) for number in range(3)]
    (entries,) = entries_of(queue.xreadgroup("workers", "ann", {"jobs": ">"}, count=2))
    assert [entry_id for entry_id, _ in entries] == ids[:2]
    assert queue.xack("jobs", "workers", ids[0]) == 1
    pending = queue.xpending("jobs", "workers")
    assert (pending["pending"], pending["min"], pending["max"]) == (1, ids[1], ids[1])
    assert pending["consumers"] == [{"name": "ann", "pending": 1}]
    (details,) = queue.xpending_range("jobs", "workers", "-", "+", 10)
    assert (details["message_id"], details["times_delivered"]) == (ids[1], 1)
    cursor, claimed, deleted = queue.xautoclaim("jobs", "workers", "bob", 0)
    assert (cursor, claimed, deleted) == ("0-0", [(ids[1], {"n": "1"})], [])
    assert queue.xinfo_groups("jobs")[0]["lag"] == 1
    assert queue.xinfo_stream("jobs")["length"] == 3
    assert queue.xinfo_stream("jobs", full=True)["groups"][0]["pel-count"] == 1
    assert {it["name"] for it in queue.xinfo_consumers("jobs", "workers")} == {"ann", "bob"}
    assert queue.xread({"jobs": "$"}) in ([], {})
    assert queue.xtrim("jobs", maxlen=1, approximate=False) == 2
    assert [entry_id for entry_id, _ in queue.xrange("jobs")] == ids[2:]


def entries_of(reply: object) -> list:
    """The entries of each stream: RESP3 makes a dict of what RESP2 gives as pairs."""
    if isinstance(reply, dict):
        return [entries for (entries,) in reply.values()]
    return [entries for _, entries in reply]


def test_each_entry_goes_to_one_of_those_who_wait(running: Running):
    producer = client(running)
    producer.xgroup_create("jobs", "workers", mkstream=True)
    got: list[list] = []

    def work(name: str) -> None:
        reply = client(running, 2).xreadgroup("workers", name, {"jobs": ">"}, count=1, block=0)
        got.append(entries_of(reply)[0])

    threads = [threading.Thread(target=work, args=(f"worker {n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    running.wait_until(lambda: len(running.engine.blocking.waits) == 4)
    ids = [producer.xadd("jobs", {"n": number}) for number in range(4)]
    for thread in threads:
        thread.join(TIMEOUT_S)
    assert sorted(entry_id for ((entry_id, _),) in got) == ids
    assert producer.xpending("jobs", "workers")["pending"] == 4


def test_who_vanishes_while_waiting_gets_nothing(running: Running):
    producer, worker = client(running), running.client()
    producer.xgroup_create("jobs", "workers", mkstream=True)
    words = ["XREADGROUP", "GROUP", "workers", "ann", "BLOCK", "0", "STREAMS", "jobs", ">"]
    worker.send(encode_request(words))
    running.wait_until(lambda: len(running.engine.blocking.waits) == 1)
    worker.close()
    running.wait_until(lambda: not running.engine.blocking.waits)
    producer.xadd("jobs", {"n": 1})
    assert producer.xpending("jobs", "workers")["pending"] == 0
    assert entries_of(producer.xreadgroup("workers", "bob", {"jobs": ">"}))


def test_the_time_for_waiting_ends(running: Running):
    reader = client(running, 2)
    assert reader.xread({"jobs": "$"}, block=1) == []
    assert not running.engine.blocking.waits
    assert reader.ping()


def test_expiry_wakes_who_waits_for_a_group(running: Running):
    producer = client(running)
    producer.xgroup_create("jobs", "workers", mkstream=True)
    producer.pexpire("jobs", 30)
    with pytest.raises(redis.ResponseError, match="UNBLOCKED the stream key no longer exists"):
        client(running).xreadgroup("workers", "ann", {"jobs": ">"}, block=0)
