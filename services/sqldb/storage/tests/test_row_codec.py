"""Rows survive being written and read; damaged bytes are an error and nothing else."""

import uuid
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.sqldb.storage.log_record import (
    DELETE,
    DROP,
    END,
    NEXT,
    PUT,
    SEQUENCE,
    TRUNCATE,
    decode_changes,
    encode_delete,
    encode_drop,
    encode_end,
    encode_next,
    encode_put,
    encode_sequence,
    encode_truncate,
)  # fmt: skip
from services.sqldb.storage.row_codec import decode_row, encode_row
from services.sqldb.values import NAN, NUMERIC_NAN, Array, EnumValue, Interval, Jsonb, Row, TimeTz

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(), st.binary(),
    st.decimals(allow_nan=False), st.uuids(), st.builds(Interval, *[st.integers(-9, 9)] * 3),
    st.builds(TimeTz, st.integers(0, 10**11), st.integers(-50000, 50000)),
    st.builds(EnumValue, st.floats(allow_nan=False), st.text()),
)  # fmt: skip
jsons = st.recursive(
    st.none() | st.booleans() | st.text() | st.decimals(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
values = st.one_of(
    scalars, jsons.map(Jsonb), st.lists(scalars).map(Row), st.lists(scalars).map(tuple),
    st.builds(Array, st.lists(scalars).map(tuple), st.lists(st.integers(0, 9)).map(tuple)),
)  # fmt: skip


def same(one, other):
    """Equal, and of the same types: True is not 1, 1.0 not 1.00."""
    if type(one) is not type(other):
        return False
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return repr(one) == repr(other) and one == other


@given(st.lists(values).map(tuple), st.binary(max_size=3))
@settings(max_examples=200, deadline=None)
def test_there_and_back(row, behind):
    encoded = encode_row(row)
    decoded, end = decode_row(b"x" + encoded + behind, 1)
    assert end == len(encoded) + 1 and same(decoded, row)


@given(st.lists(values, max_size=4).map(tuple), st.data())
@settings(max_examples=200, deadline=None)
def test_damage_is_a_value_error(row, data):
    encoded = bytearray(encode_row(row))
    at = data.draw(st.integers(0, len(encoded) - 1))
    if data.draw(st.booleans()):
        del encoded[at:]
    else:
        encoded[at] ^= data.draw(st.integers(1, 255))
    try:
        decode_row(bytes(encoded))
    except ValueError:
        pass


@given(st.binary(max_size=80))
def test_any_bytes(data):
    try:
        list(decode_changes(data))
    except ValueError:
        pass


def test_special_values():
    row = (Decimal("NaN"), Decimal("-Infinity"), float("inf"), 1 << 63, -(1 << 63), "\x00", b"")
    decoded, _ = decode_row(encode_row(row))
    assert repr(decoded) == repr(row)
    assert decode_row(encode_row((uuid.UUID(int=5),)))[0] == (uuid.UUID(int=5),)


def test_the_form_of_a_row():
    assert encode_row((7, None, "ann")) == b"\0\x03qns" + b"\0" * 7 + b"\7\0\0\0\3ann"


def test_changes_in_a_row():
    payload = b"".join(
        [
            encode_next(9), encode_put(3, 4, (1, "x")), encode_delete(3, 5), encode_truncate(6),
            encode_drop(7), encode_sequence(8, 40, True), encode_end(5),
        ]
    )  # fmt: skip
    assert list(decode_changes(payload)) == [
        (NEXT, 0, 9, None), (PUT, 3, 4, (1, "x")), (DELETE, 3, 5, None), (TRUNCATE, 6, 0, None),
        (DROP, 7, 0, None), (SEQUENCE, 8, 0, (40, True)), (END, 0, 5, None),
    ]  # fmt: skip
    for end in range(1, len(payload)):
        try:
            changes = list(decode_changes(payload[:end]))
        except ValueError:
            continue
        assert len(changes) < 7
    with pytest.raises(ValueError):
        list(decode_changes(payload + b"?"))


def test_a_nan_comes_back_as_the_one_that_sql_compares():
    values = (NAN, 1, NUMERIC_NAN, None, 1.5)
    decoded, _ = decode_row(encode_row(values))
    assert decoded == values
    assert decoded[0] is NAN
    assert decoded[2] is NUMERIC_NAN
