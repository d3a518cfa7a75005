r"""COPY in text format: a row a line, columns apart by a tab, \N for NULL, escapes by backslash.

    1<tab>one\ttwo<tab>\N        ⇄   ["1", "one<tab>two", None]

The decoder takes pieces of any size, as CopyData comes. Lines end in \n, \r\n or \r, all in the
same. A line with just `\.` ends the data.
# Real: CopyReadLineText() and CopyReadAttributesText() in copyfromparse.c.
"""

import re
from collections.abc import Iterator, Sequence

from services.sqldb.errors import BAD_COPY_FILE_FORMAT, SqlError
from services.sqldb.protocol.frontend import decode_text

_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_ESCAPED = re.compile(r"\\(x[0-9A-Fa-f]{1,2}|[0-7]{1,3}|.)", re.DOTALL)
_SPECIAL = str.maketrans(
    {
        "\\": "\\\\",
        "\b": "\\b",
        "\f": "\\f",
        "\n": "\\n",
        "\r": "\\r",
        "\t": "\\t",
        "\v": "\\v",
    }
)
_LINE_END = re.compile(rb"\r\n|\n|\r")


class CopyTextDecoder:
    """Lines of text → rows of strings; NULL is None."""

    def __init__(self, delimiter: str = "\t", null: str = "\\N", has_header: bool = False):
        self._delimiter = delimiter
        self._null = null
        self._rest = b""
        self._line_end: bytes | None = None
        self._skips_line = has_header
        self.is_ended = False
        self.line = 0

    def receive_data(self, data: bytes) -> None:
        self._rest += data

    def rows(self, is_last: bool = False) -> Iterator[list[str | None]]:
        """The rows that are complete; `is_last`: no more data comes."""
        for line in self._lines(is_last) if not self.is_ended else ():
            self.line += 1
            if line == b"\\.":
                self.is_ended = True
                return
            if self._skips_line:
                self._skips_line = False
                continue
            yield self._columns(decode_text(line))

    def _lines(self, is_last: bool) -> Iterator[bytes]:
        if self._line_end is None and not self._find_line_end(is_last):
            return
        lines = self._rest.split(self._line_end)
        # What stands behind the last line end is a line only if nothing follows.
        self._rest = b"" if is_last else lines[-1]
        count = len(lines) if is_last and lines[-1] else len(lines) - 1
        position = 0
        while position < count:
            line = lines[position]
            position += 1
            # An escaped line end is data: an odd number of backslashes stands before it.
            while _ends_in_escape(line) and line != b"\\.":
                if position >= len(lines):
                    raise SqlError(BAD_COPY_FILE_FORMAT, "end-of-copy marker corrupt")
                if position == len(lines) - 1 and not is_last:
                    self._rest = line + self._line_end + lines[position]
                    return
                line += self._line_end + lines[position]
                position += 1
            yield line

    def _find_line_end(self, is_last: bool) -> bool:
        found = _LINE_END.search(self._rest)
        if found is None:
            self._line_end = b"\n" if is_last else None
        elif found.group() == b"\r" and found.end() == len(self._rest) and not is_last:
            return False  # Its \n may come with the next piece.
        else:
            self._line_end = found.group()
        return self._line_end is not None

    def _columns(self, line: str) -> list[str | None]:
        null = self._null
        if "\\" not in line:
            return [None if column == null else column for column in line.split(self._delimiter)]
        return [
            None if raw == null else _unescaped(raw)
            for raw in _split_unescaped(line, self._delimiter)
        ]


def _ends_in_escape(line: bytes) -> bool:
    return line.endswith(b"\\") and (len(line) - len(line.rstrip(b"\\"))) % 2 == 1


def _split_unescaped(line: str, delimiter: str) -> list[str]:
    columns, start, position = [], 0, 0
    while position < len(line):
        if line[position] == "\\":
            position += 2
        elif line[position] == delimiter:
            columns.append(line[start:position])
            position += 1
            start = position
        else:
            position += 1
    columns.append(line[start:])
    return columns


def _unescaped(raw: str) -> str:
    return _ESCAPED.sub(_unescape, raw) if "\\" in raw else raw


def _unescape(found: re.Match[str]) -> str:
    code = found.group(1)
    if code[0] == "x" and len(code) > 1:
        return chr(int(code[1:], 16))
    if code[0] in "01234567":
        return chr(int(code, 8) & 0xFF)
    return _ESCAPES.get(code, code)


def encode_line(columns: Sequence[str | None], delimiter: str = "\t", null: str = "\\N") -> bytes:
    """A row as one line."""
    cells = []
    for column in columns:
        if column is None:
            cells.append(null)
            continue
        cell = column.translate(_SPECIAL)
        if delimiter != "\t":
            cell = cell.replace(delimiter, "\\" + delimiter)
        cells.append(cell)
    return (delimiter.join(cells) + "\n").encode()
