"""COPY in CSV: quoted where it must be, NULL is the empty value without quotes.

Line ends inside quotes belong to the value, so a row may span lines and pieces of data. A quoted
value is never NULL (unless FORCE_NULL), and an unquoted one that equals `null` always is.
# Real: CopyReadAttributesCSV() in copyfromparse.c, CopyAttributeOutCSV() in copyto.c.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services.sqldb.errors import BAD_COPY_FILE_FORMAT, SqlError
from services.sqldb.protocol.frontend import decode_text


@dataclass(frozen=True, slots=True)
class CsvFormat:
    delimiter: str = ","
    quote: str = '"'
    escape: str = '"'
    null: str = ""


class CopyCsvDecoder:
    """Bytes of CSV → rows of strings; NULL is None.

    `force_not_null` and `force_null`: indexes of columns whose empty values are, or are not, NULL
    against the rule.
    """

    def __init__(
        self,
        form: CsvFormat,
        has_header: bool = False,
        force_not_null: frozenset[int] = frozenset(),
        force_null: frozenset[int] = frozenset(),
    ):
        self._form = form
        self._skips_line = has_header
        self._force_not_null = force_not_null
        self._force_null = force_null
        # What no record was made of yet; the first `_scanned` bytes hold no end of one.
        self._rest = b""
        self._scanned = 0
        self._is_quoted = False
        self.is_ended = False
        self.line = 0

    def receive_data(self, data: bytes) -> None:
        self._rest += data

    def rows(self, is_last: bool = False) -> Iterator[list[str | None]]:
        for record in self._records(is_last):
            self.line += 1
            if record == b"\\.":
                self.is_ended = True
                return
            if self._skips_line:
                self._skips_line = False
                continue
            yield self._columns(decode_text(record))

    def _records(self, is_last: bool) -> Iterator[bytes]:
        """Complete records: a line end counts where the quotes before it are balanced."""
        data, start, position = self._rest, 0, self._scanned
        while not self.is_ended and (end := data.find(b"\n", position)) >= 0:
            self._is_quoted = self._quoted_after(data[position:end])
            position = end + 1
            if not self._is_quoted:
                yield data[start:end].removesuffix(b"\r")
                start = position
        self._rest, self._scanned = data[start:], position - start
        if is_last and self._rest and not self.is_ended:
            if self._quoted_after(self._rest[self._scanned :]):
                raise SqlError(BAD_COPY_FILE_FORMAT, "unterminated CSV quoted field")
            yield self._rest.removesuffix(b"\r")

    def _quoted_after(self, part: bytes) -> bool:
        """Whether the end of this part, which begins where the last one ended, is inside quotes."""
        quote, escape = self._form.quote.encode(), self._form.escape.encode()
        if quote == escape:
            return self._is_quoted ^ (part.count(quote) % 2 == 1)
        is_quoted, position = self._is_quoted, 0
        while position < len(part):
            byte = part[position : position + 1]
            if is_quoted and byte == escape:
                position += 1
            elif byte == quote:
                is_quoted = not is_quoted
            position += 1
        return is_quoted

    def _columns(self, record: str) -> list[str | None]:
        form = self._form
        if form.quote not in record:
            cells = [(cell, False) for cell in record.split(form.delimiter)]
        else:
            cells = list(_cells(record, form))
        return [self._value(index, *cell) for index, cell in enumerate(cells)]

    def _value(self, index: int, cell: str, is_quoted: bool) -> str | None:
        if cell != self._form.null:
            return cell
        if is_quoted:
            return None if index in self._force_null else cell
        return cell if index in self._force_not_null else None


def _cells(record: str, form: CsvFormat) -> Iterator[tuple[str, bool]]:
    """Each cell and whether any of it was quoted."""
    cell: list[str] = []
    is_inside = was_quoted = False
    position, end = 0, len(record)
    escapable = (form.quote, form.escape)
    while position < end:
        character = record[position]
        following = record[position + 1] if position + 1 < end else None
        if is_inside and character == form.escape and following in escapable:
            cell.append(following)
            position += 2
            continue
        if character == form.quote:
            is_inside = not is_inside
            was_quoted = True
        elif character == form.delimiter and not is_inside:
            yield "".join(cell), was_quoted
            cell, was_quoted = [], False
        else:
            cell.append(character)
        position += 1
    yield "".join(cell), was_quoted


def encode_record(
    columns: Sequence[str | None], form: CsvFormat, forced: frozenset[int] = frozenset()
) -> bytes:
    """A row as one record; `forced`: indexes of columns that are quoted in any case."""
    cells = []
    for index, column in enumerate(columns):
        if column is None:
            cells.append(form.null)
        elif index in forced or _needs_quotes(column, form, len(columns) == 1):
            inner = column.replace(form.escape, form.escape * 2)
            if form.quote != form.escape:
                inner = inner.replace(form.quote, form.escape + form.quote)
            cells.append(form.quote + inner + form.quote)
        else:
            cells.append(column)
    return (form.delimiter.join(cells) + "\n").encode()


def _needs_quotes(column: str, form: CsvFormat, is_alone: bool) -> bool:
    # `\.` alone on a line would be taken for the end of the data.
    return (
        column == form.null
        or (is_alone and column == "\\.")
        or any(one in column for one in (form.delimiter, form.quote, "\n", "\r"))
    )
