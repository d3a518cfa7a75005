"""The numbers that are counted most, from 0 to 9,999: their texts are kept once, for all keys.

A counter is a string of digits (see `strings`). To count it is to read a number out of a text, and
to make a new text; where both are small, one lookup each does that. And a text that many counters
share is in the processor's cache, and takes no memory for each of them.
# Real: shared.integers in Redis, with the same ten thousand.
"""

_TEXTS = [b"%d" % number for number in range(10_000)]

SHARED_NUMBERS = {text: number for number, text in enumerate(_TEXTS)}
"""The number of each of the texts; most strings have none."""


def text_of(number: int) -> bytes:
    """An integer as a value; the small ones are always the same objects."""
    return _TEXTS[number] if 0 <= number < len(_TEXTS) else b"%d" % number
