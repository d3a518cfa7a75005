"""Files as responses: whole, in parts (206), or only the word that nothing has changed (304).

The file is opened when the response is made, so that whatever is missing or forbidden raises
OSError before a status is sent, and a file that is replaced meanwhile is still sent whole. Its size
and time of change make the entity tag; `conditional` reads what the client asks of it.
"""

from __future__ import annotations

import mimetypes
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from email.utils import formatdate
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from services.web.conditional import has_conditions, precondition_status, wanted_ranges
from services.web.headers import HeaderSource
from services.web.responses import Environ, Response, StartResponse, status_line

_BLOCK_BYTES = 64 * 1024
# What a 304 repeats (RFC 9110, section 15.4.5), and nothing that describes a body.
_OF_NOT_MODIFIED = frozenset(
    {"etag", "last-modified", "cache-control", "expires", "vary", "content-location", "set-cookie"}
)
# What goes for a response of any status, and so for a 412 and a 416 as well.
_OF_ANY = frozenset({"set-cookie", "vary", "x-content-type-options", "x-request-id"})


class FileResponse(Response):
    """The content of a file, sent by the server's `wsgi.file_wrapper` where it has one.

    `download_name` asks the browser to save the file under that name instead of showing it.
    """

    def __init__(
        self,
        path: Path | str,
        status: int = 200,
        headers: HeaderSource = None,
        content_type: str | None = None,
        *,
        download_name: str | None = None,
    ) -> None:
        path = Path(path)
        super().__init__(b"", status, headers, content_type or guess_content_type(path.name))
        self.file: BinaryIO = path.open("rb")
        facts = os.fstat(self.file.fileno())
        self.size = facts.st_size
        self.headers.setdefault("Accept-Ranges", "bytes")
        self.headers.setdefault("Last-Modified", formatdate(facts.st_mtime, usegmt=True))
        self.headers.setdefault("ETag", f'"{facts.st_mtime_ns:x}-{facts.st_size:x}"')
        # A browser must not guess a type of its own and run what was meant as text.
        self.headers.setdefault("X-Content-Type-Options", "nosniff")
        if download_name is not None:
            self.headers["Content-Disposition"] = content_disposition(download_name)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        is_conditional = self.status == 200 and has_conditions(environ)
        status = precondition_status(environ, self.headers) if is_conditional else None
        if status is not None:
            kept = _OF_NOT_MODIFIED if status == 304 else _OF_ANY
            return self._send_nothing(status, kept, [], start_response)
        ranges = wanted_ranges(environ, self.headers, self.size) if self.status == 200 else None
        if ranges is None:
            return self._send_whole(environ, start_response)
        if not ranges:
            unknown = [("Content-Range", f"bytes */{self.size}")]
            return self._send_nothing(416, _OF_ANY, unknown, start_response)
        if len(ranges) == 1:
            return self._send_part(ranges[0], environ, start_response)
        return self._send_parts(ranges, start_response)

    def _send_nothing(
        self,
        status: int,
        kept: frozenset[str],
        added: list[tuple[str, str]],
        start_response: StartResponse,
    ) -> Iterable[bytes]:
        self.file.close()
        fields = [field for field in self.headers.items() if field[0].lower() in kept] + added
        if status != 304:
            fields.append(("Content-Length", "0"))
        start_response(status_line(status), fields)
        return []

    def _send_whole(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        self.headers.setdefault("Content-Length", str(self.size))
        start_response(status_line(self.status), self.headers.items())
        if environ["REQUEST_METHOD"] == "HEAD":
            self.file.close()
            return []
        return _wrapped(self.file, environ)

    def _send_part(
        self, part: range, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        self.headers["Content-Length"] = str(len(part))
        self.headers["Content-Range"] = _content_range(part, self.size)
        start_response(status_line(206), self.headers.items())
        return _wrapped(FileSlice(self.file, part), environ)

    def _send_parts(self, ranges: list[range], start_response: StartResponse) -> Iterable[bytes]:
        """Several parts as `multipart/byteranges` (RFC 9110, section 14.6)."""
        boundary = secrets.token_hex(16)
        heads = [
            f"\r\n--{boundary}\r\nContent-Type: {self.headers['Content-Type']}\r\n"
            f"Content-Range: {_content_range(part, self.size)}\r\n\r\n".encode("latin-1")
            for part in ranges
        ]
        end = f"\r\n--{boundary}--\r\n".encode()
        length = sum(map(len, heads)) + sum(map(len, ranges)) + len(end)
        self.headers["Content-Length"] = str(length)
        self.headers["Content-Type"] = f"multipart/byteranges; boundary={boundary}"
        start_response(status_line(206), self.headers.items())

        def pieces() -> Iterator[bytes]:
            with self.file:
                for head, part in zip(heads, ranges, strict=True):
                    yield head
                    yield from FileBlocks(FileSlice(self.file, part))
                yield end

        return pieces()


class FileSlice:
    """Some bytes of a file as a file of its own, for whoever reads to its end."""

    def __init__(self, file: BinaryIO, part: range) -> None:
        file.seek(part.start)
        self.fileno: Callable[[], int] = file.fileno
        self.close = file.close
        self._file = file
        self._remaining = len(part)

    def read(self, size: int = -1) -> bytes:
        wanted = self._remaining if size < 0 else min(size, self._remaining)
        data = self._file.read(wanted)
        self._remaining -= len(data)
        return data


class FileBlocks:
    """A file as an iterable of blocks, closed by the server when it is done (PEP 3333)."""

    def __init__(self, file: BinaryIO | FileSlice, block_bytes: int = _BLOCK_BYTES) -> None:
        self.file = file
        self.block_bytes = block_bytes

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self.file.read(self.block_bytes), b"")

    def close(self) -> None:
        self.file.close()


def content_disposition(name: str) -> str:
    """`attachment` with a file name in any alphabet (RFC 6266, RFC 8187)."""
    plain = "".join(
        c if c.isascii() and c.isprintable() and c not in '"\\%/' else "_" for c in name
    )
    field = f'attachment; filename="{plain}"'
    return field if plain == name else f"{field}; filename*=UTF-8''{quote(name, safe='')}"


@lru_cache(maxsize=256)
def guess_content_type(name: str) -> str:
    """The media type that the name's ending stands for; text types with their charset."""
    media_type, encoding = mimetypes.guess_type(name, strict=True)
    if media_type is None or encoding is not None:
        return "application/octet-stream"
    if media_type.startswith("text/") or media_type in ("application/javascript",):
        return f"{media_type}; charset=utf-8"
    return media_type


def _wrapped(file: BinaryIO | FileSlice, environ: Environ) -> Iterable[bytes]:
    return environ.get("wsgi.file_wrapper", FileBlocks)(file, _BLOCK_BYTES)


def _content_range(part: range, size: int) -> str:
    return f"bytes {part.start}-{part.stop - 1}/{size}"
