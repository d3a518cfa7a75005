"""The server's side of RESP: requests in any pieces, limits, and replies that read back."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.common.resp import (
    NEED_MORE,
    NIL_ARRAY,
    OK,
    Push,
    ReplyError,
    RespError,
    RespRequestDecoder,
    Simple,
    Verbatim,
    encode_replies,
    encode_reply,
    encode_request,
    encode_words,
    format_double,
    parse_number,
    split_words,
)
from services.common.resp_replies import RespReplyDecoder
from services.common.resp_runs import Run

MAX_BYTES = 1000


def new_decoder() -> RespRequestDecoder:
    return RespRequestDecoder(max_request_bytes=MAX_BYTES)


def requests_of(*pieces: bytes) -> list[list[bytes]]:
    decoder, found = new_decoder(), []
    for piece in pieces:
        decoder.receive_data(piece)
        while (request := decoder.next_request()) is not None:
            found.append(request)
    return found


def single_bytes(data: bytes) -> list[bytes]:
    return [data[i : i + 1] for i in range(len(data))]


# Requests in pieces.

STREAMS = [
    (b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n", [[b"GET", b"a"]]),
    (b"*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\n", [[b"PING"], [b"PING"]]),
    (b"*2\r\n$0\r\n\r\n$4\r\n\r\n\r\n\r\n", [[b"", b"\r\n\r\n"]]),
    (b"PING\r\nGET a\n", [[b"PING"], [b"GET", b"a"]]),
    (b"\r\n\r\n   \r\nPING\r\n", [[b"PING"]]),
    (b"*0\r\n*-1\r\nPING\r\n", [[b"PING"]]),
    (b"*1\r\n$900\r\n" + b"x" * 900 + b"\r\nPING\r\n", [[b"x" * 900], [b"PING"]]),
    (b"*1\r\n$2\r\n\xff\x00\r\n", [[b"\xff\x00"]]),
]


@pytest.mark.parametrize(("data", "expected"), STREAMS)
def test_requests_whole(data: bytes, expected: list) -> None:
    assert requests_of(data) == expected


@pytest.mark.parametrize(("data", "expected"), STREAMS)
def test_requests_byte_by_byte(data: bytes, expected: list) -> None:
    assert requests_of(*single_bytes(data)) == expected


@pytest.mark.parametrize(("data", "expected"), STREAMS)
def test_requests_with_a_part_of_the_next_one_behind(data: bytes, expected: list) -> None:
    tail = b"*2\r\n$4\r\nECHO\r\n$2\r\nh"
    assert requests_of(data + tail) == expected
    assert requests_of(data + tail, b"i\r\n") == [*expected, [b"ECHO", b"hi"]]


def test_every_cut_in_two_gives_the_same() -> None:
    data, expected = STREAMS[6]
    for cut in range(len(data)):
        assert requests_of(data[:cut], data[cut:]) == expected


@given(
    st.lists(st.lists(st.binary(max_size=60), min_size=1, max_size=5), max_size=5),
    st.lists(st.integers(1, 50), min_size=1),
)
def test_encoded_requests_read_back_in_any_pieces(
    requests: list[list[bytes]], sizes: list[int]
) -> None:
    data, pieces = b"".join(map(encode_request, requests)), []
    while data:
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(data[:size])
        data = data[size:]
    assert requests_of(*pieces) == requests


def test_encode_request_takes_text_and_numbers() -> None:
    assert encode_request(["é", 7, 1.5]) == b"*3\r\n$2\r\n\xc3\xa9\r\n$1\r\n7\r\n$3\r\n1.5\r\n"


def test_buffered_bytes_counts_what_is_not_taken() -> None:
    decoder = new_decoder()
    decoder.receive_data(b"PING\r\n*1\r\n$500\r\n" + b"x" * 100)
    assert decoder.buffered_bytes > 100
    assert decoder.next_request() == [b"PING"]
    assert decoder.next_request() is None
    assert 100 <= decoder.buffered_bytes <= 120
    decoder.receive_data(b"x" * 400 + b"\r\n")
    assert decoder.next_request() == [b"x" * 500]
    assert decoder.buffered_bytes == 0


def test_a_large_value_is_collected_and_not_copied_at_each_piece() -> None:
    """Four megabytes in pieces of one kilobyte: each is looked at once, when all are there."""
    decoder = RespRequestDecoder(max_request_bytes=1 << 23)
    value = bytes(range(256)) * (1 << 14)
    data = encode_request([b"SET", b"k", value])
    for start in range(0, len(data) - 1024, 1024):
        decoder.receive_data(data[start : start + 1024])
        assert decoder.next_request() is None
    decoder.receive_data(data[(len(data) - 1) // 1024 * 1024 :])
    assert decoder.next_request() == [b"SET", b"k", value]


# Runs.


def requests_by_runs(*pieces: bytes) -> tuple[list[list[bytes]], list[int]]:
    """All requests, taken as runs where there are any, and how long the runs were."""
    decoder, found, lengths = new_decoder(), [], []
    for piece in pieces:
        decoder.receive_data(piece)
        while True:
            if decoder.run:
                run = decoder.next_run()
                assert run.data == b"".join(map(encode_request, run.requests()))
                assert {request[0] for request in run.requests()} == {run.name}
                lengths.append(run.count)
                found += run.requests()
            elif (request := decoder.next_request()) is not None:
                found.append(request)
            else:
                break
    return found, lengths


def sets(count: int) -> list[list[bytes]]:
    return [[b"SET", b"key:%d" % number, b"v" * (number % 30)] for number in range(count)]


def test_requests_of_one_kind_come_as_a_run() -> None:
    data = b"".join(map(encode_request, sets(20)))
    assert len(data) < MAX_BYTES
    assert requests_by_runs(data) == (sets(20), [20])
    # What is behind it does not belong to it, and is no reason not to take it.
    assert requests_by_runs(data + b"*1\r\n$4\r\nPI", b"NG\r\n") == ([*sets(20), [b"PING"]], [20])


def test_a_run_ends_where_a_piece_ends() -> None:
    data = b"".join(map(encode_request, sets(40)))
    pieces = data[:650], data[650:1300], data[1300:]
    found, lengths = requests_by_runs(*pieces)
    assert found == sets(40)
    assert len(lengths) == 3
    assert sum(lengths) >= 36


def test_a_long_pipeline_comes_in_runs() -> None:
    decoder = RespRequestDecoder(max_request_bytes=1 << 20)
    decoder.receive_data(b"".join(map(encode_request, sets(1000))))
    found, lengths = [], []
    while decoder.run:
        run = decoder.next_run()
        lengths.append(run.count)
        found += run.requests()
    assert found == sets(1000)[: len(found)]
    assert max(lengths) < 200 <= sum(lengths)
    while (request := decoder.next_request()) is not None:
        found.append(request)
    assert found == sets(1000)


@pytest.mark.parametrize(
    "requests",
    [
        sets(4),
        [*sets(4), [b"GET", b"a"], *sets(9)],
        [*sets(5), [b"set", b"a", b"b"]],
        [*sets(5), [b"SET", b"a", b"b", b"NX"]],
        [*sets(5), [b"SET", b"a", b"\r\n"]],
    ],
)
def test_what_is_no_run(requests: list) -> None:
    assert requests_by_runs(b"".join(map(encode_request, requests))) == (requests, [])


def test_lengths_that_lie_make_no_run() -> None:
    requests = b"".join(map(encode_request, sets(8)))
    broken = requests.replace(b"$5\r\nkey:7", b"$6\r\nkey:7")
    assert broken != requests
    with pytest.raises(RespError):
        requests_by_runs(broken + encode_request([b"PING"]))


def test_what_is_given_back_comes_first() -> None:
    decoder = new_decoder()
    decoder.receive_data(b"".join(map(encode_request, sets(10))) + encode_request([b"PI"])[:-4])
    decoder.give_back(decoder.next_run().requests()[3:])
    assert not decoder.run
    decoder.receive_data(b"PI\r\n")
    rest = list(iter(decoder.next_request, None))
    assert rest == [*sets(10)[3:], [b"PI"]]


EVEN = [[b"SET", b"key:%03d" % number, b"x\r\n%%%02d" % number] for number in range(9)]


def cut_or_refused(decoder: RespRequestDecoder, data: bytes) -> list[list[bytes]] | str:
    decoder.receive_data(data)
    try:
        return list(iter(decoder.next_request, None))
    except RespError as error:
        return str(error)


@given(
    st.integers(0, len(EVEN) * len(encode_request(EVEN[0])) - 1),
    st.binary(max_size=3),
    st.integers(0, 3),
)
def test_a_run_like_the_one_before_is_looked_at_as_closely(
    place: int, inserted: bytes, removed: int
) -> None:
    # The values hold line ends, so that the first run has to be another one.
    first = b"".join(encode_request([b"SET", b"k:%05d" % n, b"12345%d" % n]) for n in range(9))
    data = b"".join(map(encode_request, EVEN))
    data = data[:place] + inserted + data[place + removed :]
    decoder = new_decoder()
    decoder.receive_data(first)
    assert decoder.next_run().count == 9
    assert cut_or_refused(decoder, data) == cut_or_refused(new_decoder(), data)


def test_an_even_run_may_hold_anything_and_need_not_end_with_the_data() -> None:
    decoder, data = new_decoder(), b"".join(map(encode_request, EVEN))
    decoder.receive_data(
        b"".join(encode_request([b"SET", b"key:ab%d" % n, b"12345%d" % n]) for n in range(9))
    )
    assert decoder.next_run().count == 9
    decoder.receive_data(data + data[:9])
    assert decoder.run.data == data
    assert decoder.next_run().requests() == EVEN
    assert decoder.next_request() is None
    decoder.receive_data(data[9:])
    assert list(iter(decoder.next_request, None)) == EVEN


def adds(stream: bytes, value: bytes = b"%d") -> list[list[bytes]]:
    values = [value % number if b"%" in value else value for number in range(9)]
    return [[b"XADD", stream, b"*", b"field", it] for it in values]


def test_words_that_do_not_vary_are_found_until_they_do() -> None:
    decoder = new_decoder()
    runs = [
        adds(b"one"),
        adds(b"one", b"8"),  # All of one word is the same again …
        adds(b"two"),  # … and here is another that was always the same,
        adds(b"six", b"x"),
        adds(b"\r\n*", b"\n"),  # which may be anything,
        adds(b"longer"),
        [[b"XADD", b"two", b"*", b"other", b"1"]] * 9,
        [[b"LPUSH", b"list", b"\r"]] * 9,  # which is no run of lines,
        [[b"LPUSH", b"list", b"a"]] * 9,
        [[b"LPUSH", b"list", b"\n"]] * 9,
        [[b"PING"]] * 9,
    ]
    for requests in runs:
        data = b"".join(map(encode_request, requests))
        decoder.receive_data(data)
        found = decoder.run.requests() if decoder.run else None
        assert list(iter(decoder.next_request, None)) == requests
        assert found in (None, requests)


def test_a_shape_is_as_narrow_as_what_was_seen() -> None:
    def run(requests: list[list[bytes]]) -> Run:
        decoder = new_decoder()
        decoder.receive_data(b"".join(map(encode_request, requests)))
        return decoder.next_run()

    first = run(adds(b"one")).shape(None)
    assert first.words == (b"one", b"*", b"field", 1)
    wider = run(adds(b"two")).shape(first)
    assert wider.words == (3, b"*", b"field", 1)
    assert run(adds(b"two")).shape(wider) is wider
    assert run(adds(b"longer")).shape(wider).words == (b"longer", b"*", b"field", 1)
    assert run([[b"SET", b"k", b"v" * 65]] * 9).shape(wider).words == (b"k", 65)
    for data in (b"".join(map(encode_request, adds(name))) for name in (b"one", b"two")):
        assert wider.cut(data + b"*1").data == data
        assert wider.cut(data[:-1]).count == 8
        for place in range(len(data)):
            broken = wider.cut(data[:place] + b"\0" + data[place + 1 :])
            if broken:
                assert broken.data == b"".join(map(encode_request, broken.requests()))
    assert first.cut(b"".join(map(encode_request, adds(b"two")))) is None


KINDS = st.sampled_from(
    [[b"GET", b"a"], [b"GET", b"\r\n"], [b"get", b"b"], [b"SET", b"a", b"b"], [b"PING"]]
)


@given(
    st.lists(st.tuples(KINDS, st.integers(1, 12)), max_size=8),
    st.lists(st.integers(1, 300), min_size=1),
)
def test_runs_or_no_runs_the_requests_are_the_same(
    kinds: list[tuple[list[bytes], int]], sizes: list[int]
) -> None:
    requests = [request for request, count in kinds for _ in range(count)]
    data, pieces = b"".join(map(encode_request, requests)), []
    while data:
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(data[:size])
        data = data[size:]
    assert requests_by_runs(*pieces)[0] == requests


# What is no RESP.

BROKEN = [
    (b"*x\r\n", "invalid multibulk length"),
    (b"*1048577\r\n", "invalid multibulk length"),
    (b"*99999999999999999999999\r\n", "invalid multibulk length"),
    (b"*1 \r\n", "invalid multibulk length"),
    (b"*+1\r\n", "invalid multibulk length"),
    (b"*1_0\r\n", "invalid multibulk length"),
    (b"*" + b"1" * 70_000, "too big mbulk count string"),
    (b"*1\r\nfoo\r\n", "expected '$', got 'f'"),
    (b"*1\r\n\r\n", "expected '$', got '\r'"),
    (b"*1\r\n$-1\r\n", "invalid bulk length"),
    (b"*1\r\n$-5\r\n", "invalid bulk length"),
    (b"*1\r\n$a\r\n", "invalid bulk length"),
    (b"*1\r\n$2000\r\n", "invalid bulk length"),
    (b"*1\r\n$99999999999999999999\r\n", "invalid bulk length"),
    (b"*1\r\n$" + b"1" * 70_000, "too big bulk count string"),
    (b"*2\r\n$600\r\n" + b"x" * 600 + b"\r\n$600\r\n" + b"x" * 600 + b"\r\n", "too large"),
    (b"x" * 70_000, "too big inline request"),
    (b"x" * 70_000 + b"\r\n", "too big inline request"),
    (b'"abc\r\n', "unbalanced quotes"),
    (b"'abc'd\r\n", "unbalanced quotes"),
]


@pytest.mark.parametrize(("data", "reason"), BROKEN)
def test_what_is_no_resp_is_an_error(data: bytes, reason: str) -> None:
    with pytest.raises(RespError, match="Protocol error") as caught:
        requests_of(data)
    assert reason in str(caught.value)


@pytest.mark.parametrize(("data", "reason"), [row for row in BROKEN if len(row[0]) < 1000])
def test_what_is_no_resp_is_an_error_byte_by_byte(data: bytes, reason: str) -> None:
    with pytest.raises(RespError) as caught:
        requests_of(*single_bytes(data))
    assert reason in str(caught.value)


def test_a_request_over_the_limit_is_refused_before_it_is_all_there() -> None:
    decoder = new_decoder()
    decoder.receive_data(b"*1000000\r\n")
    with pytest.raises(RespError, match="too large"):
        for _ in range(3 * MAX_BYTES // 100):
            decoder.receive_data(b"$100\r\n" + b"x" * 100 + b"\r\n")
            assert decoder.next_request() is None


def test_a_huge_count_of_arguments_reserves_nothing() -> None:
    decoder = new_decoder()
    decoder.receive_data(b"*1048576\r\n$1\r\na\r\n")
    assert decoder.next_request() is None
    assert decoder.buffered_bytes < 100


@settings(max_examples=300)
@given(st.lists(st.binary(max_size=80), max_size=6))
def test_garbage_is_a_request_or_an_error_and_nothing_else(pieces: list[bytes]) -> None:
    try:
        for request in requests_of(*pieces):
            assert request
            assert all(isinstance(word, bytes) for word in request)
    except RespError as error:
        assert str(error).startswith("Protocol error")


@settings(max_examples=300)
@given(st.text(alphabet="*$-0123456789\r\nabc", max_size=60).map(str.encode))
def test_near_resp_gives_the_same_in_one_piece_and_in_many(data: bytes) -> None:
    def outcome(*pieces: bytes) -> tuple[list, str]:
        decoder, found = new_decoder(), []
        try:
            for piece in pieces:
                decoder.receive_data(piece)
                while (request := decoder.next_request()) is not None:
                    found.append(request)
        except RespError as error:
            return found, str(error)
        return found, ""

    assert outcome(data) == outcome(*single_bytes(data))


# Numbers and words.


@pytest.mark.parametrize("text", [b"", b"-", b" 1", b"1 ", b"+1", b"1_0", b"0x1", b"1.0", b"--1"])
def test_what_is_no_number(text: bytes) -> None:
    with pytest.raises(ValueError):
        parse_number(text)


@given(st.integers(-(10**18), 10**18))
def test_numbers_read_back(number: int) -> None:
    assert parse_number(b"%d" % number) == number


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"", []),
        (b"  \t ", []),
        (b"GET a", [b"GET", b"a"]),
        (b"  GET \t a  ", [b"GET", b"a"]),
        (b'SET a "b c"', [b"SET", b"a", b"b c"]),
        (b'"\\x41\\n\\r\\t\\b\\a\\q\\""', [b'A\n\r\t\x08\x07q"']),
        (b'"\\xZZ"', [b"xZZ"]),
        (b"'it\\'s \\n'", [b"it's \\n"]),
        (b"\"\" ''", [b"", b""]),
        (b'pre"fix"', [b"prefix"]),
        (b'"open', None),
        (b"'open", None),
        (b'"a"b', None),
        (b"GET a\x00b c", [b"GET", b"a"]),
    ],
)
def test_inline_words(line: bytes, words: list[bytes] | None) -> None:
    assert split_words(line) == words


# Replies.

REPLIES = [
    (b"abc", b"$3\r\nabc\r\n", b"$3\r\nabc\r\n"),
    (b"", b"$0\r\n\r\n", b"$0\r\n\r\n"),
    ("é", b"$2\r\n\xc3\xa9\r\n", b"$2\r\n\xc3\xa9\r\n"),
    (7, b":7\r\n", b":7\r\n"),
    (-7, b":-7\r\n", b":-7\r\n"),
    (None, b"$-1\r\n", b"_\r\n"),
    (OK, b"+OK\r\n", b"+OK\r\n"),
    (ReplyError("ERR no"), b"-ERR no\r\n", b"-ERR no\r\n"),
    (
        [b"a", [1, None]],
        b"*2\r\n$1\r\na\r\n*2\r\n:1\r\n$-1\r\n",
        b"*2\r\n$1\r\na\r\n*2\r\n:1\r\n_\r\n",
    ),
    ((), b"*0\r\n", b"*0\r\n"),
    (NIL_ARRAY, b"*-1\r\n", b"_\r\n"),
    (1.5, b"$3\r\n1.5\r\n", b",1.5\r\n"),
    (math.inf, b"$3\r\ninf\r\n", b",inf\r\n"),
    (True, b":1\r\n", b"#t\r\n"),
    (False, b":0\r\n", b"#f\r\n"),
    ({b"a": 1}, b"*2\r\n$1\r\na\r\n:1\r\n", b"%1\r\n$1\r\na\r\n:1\r\n"),
    ({b"a"}, b"*1\r\n$1\r\na\r\n", b"~1\r\n$1\r\na\r\n"),
    (Push([b"a"]), b"*1\r\n$1\r\na\r\n", b">1\r\n$1\r\na\r\n"),
    (Verbatim(b"hi"), b"$2\r\nhi\r\n", b"=6\r\ntxt:hi\r\n"),
]


@pytest.mark.parametrize(("value", "resp2", "resp3"), REPLIES)
def test_replies_have_the_form_of_their_version(value: object, resp2: bytes, resp3: bytes) -> None:
    assert encode_reply(value, 2) == resp2
    assert encode_reply(value, 3) == resp3


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize(
    "values",
    [
        [OK, OK],
        [OK, Simple("PONG")],
        [1, -2, 30],
        [b"a", b"", b"x" * 2000],
        [b"a", b"b"],
        [b"%d", b"\r\n"],
        [b"a", None, 7, OK],
        [True],
    ],
)
def test_replies_to_a_run_are_the_replies_one_by_one(values: list, version: int) -> None:
    one_by_one = b"".join(encode_reply(value, version) for value in values)
    assert encode_replies(values, version) == one_by_one


@given(st.lists(st.binary(max_size=1200), min_size=1, max_size=5))
def test_words_have_the_form_of_a_request(words: list[bytes]) -> None:
    assert encode_words(words) == encode_request(words)


def test_an_error_text_cannot_end_its_line() -> None:
    assert encode_reply(ReplyError("ERR a\r\n+OK\r\n")) == b"-ERR a  +OK  \r\n"
    assert encode_reply(ReplyError("ERR \udcff")) == b"-ERR \xff\r\n"
    assert ReplyError("WRONGTYPE bad").code == "WRONGTYPE"


def test_a_value_without_a_form_is_our_bug() -> None:
    with pytest.raises(TypeError):
        encode_reply(object())


SCALARS = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.binary(max_size=20),
    st.booleans(),
    st.floats(allow_nan=False),
    st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=10).map(Simple),
)
VALUES = st.recursive(
    SCALARS,
    lambda values: st.one_of(
        st.lists(values, max_size=4),
        st.dictionaries(st.binary(max_size=5), values, max_size=4),
    ),
    max_leaves=12,
)


def as_resp2(value: object) -> object:
    """What a RESP2 client sees of a value."""
    match value:
        case bool():
            return int(value)
        case float():
            return format_double(value)
        case dict():
            return [as_resp2(part) for pair in value.items() for part in pair]
        case list():
            return [as_resp2(part) for part in value]
    return value


def decode_reply(data: bytes) -> object:
    decoder = RespReplyDecoder()
    decoder.receive_data(data)
    value = decoder.next_reply()
    assert decoder.next_reply() is NEED_MORE
    return value


@given(VALUES)
def test_resp3_replies_read_back_as_they_were(value: object) -> None:
    assert decode_reply(encode_reply(value, 3)) == value


@given(VALUES)
def test_resp2_replies_read_back_without_their_types(value: object) -> None:
    assert decode_reply(encode_reply(value, 2)) == as_resp2(value)


@given(st.floats(allow_nan=False))
def test_doubles_read_back(value: float) -> None:
    read = float(format_double(value))
    assert read == value
    assert math.copysign(1, read) == math.copysign(1, value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, b"0"),
        (-0.0, b"-0"),
        (3.0, b"3"),
        (1.5, b"1.5"),
        (0.1, b"0.10000000000000001"),
        (91.400658605814272, b"91.400658605814272"),
        (1e16, b"10000000000000000"),
        (1e17, b"1e+17"),
        (1e300, b"1.0000000000000001e+300"),
        (5e-324, b"4.9406564584124654e-324"),
        (math.inf, b"inf"),
        (-math.inf, b"-inf"),
        (math.nan, b"nan"),
    ],
)
def test_doubles_are_written_as_redis_does(value: float, text: bytes) -> None:
    assert format_double(value) == text
