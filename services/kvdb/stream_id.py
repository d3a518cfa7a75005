"""Stream IDs: the millisecond in which an entry was added, and its number within it.

    1526919030474-55          milliseconds and sequence, 64 bits each

Inside the server an ID is one integer of 128 bits, `milliseconds · 2⁶⁴ + sequence`. Integers
compare as IDs do, and the next ID is `+ 1`, from the last sequence of a millisecond into the
next one included.
# Real: struct streamID; as a key of the radix tree also one number, of 16 bytes.

A request may leave out parts, and what that means depends on where the ID stands:

    5          the start of a range: 5-0         its end: 5-18446744073709551615
    - and +    the lowest and the highest ID, where a range is asked for
    (5-3       a range that begins or ends beside 5-3
    5-*        to XADD: whatever sequence comes next in this millisecond
"""

from services.common.resp import ReplyError

LOWEST, HIGHEST = 0, 2**128 - 1
MAX_SEQUENCE = 2**64 - 1

_SEQUENCE_BITS = 64
_MAX_TEXT_BYTES = 127
"""Longer ones are refused before their digits are looked at, as in Redis."""


def make_id(milliseconds: int, sequence: int) -> int:
    return milliseconds << _SEQUENCE_BITS | sequence


def milliseconds_of(entry_id: int) -> int:
    return entry_id >> _SEQUENCE_BITS


def format_id(entry_id: int) -> bytes:
    return b"%d-%d" % (entry_id >> _SEQUENCE_BITS, entry_id & MAX_SEQUENCE)


def format_ids(first_id: int, count: int) -> list[bytes]:
    """The texts of IDs in a row."""
    sequence = first_id & MAX_SEQUENCE
    if sequence + count > MAX_SEQUENCE:
        return [format_id(entry_id) for entry_id in range(first_id, first_id + count)]
    pattern = b"%d-%%d " % (first_id >> _SEQUENCE_BITS)
    return (pattern * count % tuple(range(sequence, sequence + count))).split()


def next_id(last_id: int, now_ms: int) -> int:
    """What `XADD key *` takes: now, or behind the last one where the clock is not beyond it."""
    entry_id = now_ms << _SEQUENCE_BITS
    return entry_id if entry_id > last_id else last_id + 1


# Parsing.


def to_id(text: bytes, missing_sequence: int = 0) -> int | None:
    """`5-3`, or `5` with the sequence that stands for a missing one; None for anything else."""
    if len(text) > _MAX_TEXT_BYTES:
        return None
    milliseconds, dash, sequence = text.partition(b"-")
    high = _to_unsigned(milliseconds)
    low = _to_unsigned(sequence) if dash else missing_sequence
    return None if high is None or low is None else make_id(high, low)


def _to_unsigned(text: bytes) -> int | None:
    if not text.isdigit():
        return None
    number = int(text)
    return number if number <= MAX_SEQUENCE else None


def parse_id(text: bytes, missing_sequence: int = 0) -> int:
    """An ID that is spelled out. Raises ReplyError."""
    entry_id = to_id(text, missing_sequence)
    if entry_id is None:
        raise ReplyError("ERR Invalid stream ID specified as stream command argument")
    return entry_id


def parse_any_id(text: bytes, missing_sequence: int = 0) -> int:
    """An ID, or `-` or `+`."""
    match text:
        case b"-":
            return LOWEST
        case b"+":
            return HIGHEST
    return parse_id(text, missing_sequence)


def parse_new_id(text: bytes) -> tuple[int, bool]:
    """The ID for a new entry, and whether its sequence is given; it is not in `5-*`."""
    if text.endswith(b"-*"):
        return parse_id(text[:-2] + b"-0"), False
    return parse_id(text), True


def parse_start(text: bytes) -> int:
    """The first ID of a range."""
    if not _is_exclusive(text):
        return parse_any_id(text)
    entry_id = parse_id(text[1:])
    if entry_id == HIGHEST:
        raise ReplyError("ERR invalid start ID for the interval")
    return entry_id + 1


def parse_end(text: bytes) -> int:
    """The last ID of a range."""
    if not _is_exclusive(text):
        return parse_any_id(text, MAX_SEQUENCE)
    entry_id = parse_id(text[1:], MAX_SEQUENCE)
    if entry_id == LOWEST:
        raise ReplyError("ERR invalid end ID for the interval")
    return entry_id - 1


def _is_exclusive(text: bytes) -> bool:
    return len(text) > 1 and text.startswith(b"(")
