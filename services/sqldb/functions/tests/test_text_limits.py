"""No text is made that is larger than a gigabyte. (Here the limit is a few bytes.)"""

import pytest

from services.sqldb.errors import SqlError
from services.sqldb.functions import aggregates, strings


def test_concatenation(monkeypatch):
    monkeypatch.setattr(strings, "_MAX_BYTES", 8)
    assert strings.concatenated("abcd", "efgh") == "abcdefgh"
    with pytest.raises(SqlError, match="invalid memory alloc request size 13") as raised:
        strings.concatenated("abcd", "efghi")
    assert raised.value.sqlstate == "XX000"


def test_string_agg(monkeypatch):
    monkeypatch.setattr(aggregates, "MAX_STRING_BYTES", 8)
    assert aggregates._joined(["abcd", ",", "efg"], "") == "abcd,efg"
    with pytest.raises(SqlError, match="out of memory") as raised:
        aggregates._joined(["abcd", ",", "efgh"], "")
    assert raised.value.sqlstate == "54000"
