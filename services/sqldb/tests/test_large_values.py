"""Long values are worked on in pieces, with the same result."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.sqldb import large_values
from services.sqldb.errors import SqlError
from services.sqldb.interruption import interrupted_by
from services.sqldb.optimizer.tests.database import database


@pytest.fixture
def small_pieces(monkeypatch):
    monkeypatch.setattr(large_values, "PIECE", 6)


TEXTS = st.text("ab,", max_size=40)


@given(TEXTS, st.text("ab,", min_size=1, max_size=4), st.text("abc", max_size=3))
@settings(max_examples=300)
def test_split_and_replace(text, delimiter, new):
    before, large_values.PIECE = large_values.PIECE, 6
    try:
        assert large_values.split(text, delimiter) == text.split(delimiter)
        assert large_values.replace(text, delimiter, new) == text.replace(delimiter, new)
        assert "".join(large_values.pieces(text)) == text
    finally:
        large_values.PIECE = before


@pytest.fixture(scope="module")
def sql():
    with database() as made:
        yield made


TEXT = "Ünder the bridge, two ducks; 3 frogs "
CALLS = {
    "md5(s)": lambda s: hashlib.md5(s.encode(), usedforsecurity=False).hexdigest(),
    "sha512(convert_to(s, 'UTF8'))": lambda s: hashlib.sha512(s.encode()).digest(),
    "replace(s, 'ck', 'xyz')": lambda s: s.replace("ck", "xyz"),
    "split_part(s, ' ', -2)": lambda s: s.split(" ")[-2],
    "cardinality(string_to_array(s, ', '))": lambda s: len(s.split(", ")),
    "convert_from(decode(encode(convert_to(s, 'UTF8'), 'hex'), 'hex'), 'UTF8')": lambda s: s,
    "convert_from(decode(encode(convert_to(s, 'UTF8'), 'base64'), 'base64'), 'UTF8')": lambda s: s,
}


@pytest.mark.parametrize("call", CALLS)
def test_calls(sql, small_pieces, call):
    looks = []
    with interrupted_by(lambda: looks.append(1)):
        found = sql.run(f"SELECT {call} FROM (SELECT repeat('{TEXT}', 20) AS s) x")
    assert found == [(CALLS[call](TEXT * 20),)]
    assert looks


@pytest.mark.parametrize("type_", ["json", "jsonb"])
def test_long_json(sql, type_):
    text = "[" + '{"a": 1.50, "b": [7]}, ' * 5000 + "1]"
    looks = []
    with interrupted_by(lambda: looks.append(1)):
        found = sql.run(f"SELECT {type_}_array_length('{text}'), '{text}'::{type_} ->> 4999")
    assert found == [(5001, '{"a": 1.50, "b": [7]}')]
    assert len(looks) > 10
    with pytest.raises(SqlError, match="invalid input syntax for type json"):
        sql.run(f"SELECT '{text}]'::{type_}")


def test_initcap(sql):
    assert sql.run("SELECT initcap('über-ALL hEllo 2nd_wORD ')") == [("üBer-All Hello 2nd_Word ",)]
