"""No bytes, and no arguments, may crash the server, hang it, or spoil what it holds."""

import random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.common.resp import encode_reply
from services.kvdb.clients import FAREWELL, NO_REPLY
from services.kvdb.tests.serving import receive_all, serving
from services.kvdb.tests.support import new_engine
from services.kvdb.tests.test_keyspace import check

# What stops, saves or sleeps is tested elsewhere, on purpose.
NOT_HERE = {b"SHUTDOWN", b"SAVE", b"BGSAVE", b"DEBUG", b"CONFIG"}

WORDS = [
    b"", b"0", b"1", b"-1", b"2", b"9223372036854775807", b"-9223372036854775808", b"1.5", b"inf",
    b"nan", b"x", b"key", b"other", b"(1", b"[a", b"+", b"-", b"*", b"$", b"~", b"=", b">", b"\xff",
    b"GET", b"COUNT", b"LIMIT", b"LEFT", b"MATCH", b"WITHSCORES", b"BYSCORE", b"STORE", b"EX",
    b"ID", b"NX", b"BLOCK", b"STREAMS", b"GROUP", b"AGGREGATE", b"MAXLEN", b"u8", b"x" * 300,
]  # fmt: skip


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_command_with_any_arguments_is_answered(data: st.DataObject) -> None:
    engine = new_engine()
    names = sorted(set(engine.dispatcher.commands) - NOT_HERE)
    client = engine.clients.connect()
    client.resp = data.draw(st.sampled_from([2, 3]))
    words = st.lists(st.sampled_from(WORDS) | st.binary(max_size=5), max_size=7)
    for name in data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=8)):
        command = engine.dispatcher.commands[name]
        request = [name, *data.draw(words)]
        if command.subcommands:
            request.insert(1, data.draw(st.sampled_from(sorted(command.subcommands))))
        reply = engine.dispatcher.execute(client, request)
        assert "internal error" not in str(reply), request
        if reply is not NO_REPLY and reply is not FAREWELL:
            encode_reply(reply, client.resp)
        engine.blocking.forget(client)
        engine.dispatcher.deliveries.clear()
        client.is_halted = client.is_leaving = False
    check(engine.keyspace)


def test_any_bytes_are_answered_or_the_connection_closed_and_others_are_served() -> None:
    chance = random.Random(20261123)
    pieces = [
        b"*1\r\n$4\r\nPING\r\n", b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n", b"PING\r\n", b"\r\n", b"*",
        b"$", b'{"command": "PING"}\n', b"{", b'"', b"\n", b"\x00", b"\xff" * 5, b"$5\r\n",
        b"*3\r\n", b"*-1\r\n", b"*1000000\r\n", b"$-1\r\n", b"a" * 100, b"+OK\r\n", b"'", b"[[[[",
    ]  # fmt: skip
    with serving(max_request_bytes=100_000) as server:
        witness = server.client()
        for number in range(150):
            with server.connect() as sock:
                sock.sendall(b"".join(chance.choices(pieces, k=chance.randint(1, 12))))
                sock.shutdown(1)
                receive_all(sock)
            if number % 10 == 0:
                assert witness.execute("ECHO", str(number)) == str(number).encode()
        server.wait_until(lambda: len(server.engine.clients) == 1)
