"""multipart/form-data: forms with files, out of bytes as they come (RFC 7578).

    --XXXX\\r\\n                                           delimiter
    Content-Disposition: form-data; name="photo"; filename="a.png"\\r\\n
    Content-Type: image/png\\r\\n\\r\\n
    ...bytes...\\r\\n                                       belongs to the next delimiter
    --XXXX--\\r\\n                                         the end

The decoder is sans-IO: it gets blocks and gives events, and holds back no more of a part than could
be the beginning of a delimiter, so that a file of any size passes in constant memory. `read_form`
makes fields and files of the events: fields stay in memory and are bounded together, a file that is
large goes to a temporary file.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote

from services.web.errors import HTTPError
from services.web.multidict import MAX_FIELDS, MultiDict

MAX_FIELD_BYTES = 512 * 1024
"""All fields that are no files, together."""
_MAX_HEAD_BYTES = 8 * 1024
_MAX_BOUNDARY_BYTES = 70  # RFC 2046, section 5.1.1
_FILE_MEMORY_BYTES = 256 * 1024
_BLOCK_BYTES = 64 * 1024

_BOUNDARY = re.compile(r"""[0-9A-Za-z'()+_,\-./:=? ]*[0-9A-Za-z'()+_,\-./:=?]""")
_PARAMETER = re.compile(
    r';\s*([!#$%&\'*+\-.^_`|~0-9A-Za-z]+)=(?:"((?:[^"\\]|\\.)*)"|([^;"\s]*))\s*'
)


@dataclass(frozen=True, slots=True)
class PartBegin:
    """A part begins: the name of its field, and of the file if it is one."""

    name: str
    filename: str | None
    content_type: str


@dataclass(frozen=True, slots=True)
class PartData:
    """The next bytes of the part."""

    data: bytes


@dataclass(frozen=True, slots=True)
class PartEnd:
    """The part is whole."""


PartEvent = PartBegin | PartData | PartEnd


class MultipartDecoder:
    """Events out of bytes. Errors: `HTTPError` 400 for what is malformed."""

    def __init__(self, boundary: str) -> None:
        if len(boundary) > _MAX_BOUNDARY_BYTES or not _BOUNDARY.fullmatch(boundary):
            raise HTTPError(400, "the boundary of the form is malformed")
        self._delimiter = b"\r\n--" + boundary.encode()
        # The first delimiter stands at the very beginning; with this it looks like the others.
        self._buffer = bytearray(b"\r\n")
        self._next: Callable[[], PartEvent | None] = self._preamble
        self.is_complete = False

    def receive_data(self, data: bytes) -> None:
        """Take in what has arrived."""
        if not self.is_complete:  # What follows the end means nothing.
            self._buffer += data

    def next_event(self) -> PartEvent | None:
        """The next event, or None: need more, or all is said (`is_complete`)."""
        return self._next()

    def _preamble(self) -> PartEvent | None:
        at = self._buffer.find(self._delimiter)
        if at < 0:
            del self._buffer[: -len(self._delimiter)]
            return None
        del self._buffer[: at + len(self._delimiter)]
        self._next = self._after_delimiter
        return self._next()

    def _after_delimiter(self) -> PartEvent | None:
        """`--` ends the form, a line break begins a part."""
        if len(self._buffer) < 2:
            return None
        if self._buffer.startswith(b"--"):
            self.is_complete = True
            self._buffer.clear()
            self._next = lambda: None
            return None
        line, found, _ = self._buffer.partition(b"\r\n")
        if line.strip(b" \t" if found else b" \t\r") or len(line) > _MAX_HEAD_BYTES:
            raise HTTPError(400, "a boundary of the form is followed by something else")
        if not found:
            return None
        # The line break stays: the head may be empty, and then its end begins right here.
        del self._buffer[: len(line)]
        self._next = self._head
        return self._next()

    def _head(self) -> PartEvent | None:
        end = self._buffer.find(b"\r\n\r\n")
        if end > _MAX_HEAD_BYTES or (end < 0 and len(self._buffer) > _MAX_HEAD_BYTES):
            raise HTTPError(400, f"the head of a part is longer than {_MAX_HEAD_BYTES} bytes")
        if end < 0:
            return None
        head = bytes(self._buffer[2:end])
        # The second line break may belong to the next delimiter, if the part is empty.
        del self._buffer[: end + 2]
        self._is_first = True
        self._next = self._data
        return _part_begin(head)

    def _data(self) -> PartEvent | None:
        at = self._buffer.find(self._delimiter)
        if self._is_first:
            # What ends the head comes off now that it cannot be a delimiter's beginning.
            if at != 0:
                if len(self._buffer) < len(self._delimiter):
                    return None
                del self._buffer[:2]
                at -= 2 if at > 0 else 0
            self._is_first = False
        if at == 0:
            del self._buffer[: len(self._delimiter)]
            self._next = self._after_delimiter
            return PartEnd()
        size = at if at > 0 else len(self._buffer) - len(self._delimiter) + 1
        if size <= 0:
            return None
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return PartData(data)


@dataclass(slots=True)
class UploadedFile:
    """A file of a form. The name is the client's word: it is for showing, never for a path."""

    name: str
    filename: str
    content_type: str
    stream: BinaryIO
    size: int = 0

    def save(self, path: Path | str) -> None:
        """Write the content to a path of the application's own choosing."""
        with Path(path).open("wb") as target:
            self.stream.seek(0)
            while block := self.stream.read(_BLOCK_BYTES):
                target.write(block)

    def read(self) -> bytes:
        """The whole content."""
        self.stream.seek(0)
        return self.stream.read()


@dataclass(frozen=True, slots=True)
class Form:
    """What a form holds."""

    fields: MultiDict[str]
    files: MultiDict[UploadedFile]


def read_form(
    blocks: Iterator[bytes], content_type: str, *, max_field_bytes: int = MAX_FIELD_BYTES
) -> Form:
    """The fields and files of a multipart body. Errors: 400 where it is malformed or cut short,
    413 where there are too many parts or too much text."""
    decoder = MultipartDecoder(boundary_of(content_type))
    reader = _FormReader(max_field_bytes)
    try:
        for block in blocks:
            decoder.receive_data(block)
            while (event := decoder.next_event()) is not None:
                reader.take(event)
        if not decoder.is_complete:
            raise HTTPError(400, "the form ends before its last boundary")
    except BaseException:
        reader.close()
        raise
    return Form(MultiDict(reader.fields), MultiDict(reader.files))


def boundary_of(content_type: str) -> str:
    """The boundary that the Content-Type names. Errors: 400 where there is none."""
    _, semicolon, rest = content_type.partition(";")
    for found in _PARAMETER.finditer(semicolon + rest):
        if found[1].lower() == "boundary":
            return found[2] if found[2] is not None else found[3]
    raise HTTPError(400, "the form names no boundary")


class _FormReader:
    """Collects the events of a form."""

    def __init__(self, max_field_bytes: int) -> None:
        self.fields: list[tuple[str, str]] = []
        self.files: list[tuple[str, UploadedFile]] = []
        self._remaining_bytes = max_field_bytes
        self._part = PartBegin("", None, "")
        self._text = bytearray()
        self._file: UploadedFile | None = None

    def take(self, event: PartEvent) -> None:
        match event:
            case PartBegin():
                self._begin(event)
            case PartData(data):
                self._append(data)
            case PartEnd():
                self._end()

    def close(self) -> None:
        for _, file in self.files:
            file.stream.close()

    def _begin(self, part: PartBegin) -> None:
        if len(self.fields) + len(self.files) >= MAX_FIELDS:
            raise HTTPError(413, f"the form has more than {MAX_FIELDS} fields")
        self._part = part
        if part.filename is None:
            self._text = bytearray()
        else:
            # Closed by `close`, or with the request.
            stream = tempfile.SpooledTemporaryFile(_FILE_MEMORY_BYTES)  # noqa: SIM115
            self._file = UploadedFile(part.name, part.filename, part.content_type, stream)
            self.files.append((part.name, self._file))

    def _append(self, data: bytes) -> None:
        if self._file is not None:
            self._file.stream.write(data)
            self._file.size += len(data)
            return
        self._remaining_bytes -= len(data)
        if self._remaining_bytes < 0:
            raise HTTPError(413, "the fields of the form are too large")
        self._text += data

    def _end(self) -> None:
        if self._file is not None:
            self._file.stream.seek(0)
            self._file = None
            return
        try:
            self.fields.append((self._part.name, self._text.decode()))
        except UnicodeDecodeError as error:
            raise HTTPError(400, f"the field {self._part.name!r} is not UTF-8") from error


def _part_begin(head: bytes) -> PartBegin:
    try:
        lines = head.decode().split("\r\n") if head else []
    except UnicodeDecodeError as error:
        raise HTTPError(400, "the head of a part is not UTF-8") from error
    fields: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise HTTPError(400, "the head of a part has a line that is no field")
        fields[name.strip().lower()] = value.strip()
    kind, semicolon, rest = fields.get("content-disposition", "").partition(";")
    parameters = _parameters(semicolon + rest)
    if kind.strip().lower() != "form-data" or "name" not in parameters:
        raise HTTPError(400, "a part of the form has no name")
    content_type = fields.get("content-type", "application/octet-stream")
    return PartBegin(parameters["name"], parameters.get("filename"), content_type)


def _parameters(text: str) -> dict[str, str]:
    """`; name="a"; filename*=UTF-8''%C3%A9` as a dict. Browsers escape `"`, CR and LF in names as
    `%22`, `%0D` and `%0A` (WHATWG HTML), curl writes `\\"`; a backslash alone is a backslash."""
    parameters = {}
    for name, quoted, token in _PARAMETER.findall(text):
        value = re.sub(r'\\(["\\])', r"\1", quoted) if quoted else token
        for escape, character in (("%22", '"'), ("%0D", "\r"), ("%0A", "\n")):
            value = value.replace(escape, character)
        parameters[name.lower()] = value
    extended = parameters.pop("filename*", "")
    if extended.lower().startswith("utf-8''"):
        parameters["filename"] = unquote(extended[7:])
    return parameters
