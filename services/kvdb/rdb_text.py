"""Lengths and strings as Redis writes them into a payload (see `rdb_value`)."""

from services.kvdb.packed_forms import FormatError, Reader, decompress_lzf

_LZF = 3
_INTEGER_BYTES = {0: 1, 1: 2, 2: 4}


def append_length(payload: bytearray, length: int) -> None:
    if length < 1 << 6:
        payload.append(length)
    elif length < 1 << 14:
        payload += (0x4000 | length).to_bytes(2)
    elif length < 1 << 32:
        payload += b"\x80" + length.to_bytes(4)
    else:
        payload += b"\x81" + length.to_bytes(8)


def append_text(payload: bytearray, text: bytes | bytearray) -> None:
    append_length(payload, len(text))
    payload += text


def read_length(reader: Reader) -> int:
    length, is_length = _read_head(reader)
    if not is_length:
        raise FormatError("no length where one is due")
    return length


def _read_head(reader: Reader) -> tuple[int, bool]:
    """A length and True, or the kind of a string that has another form and False."""
    first = reader.byte()
    match first >> 6:
        case 0:
            return first, True
        case 1:
            return (first & 0x3F) << 8 | reader.byte(), True
        case 3:
            return first & 0x3F, False
    if first not in (0x80, 0x81):
        raise FormatError("an unknown form of a length")
    return int.from_bytes(reader.take(4 if first == 0x80 else 8)), True


def read_text(reader: Reader) -> bytes:
    head, is_length = _read_head(reader)
    if is_length:
        return reader.take(head)
    if head == _LZF:
        packed_bytes, size = read_length(reader), read_length(reader)
        return decompress_lzf(reader.take(packed_bytes), size)
    if head not in _INTEGER_BYTES:
        raise FormatError("an unknown form of a string")
    return b"%d" % reader.signed(_INTEGER_BYTES[head])
