"""The JSON-line codec: lines in any pieces, limits, and texts that come back as they were."""

import json
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.common.json_lines import (
    JsonLineDecoder,
    JsonLineError,
    JsonNumber,
    decode_object,
    encode_line,
)


def new_decoder() -> JsonLineDecoder:
    return JsonLineDecoder(max_line_bytes=200, max_depth=5)


def outcomes_of(*pieces: bytes) -> list[object]:
    """Requests, and errors as their texts, up to a fatal one."""
    decoder, found = new_decoder(), []
    for piece in pieces:
        decoder.receive_data(piece)
        while True:
            try:
                request = decoder.next_request()
            except JsonLineError as error:
                found.append(str(error))
                if error.is_fatal:
                    return found
                continue
            if request is None:
                break
            found.append(request)
    return found


def single_bytes(data: bytes) -> list[bytes]:
    return [data[i : i + 1] for i in range(len(data))]


STREAM = b'{"a": "\xc3\xa9"}\n\n  \r\n{"b": [1, {"c": null}]}\r\n{}\n'
REQUESTS = [{"a": "é"}, {"b": ["1", {"c": None}]}, {}]


def test_whole() -> None:
    assert outcomes_of(STREAM) == REQUESTS


def test_byte_by_byte() -> None:
    assert outcomes_of(*single_bytes(STREAM)) == REQUESTS


def test_with_a_part_of_the_next_line_behind() -> None:
    assert outcomes_of(STREAM + b'{"d":') == REQUESTS
    assert outcomes_of(STREAM + b'{"d":', b' "e"}\n') == [*REQUESTS, {"d": "e"}]


def test_every_cut_in_two() -> None:
    for cut in range(len(STREAM)):
        assert outcomes_of(STREAM[:cut], STREAM[cut:]) == REQUESTS


def test_numbers_keep_their_text() -> None:
    (request,) = outcomes_of(
        b'{"a": 1.0, "b": 1e3, "c": -0, "d": 123456789012345678901234567890}\n'
    )
    assert request == {"a": "1.0", "b": "1e3", "c": "-0", "d": "123456789012345678901234567890"}
    assert all(isinstance(value, JsonNumber) for value in request.values())


def test_a_number_of_many_digits_is_no_attack() -> None:
    digits = b"9" * 100_000
    assert decode_object(b'{"a": ' + digits + b"}", 5) == {"a": digits.decode()}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"garbage", "not valid JSON"),
        (b'{"a": 1', "not valid JSON"),
        (b'{"a": 1} {"b": 2}', "not valid JSON"),
        (b'{"a": NaN}', "not valid JSON"),
        (b'{"a": Infinity}', "not valid JSON"),
        (b"{'a': 1}", "not valid JSON"),
        (b'{"a": "\x01"}', "not valid JSON"),
        (b'{"a": "\xff"}', "not valid UTF-8"),
        (b"\x00\x01\x02", "not valid JSON"),
        (b"[1]", "must be a JSON object"),
        (b'"a"', "must be a JSON object"),
        (b"null", "must be a JSON object"),
        (b"[[[[[[", "nested deeper"),
        (b'{"a":[[[[[1]]]]]}', "nested deeper"),
    ],
)
def test_a_bad_line_is_an_error_and_the_next_one_is_served(line: bytes, reason: str) -> None:
    error, request = outcomes_of(line + b'\n{"a": "b"}\n')
    assert reason in error
    assert request == {"a": "b"}


def test_brackets_within_strings_are_no_depth() -> None:
    for text in ("[[[[[[[[[[", 'a"[[[[[[[[', "\\[[[[[[[[", 'x\\"[[[[[[[[', "{\\\\{[{[{[{["):
        assert outcomes_of(json.dumps({"a": text}).encode() + b"\n") == [{"a": text}]


def test_an_open_string_full_of_quotes_is_looked_at_once() -> None:
    """Scanning it again from each of its quotes would take hours for this line."""
    line = b'{"a": "' + b'\\"' * 200_000 + b"[" * 100
    outcome = []

    def decode() -> None:
        with pytest.raises(JsonLineError):
            decode_object(line, 64)
        outcome.append("done")

    thread = threading.Thread(target=decode, daemon=True)
    thread.start()
    thread.join(30)
    assert outcome == ["done"]


def test_a_line_over_the_limit_is_fatal() -> None:
    at_limit = b'{"a": "' + b"x" * 191 + b'"}'
    assert len(at_limit) == 200
    assert outcomes_of(at_limit + b"\n") == [{"a": "x" * 191}]
    (error,) = outcomes_of(b" " + at_limit + b"\n")
    assert "longer than 200 bytes" in error


def test_a_line_over_the_limit_is_refused_before_its_end() -> None:
    assert outcomes_of(b"x" * 200) == []
    (error,) = outcomes_of(*single_bytes(b"x" * 201))
    assert "longer than 200 bytes" in error


def test_buffered_bytes_counts_what_is_not_taken() -> None:
    decoder = new_decoder()
    decoder.receive_data(b'{}\n{"a"')
    assert decoder.buffered_bytes == 7
    assert decoder.next_request() == {}
    assert decoder.next_request() is None
    assert decoder.buffered_bytes == 4


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.text(st.characters(exclude_categories=[]), max_size=10),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(), values, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(st.characters(exclude_categories=[])), JSON_VALUES, max_size=4))
def test_encoded_lines_read_back_lone_surrogates_included(value: dict) -> None:
    line = encode_line(value)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    line.decode("utf-8")  # A strict client must be able to.
    decoder = JsonLineDecoder(max_line_bytes=100_000)
    decoder.receive_data(line)
    # A high and a low surrogate side by side are one character, once JSON has spelled them.
    expected = json.loads(json.dumps(value))
    assert decoder.next_request() == expected


def test_lines_are_readable_text() -> None:
    assert encode_line({"a": "é€"}) == '{"a": "é€"}\n'.encode()
    assert encode_line({"a": "\ud800"}) == b'{"a": "\\ud800"}\n'


@settings(max_examples=300)
@given(st.binary(max_size=120))
def test_garbage_gives_the_same_in_one_piece_and_in_many(data: bytes) -> None:
    whole = outcomes_of(data)
    assert whole == outcomes_of(*single_bytes(data))
    assert all(isinstance(outcome, dict | str) for outcome in whole)


@settings(max_examples=300)
@given(st.text(alphabet='{}[]",:\\ \n1a', max_size=80).map(str.encode))
def test_near_json_gives_the_same_in_one_piece_and_in_many(data: bytes) -> None:
    assert outcomes_of(data) == outcomes_of(*single_bytes(data))


@given(st.text(alphabet='{}[]"\\a', max_size=40))
def test_depth_is_judged_as_the_parser_sees_it(text: str) -> None:
    """Whatever stands in a string, the object around it is one level deep."""
    line = json.dumps({"a": text}).encode()
    assert decode_object(line, 1) == {"a": text}
