"""DataRow of all kinds of columns, against the plain form of the message."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.sqldb.protocol.backend import BINARY, TEXT
from services.sqldb.protocol.data_rows import boolean_text, integer_text, own_text, rows_encoder
from services.sqldb.session.wire_values import write_rows


def plain(texts: list[bytes | None]) -> bytes:
    """One DataRow, as section 55.7 of PostgreSQL's manual has it."""
    body = struct.pack(">H", len(texts))
    for text in texts:
        body += struct.pack(">i", -1) if text is None else struct.pack(">i", len(text)) + text
    return b"D" + struct.pack(">I", len(body) + 4) + body


def words(value: float) -> str:
    return f"{value!r} é€"


def packed(value: float) -> bytes:
    return struct.pack(">d", value)


KINDS = {
    (integer_text, TEXT): (st.integers(-(2**63), 2**63 - 1), lambda value: b"%d" % value),
    (boolean_text, TEXT): (st.booleans(), lambda value: b"t" if value else b"f"),
    (own_text, TEXT): (st.text(st.characters(exclude_categories=["Cs"])), str.encode),
    (words, TEXT): (st.floats(), lambda value: words(value).encode()),
    (packed, BINARY): (st.floats(), packed),
}


@given(st.data())
@settings(deadline=None)
def test_rows_of_any_columns(data):
    kinds = data.draw(st.lists(st.sampled_from(list(KINDS)), max_size=5))
    row = st.tuples(*(st.none() | KINDS[kind][0] for kind in kinds))
    rows = data.draw(st.lists(row, max_size=4))
    texts = [
        [None if v is None else KINDS[kind][1](v) for v, kind in zip(row, kinds, strict=True)]
        for row in rows
    ]
    encode = rows_encoder([send for send, _ in kinds], [code for _, code in kinds])
    assert encode(rows) == b"".join(map(plain, texts))


@pytest.mark.parametrize("size", [0, 254, 255, 256, 257, 100_000])
def test_lengths_around_those_that_stand_ready(size):
    text = "x" * size
    rows = [(text, 7), (None, 7), (text, None)]
    expected = [[text.encode(), b"7"], [None, b"7"], [text.encode(), None]]
    encode = rows_encoder([own_text, integer_text], [TEXT, TEXT])
    assert encode(rows) == b"".join(map(plain, expected))


def test_all_rows_are_written_in_batches_and_counted():
    encode = rows_encoder([integer_text], [TEXT])
    for count in (0, 1, 15, 16, 17, 3000):
        written: list[bytes] = []
        assert write_rows(iter([(n,) for n in range(count)]), encode, written.append) == count
        assert b"".join(written) == b"".join(plain([b"%d" % n]) for n in range(count))


def test_large_rows_leave_one_by_one():
    written: list[bytes] = []
    rows = [("x" * 100_000,)] * 20
    assert write_rows(iter(rows), rows_encoder([own_text], [TEXT]), written.append) == 20
    assert len(written[0]) > 1_000_000 and {len(data) for data in written[1:]} == {100_011}


def test_rows_before_an_error_leave_before_it():
    def failing():
        yield (1,)
        yield (2,)
        raise ValueError

    written: list[bytes] = []
    with pytest.raises(ValueError):
        write_rows(failing(), rows_encoder([integer_text], [TEXT]), written.append)
    assert b"".join(written) == plain([b"1"]) + plain([b"2"])
