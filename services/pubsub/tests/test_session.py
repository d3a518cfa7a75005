"""Sessions: the dialect, bytes in any pieces, and whatever a stranger may send."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.common.resp import encode_request
from services.pubsub.tests.fakes import FakeClient, lines_in, new_broker

JSON_TALK = (
    b'{"command": "SUBSCRIBE", "args": {"channel": "a"}}\n'
    b'{"command": "PUBLISH", "channel": "a", "message": "1"}\n'
    b"\n"
    b"nonsense\n"
    b'{"command": "PUBLISH", "args": {"channel": "a", "message": "2"}}\r\n'
    b'{"command": "UNSUBSCRIBE", "channel": "a"}\n'
)
RESP_TALK = (
    encode_request(["HELLO", "3"])
    + encode_request(["SUBSCRIBE", "a", "b"])
    + b"PUBLISH a inline\r\n"
    + encode_request(["PUBLISH", b"b", b"\xff\r\n\x00"])
    + encode_request(["NONSENSE"])
    + encode_request(["UNSUBSCRIBE"])
    + encode_request(["QUIT"])
)
TALKS = [JSON_TALK, RESP_TALK]
TAILS = [b'{"command": "PUBL', b"*3\r\n$7\r\nPUB"]


def single_bytes(data: bytes) -> list[bytes]:
    return [data[i : i + 1] for i in range(len(data))]


def talk(*pieces: bytes) -> tuple[bytes, FakeClient]:
    client = FakeClient(new_broker())
    return client.raw(*pieces), client


@pytest.mark.parametrize("said", TALKS)
def test_a_talk_whole_and_byte_by_byte_has_the_same_answers(said: bytes) -> None:
    whole, client = talk(said)
    assert len(whole) > 200
    assert talk(*single_bytes(said))[0] == whole
    assert client.log.lines == []


@pytest.mark.parametrize(("said", "tail"), list(zip(TALKS, TAILS, strict=True)))
def test_a_part_of_a_request_behind_changes_nothing(said: bytes, tail: bytes) -> None:
    if said is RESP_TALK:
        said = said.removesuffix(encode_request(["QUIT"]))
    answers, client = talk(said + tail)
    assert answers == talk(said)[0]
    assert client.session.buffered_bytes > 0


@pytest.mark.parametrize("said", TALKS)
def test_every_cut_in_two(said: bytes) -> None:
    whole, _ = talk(said)
    for cut in range(1, len(said)):
        assert talk(said[:cut], said[cut:])[0] == whole


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (b"PING\r\n", b"+PONG\r\n"),
        (b"ping\n", b"+PONG\r\n"),
        (b"\r\n\r\nPING\n", b"+PONG\r\n"),
        (b'{"command": "PING"}\n', b'{"type": "PONG"}\n'),
        (b'\n {"command": "PING"}\n', b'{"type": "PONG"}\n'),
        (b"*1\r\n$4\r\nPING\r\n", b"+PONG\r\n"),
    ],
)
def test_the_first_bytes_tell_the_dialect(said: bytes, answer: bytes) -> None:
    assert talk(said)[0] == answer
    assert talk(*single_bytes(said))[0] == answer


@pytest.mark.parametrize("said", [b"good day\n", b"\x80\x01\n", b"\xff\xfe\n", b"[1]\n", b"17\n"])
def test_who_speaks_neither_gets_a_json_error_and_may_go_on(said: bytes) -> None:
    answer, client = talk(said)
    assert [line["type"] for line in lines_in(answer)] == ["ERROR"]
    assert client.json('{"command": "PING"}') == [{"type": "PONG"}]


def test_blank_lines_are_not_kept_while_the_dialect_is_unknown() -> None:
    _, client = talk(b"\r\n" * 10_000)
    assert client.session.buffered_bytes == 0


def test_a_broken_resp_stream_gets_an_error_and_is_closed() -> None:
    answer, client = talk(b"PING\r\n*1\r\nnonsense\r\nPING\r\n")
    assert answer == b"+PONG\r\n-ERR Protocol error: expected '$', got 'n'\r\n"
    assert client.connection.is_closing


def test_messages_of_the_same_turn_come_before_the_error_that_ends_a_session() -> None:
    broker = new_broker()
    client, publisher = FakeClient(broker), FakeClient(broker)
    client.resp("SUBSCRIBE a")
    publisher.session.data_received(b"PUBLISH a last\r\n")
    answer = client.raw(b"*x\r\n")
    assert answer.index(b"last") < answer.index(b"-ERR Protocol error")


def test_a_blocked_client_is_served_no_further_until_it_reads() -> None:
    client = FakeClient(new_broker())
    client.connection.is_full = True
    client.session.data_received(b"PING\r\nPING\r\n")
    assert client.take() == b""
    client.connection.is_full = False
    client.session.process()
    assert client.take() == b"+PONG\r\n+PONG\r\n"


def test_a_session_that_never_spoke_ends_quietly() -> None:
    broker = new_broker()
    client = FakeClient(broker)
    client.session.process()
    client.connection.close()
    assert broker.clients == {}


def test_only_who_waits_by_right_escapes_the_idle_timeout() -> None:
    client = FakeClient(new_broker())
    client.resp("PING")
    assert not client.connection.may_be_idle
    for subscribe, unsubscribe in (("SUBSCRIBE a", "UNSUBSCRIBE"), ("PSUBSCRIBE a", "RESET")):
        client.resp(subscribe)
        assert client.connection.may_be_idle
        client.resp(unsubscribe)
        assert not client.connection.may_be_idle


# Strangers.


def survives(pieces: list[bytes]) -> None:
    """No internal error, no leak, and everybody else is served."""
    broker = new_broker(max_request_bytes=2000)
    listener, client = FakeClient(broker), FakeClient(broker)
    listener.resp("SUBSCRIBE fuzz-free-channel")
    client.raw(*pieces)
    assert client.log.lines == []
    client.connection.close()
    assert list(broker.clients) == [listener.session.id]
    assert list(broker.channels.channels.by_name) == [b"fuzz-free-channel"]
    publisher = FakeClient(broker)
    publisher.resp("PUBLISH fuzz-free-channel alive")
    assert listener.resp()[-1] == [b"message", b"fuzz-free-channel", b"alive"]


@settings(max_examples=300)
@given(st.lists(st.binary(max_size=100), max_size=6))
def test_garbage(pieces: list[bytes]) -> None:
    survives(pieces)


WORDS = st.sampled_from(
    b"SUBSCRIBE,unsubscribe,PSUBSCRIBE,PUNSUBSCRIBE,SSUBSCRIBE,PUBLISH,SPUBLISH,PUBSUB,NUMSUB,"
    b"CHANNELS,HELLO,2,3,CLIENT,SETNAME,LIST,RESET,PING,AUTH,INFO,COMMAND,DOCS,a,a*,[,\xff,".split(
        b","
    )
)


@settings(max_examples=300)
@given(st.lists(st.lists(WORDS, min_size=1, max_size=4), max_size=12))
def test_any_sequence_of_commands(requests: list[list[bytes]]) -> None:
    survives([encode_request(words) for words in requests])


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=5), values),
    max_leaves=5,
)
JSON_REQUESTS = st.fixed_dictionaries(
    {
        "command": st.sampled_from(
            ["SUBSCRIBE", "UNSUBSCRIBE", "PUBLISH", "LINK", "FORWARD", "AUTH"]
        )
    },
    optional={
        "args": JSON_VALUES
        | st.fixed_dictionaries(
            {},
            optional={
                "channel": JSON_VALUES,
                "message": JSON_VALUES,
                "origin": JSON_VALUES,
                "sequence": JSON_VALUES,
                "encoding": st.just("base64") | JSON_VALUES,
            },
        ),
        "channel": JSON_VALUES,
        "message": JSON_VALUES,
    },
)


@settings(max_examples=150)
@given(st.lists(JSON_REQUESTS | JSON_VALUES, max_size=8))
def test_any_json(requests: list[object]) -> None:
    survives([json.dumps(request).encode() + b"\n" for request in requests])
