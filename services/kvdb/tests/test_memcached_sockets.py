"""memcached on sockets: logging in, pausing, being killed, and what a crash leaves."""

from pathlib import Path

from services.common.redis_url import RedisURL
from services.common.resp_client import RespConnection
from services.kvdb.tests.memcached_wire import MemcachedConnection, serving_memcached
from services.kvdb.tests.serving import Process


def test_a_pipeline_is_answered_in_order() -> None:
    with serving_memcached() as running, running.memcached() as client:
        noreply = "".join(f"set k{n} 0 0 1 noreply\r\n1\r\n" for n in range(500))
        client.send(noreply + "incr k499 1")
        assert client.read_line() == "2"
        assert running.client().execute("DBSIZE") == 500


def test_a_value_that_is_too_large_leaves_the_connection_usable() -> None:
    with serving_memcached() as running, running.memcached() as client:
        client.send("set a 0 0 3000000\r\n" + "x" * 3_000_000 + "\r\nversion")
        assert client.read_line() == "SERVER_ERROR object too large for cache"
        assert client.read_line() == "VERSION 1.6.18"


def test_more_is_fetched_than_the_client_reads_at_once() -> None:
    with serving_memcached() as running, running.memcached() as client:
        client.send("set a 0 0 1000000\r\n" + "x" * 1_000_000)
        assert client.read_line() == "STORED"
        client.send("\r\n".join(["get a"] * 20 + ["quit"]))
        reply = client.read_to_end()
        assert reply.count("VALUE a 0 1000000") == reply.count("END") == 20


def test_a_line_without_end_is_told_so_and_closed() -> None:
    with serving_memcached() as running, running.memcached() as client:
        client.send_bytes(b"x" * 5000)
        assert client.read_to_end() == "CLIENT_ERROR line too long\r\n"


def test_a_password_is_asked_for_in_the_way_of_memcached() -> None:
    with serving_memcached(password="sesame") as running, running.memcached() as client:
        unauthenticated = "CLIENT_ERROR unauthenticated\r\n"
        client.send("get a\r\nversion\r\nset login 0 0 13\r\ndefault wrong")
        assert client.read_line() + "\r\n" == unauthenticated
        assert client.read_line() + "\r\n" == unauthenticated
        assert client.read_line() == "CLIENT_ERROR authentication failure"
        client.send("set login 0 0 14\r\ndefault sesame")
        assert client.read_line() == "STORED"
        assert client.ask("set a 0 0 1\r\nx\r\nget login a") == (
            "STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n"
        )


def test_a_user_may_do_what_the_acl_permits() -> None:
    with serving_memcached(password="sesame") as running, running.memcached() as client:
        redis = RespConnection(RedisURL("127.0.0.1", running.port, password="sesame"))
        redis.execute("ACL", "SETUSER", "ada", "on", ">secret", "~open:*", "%W~drop:*", "+@all")
        assert client.ask("set login 0 0 10\r\nada secret") == "STORED\r\n"
        assert client.ask("set open:a 0 0 1\r\n1\r\nincr open:a 1") == "STORED\r\n2\r\n"
        assert client.ask("set other 0 0 1\r\n1").startswith("SERVER_ERROR NOPERM")
        assert client.ask("get other").startswith("SERVER_ERROR NOPERM")
        assert client.ask("set drop:a 0 0 1\r\n1") == "STORED\r\n"
        assert client.ask("incr drop:a 1").startswith("SERVER_ERROR NOPERM")


def test_a_pause_has_writers_wait_and_lets_readers_go_on() -> None:
    with serving_memcached() as running, running.memcached() as writer:
        redis = running.client()
        with running.memcached() as reader:
            assert writer.ask("set a 0 0 1\r\n1") == "STORED\r\n"
            redis.execute("CLIENT", "PAUSE", "60000", "WRITE")
            writer.send("incr a 1\r\nincr a 1")
            running.wait_until(lambda: running.engine.pause.postponed)
            assert reader.ask("get a") == "VALUE a 0 1\r\n1\r\nEND\r\n"
            redis.execute("CLIENT", "UNPAUSE")
            assert [writer.read_line(), writer.read_line()] == ["2", "3"]


def test_it_is_a_client_like_any_other() -> None:
    with serving_memcached() as running, running.memcached() as client:
        redis = running.client()
        assert client.ask("version") == "VERSION 1.6.18\r\n"
        assert len(redis.execute("CLIENT", "LIST").splitlines()) == 2
        assert redis.execute("CLIENT", "KILL", "SKIPME", "yes") == 1
        assert client.read_to_end() == ""
        running.wait_until(lambda: running.engine.memcached.connections == 0)


def test_a_subscriber_hears_what_memcached_writes() -> None:
    with serving_memcached(notify_keyspace_events="KA") as running:
        redis = running.client()
        redis.execute("SUBSCRIBE", "__keyspace@0__:a")
        with running.memcached() as client:
            client.ask("set a 0 100 1\r\n1\r\nincr a 1\r\ntouch a 0\r\ndelete a")
        events = [redis.read_reply()[2] for _ in range(6)]
        assert events == [b"set", b"expire", b"set", b"expire", b"persist", b"del"]


def test_items_survive_a_crash_and_a_snapshot(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    options = ("--memcached-port", "0", "--appendfsync", "always", "--snapshot-interval-s", "0")
    process = Process(directory, *options)
    with MemcachedConnection(memcached_port(process)) as client:
        client.ask("set a 7 1000 2\r\nhi\r\nms s 3 F5\r\nold\r\nmd s I")
        client.ask("set gone 1 0 1\r\n1\r\ndelete gone")
        before = client.ask("gets a\r\nmg s c")
    process.kill()
    process = Process(directory, *options)
    with MemcachedConnection(memcached_port(process)) as client:
        after = client.ask("gets a\r\nmg s c\r\nget gone")
        assert after == before + "END\r\n"
        assert client.ask("touch a 0\r\nmg s v f") == "TOUCHED\r\nVA 3 f5 Z X\r\nold\r\n"
    assert process.stop() == 0  # With a snapshot.
    process = Process(directory, *options)
    with MemcachedConnection(memcached_port(process)) as client:
        assert client.ask("mg a v f t\r\nmg s v f") == "VA 2 f7 t-1\r\nhi\r\nVA 3 f5 X W\r\nold\r\n"
    assert process.stop() == 0


def memcached_port(process: Process) -> int:
    info = process.client().execute("INFO", "glassbox").decode()
    return int(info.partition("memcached_port:")[2].split()[0])
