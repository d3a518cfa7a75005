"""The codec: round trips, and bytes that are no documents."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.docdb.bson import extended_json
from services.docdb.bson.decoder import decode_document
from services.docdb.bson.encoder import encode_document
from services.docdb.bson.errors import BsonError
from services.docdb.bson.types import Int64
from services.docdb.tests.strategies import documents


@settings(max_examples=80, deadline=None)
@given(documents)
def test_a_document_comes_back(document: dict) -> None:
    data = encode_document(document)
    again = decode_document(data)
    assert encode_document(again) == data
    assert list(again) == list(document)


@settings(max_examples=60, deadline=None)
@given(documents)
def test_extended_json_loses_nothing(document: dict) -> None:
    if any(name.startswith("$") for name in str(document).split("'")):
        return  # A field of that name is no document any more, but a value.
    text = extended_json.dump(decode_document(encode_document(document)))
    # As text once more: of a NaN, its bits are not kept.
    assert extended_json.dump(extended_json.parse(text)) == text


@settings(max_examples=100, deadline=None)
@given(documents, st.integers(0, 400), st.integers(0, 255))
def test_a_changed_byte_gives_a_document_or_an_error(document: dict, place: int, byte: int) -> None:
    data = bytearray(encode_document(document))
    data[place % len(data)] = byte
    try:
        decode_document(bytes(data))
    except BsonError:
        pass


@given(st.binary(max_size=60))
def test_noise_is_refused(data: bytes) -> None:
    try:
        decode_document(data)
    except BsonError:
        pass


def test_every_cut_is_refused() -> None:
    data = encode_document({"a": [1, 2.5, "x", {"b": None}], "c": Int64(7)})
    for end in range(len(data)):
        with pytest.raises(BsonError):
            decode_document(data[:end])
    with pytest.raises(BsonError):
        decode_document(data + b"\0")


def test_levels() -> None:
    def nested(levels: int) -> dict:
        document: dict = {}
        for _ in range(levels - 1):
            document = {"a": document}
        return document

    assert decode_document(encode_document(nested(100))) == nested(100)
    with pytest.raises(BsonError):
        decode_document(encode_document(nested(101)))


def test_widths_of_integers_are_kept() -> None:
    document = decode_document(encode_document({"a": 1, "b": Int64(1), "c": 1 << 40}))
    assert [type(value) for value in document.values()] == [int, Int64, Int64]
    with pytest.raises(BsonError):
        encode_document({"a": 1 << 63})
