"""COPY's three formats: rows in whole, byte by byte, and back."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sqldb.errors import SqlError
from services.sqldb.protocol import copy_binary, copy_csv, copy_text
from services.sqldb.protocol.copy_csv import CsvFormat

CELLS = st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


def decoded(make, data, size=None):
    decoder = make()
    rows = []
    for start in range(0, len(data), size or len(data) or 1):
        decoder.receive_data(data[start : start + (size or len(data))])
        rows += decoder.rows()
    return rows + list(decoder.rows(is_last=True))


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        (b"1\tone\n2\t\\N\n", [["1", "one"], ["2", None]]),
        (b"1\tone\r\n2\ttwo\r\n", [["1", "one"], ["2", "two"]]),
        (b"1\r2\r", [["1"], ["2"]]),
        (b"a\\tb\\n\\\\c\td\\q\n", [["a\tb\n\\c", "dq"]]),
        (b"a\\\nb\tc\n", [["a\nb", "c"]]),
        (b"\\x41\\101\n", [["AA"]]),
        (b"\\\\N\t\\\\\n", [["\\N", "\\"]]),
        (b"last", [["last"]]),
        (b"", []),
        (b"\n", [[""]]),
        (b"1\n\\.\nignored\n", [["1"]]),
    ],
)
def test_text(data, rows):
    for size in (None, 1, 3):
        assert decoded(copy_text.CopyTextDecoder, data, size) == rows


@given(st.lists(st.lists(CELLS, min_size=2, max_size=4), max_size=4))
def test_text_comes_back(rows):
    data = b"".join(map(copy_text.encode_line, rows))
    assert decoded(copy_text.CopyTextDecoder, data) == rows
    assert decoded(copy_text.CopyTextDecoder, data, 1) == rows


def csv_decoder(**options):
    return lambda: copy_csv.CopyCsvDecoder(CsvFormat(), **options)


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        (b'1,"a,b",\n', [["1", "a,b", None]]),
        (b'"",x\n', [["", "x"]]),
        (b'"two\nlines",2\r\n', [["two\nlines", "2"]]),
        (b'"say ""hi""",a"b"c\n', [['say "hi"', "abc"]]),
        (b"last", [["last"]]),
        (b"1\n\\.\n2\n", [["1"]]),
    ],
)
def test_csv(data, rows):
    for size in (None, 1, 3):
        assert decoded(csv_decoder(), data, size) == rows


@given(st.lists(st.lists(CELLS, min_size=2, max_size=4), max_size=4))
def test_csv_comes_back_and_python_reads_it_too(rows):
    # A bare \r at the end of a line is read as a part of the line end by both.
    form = CsvFormat()
    data = b"".join(copy_csv.encode_record(row, form) for row in rows)
    assert decoded(csv_decoder(), data) == rows
    assert decoded(csv_decoder(), data, 1) == rows
    read = list(csv.reader(io.StringIO(data.decode(), newline="")))
    assert read == [[cell or "" for cell in row] for row in rows]


def test_csv_of_a_header_and_columns_that_are_or_are_not_null():
    make = csv_decoder(has_header=True, force_not_null=frozenset([0]), force_null=frozenset([1]))
    assert decoded(make, b'a,b\n,""\n') == [["", None]]


def test_csv_with_another_escape():
    form = CsvFormat(quote="'", escape="\\", delimiter=";")
    row = ["it's; a \\ sign\n", None, "x"]
    data = copy_csv.encode_record(row, form)
    assert data == b"'it\\'s; a \\\\ sign\n';;x\n"
    for size in (None, 1):
        assert decoded(lambda: copy_csv.CopyCsvDecoder(form), data, size) == [row]


def test_csv_that_ends_inside_quotes():
    with pytest.raises(SqlError, match="unterminated CSV quoted field"):
        decoded(csv_decoder(), b'1,"open\n')


@given(st.lists(st.lists(st.none() | st.binary(max_size=9), max_size=4), max_size=4))
def test_binary_comes_back(rows):
    data = copy_binary.HEADER + b"".join(map(copy_binary.encode_row, rows)) + copy_binary.TRAILER
    assert decoded(copy_binary.CopyBinaryDecoder, data) == rows
    assert decoded(copy_binary.CopyBinaryDecoder, data, 1) == rows
    assert decoded(copy_binary.CopyBinaryDecoder, data + b"rest") == rows


@pytest.mark.parametrize(
    "data",
    [
        b"no signature",
        copy_binary.SIGNATURE[:5],
        copy_binary.HEADER + b"\0\1\0\0\0\5ab",
        copy_binary.HEADER + b"\xff\xf0",
        copy_binary.HEADER + b"\0\1\xff\xff\xff\xf0",
    ],
)
def test_binary_that_lies(data):
    with pytest.raises(SqlError) as caught:
        decoded(copy_binary.CopyBinaryDecoder, data)
    assert caught.value.sqlstate == "22P04"
