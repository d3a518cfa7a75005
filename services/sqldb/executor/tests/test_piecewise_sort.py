"""A sort in pieces gives what Python's sort gives, equal rows in their order."""

from operator import itemgetter

import pytest

from services.sqldb.errors import QUERY_CANCELED, SqlError
from services.sqldb.piecewise_sort import PIECE_ROWS, sort_in_pieces


@pytest.mark.parametrize("size", [0, 1, PIECE_ROWS, PIECE_ROWS + 1, 7 * PIECE_ROWS + 3])
@pytest.mark.parametrize("distinct", [1, 3, 1000, 1 << 20])
def test_is_stable(size, distinct):
    rows = [(number * 7919 % distinct, number) for number in range(size)]
    found = list(rows)
    sort_in_pieces(found, itemgetter(0), lambda: None)
    assert found == sorted(rows, key=itemgetter(0))


def test_no_run_is_long():
    """Between two looks as many rows come out as are in a piece, or twice that."""
    rows = [number * 7919 % 200_003 for number in range(200_000)]
    compared, most = 0, 0

    def key(value):
        nonlocal compared
        compared += 1
        return value

    def check():
        nonlocal compared, most
        most, compared = max(most, compared), 0

    sort_in_pieces(rows, key, check)
    assert rows == sorted(rows)
    assert max(most, compared) <= 4 * PIECE_ROWS


def test_is_interrupted():
    def check():
        raise SqlError(QUERY_CANCELED, "canceling statement due to user request")

    with pytest.raises(SqlError):
        sort_in_pieces(list(range(PIECE_ROWS + 1)), int, check)
