"""A sort of many rows that looks at the interrupts on its way.

Python's sort of a million rows would hold everybody up for a second. So pieces are sorted; then
a few rows of all pieces, in order, are the cuts, and what lies between two cuts in each of
the pieces is sorted together: a piece of the result. What equals a cut needs no sort.

    pieces   1 4 6 9 │ 2 4 5 8      cuts 4 8
    result   1 2 · 4 4 · 5 6 · 8 · 9

# Real: samplesort; PostgreSQL's quicksort looks at the interrupts as it goes
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable

PIECE_ROWS = 5_000
"""How many rows are sorted without a look at the interrupts: some 10 ms."""


def sort_in_pieces(rows: list, key: Callable, check: Callable[[], None]) -> None:
    """`rows.sort(key=key)`; stable too. `check` may raise: the rows are then lost."""
    if len(rows) <= PIECE_ROWS:
        rows.sort(key=key)
        return
    pieces = []
    for start in range(0, len(rows), PIECE_ROWS):
        check()
        pieces.append(sorted(rows[start : start + PIECE_ROWS], key=key))
    # So many from each piece that what is between two cuts is about a piece again.
    step = max(1, PIECE_ROWS // (4 * len(pieces)))
    samples = sorted(key(row) for piece in pieces for row in piece[step // 2 :: step])
    every = max(1, len(samples) * PIECE_ROWS // len(rows))
    begins = [0] * len(pieces)
    del rows[:]
    last = None
    for cut in samples[every::every]:
        if cut == last:
            continue
        last = cut
        between, equal = [], []
        for number, piece in enumerate(pieces):
            low = bisect_left(piece, cut, begins[number], key=key)
            high = bisect_right(piece, cut, low, key=key)
            between += piece[begins[number] : low]
            equal += piece[low:high]
            begins[number] = high
        between.sort(key=key)
        rows += between
        rows += equal
        check()
    rest = [row for piece, begin in zip(pieces, begins, strict=True) for row in piece[begin:]]
    rest.sort(key=key)
    rows += rest
