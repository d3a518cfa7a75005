"""Conditional requests and byte ranges: send less, or nothing, to who has most of it already.

RFC 9110, sections 13 and 14. A response that carries an `ETag` or a `Last-Modified` can be asked
for on a condition, and a file can be asked for in parts:

    If-None-Match: "v7"         the client has v7: 304 without a body, if that is what is here
    If-Modified-Since: DATE     the same by date, for clients that keep no tags
    If-Match: "v7"              only if v7 is still here (another's change is not lost): else 412
    Range: bytes=0-99,-100      206 with the first and the last hundred bytes
    If-Range: "v7"              the parts, if it is still v7; otherwise all of the new one

The order in which the conditions are looked at is the one of section 13.2.2, and what is malformed
is ignored, as the RFC wants it: then the client gets everything, which is always right.

Responses do this by themselves for GET and HEAD. A handler that changes something has to ask
`precondition_status` before it does: afterwards a 412 would be a lie.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from services.web.headers import Headers

Environ = Mapping[str, Any]

# A client that asks for more parts than this is not resuming a download.
MAX_RANGES = 16
_RANGE = re.compile(r"([0-9]{0,18})-([0-9]{0,18})")
_TAG = re.compile(r'\s*((?:W/)?"[\x21\x23-\x7e\x80-\xff]*")\s*(?:,|$)')


def precondition_status(environ: Environ, headers: Headers) -> int | None:
    """304 or 412 where a condition of the request says so, None where the response may go on.

    `headers` are those of the response, with the `ETag` and `Last-Modified` of what is here now.
    """
    current = headers.get("ETag")
    wanted = environ.get("HTTP_IF_MATCH")
    if wanted is not None:
        if not (wanted.strip() == "*" or _is_listed(current, wanted, is_weak_enough=False)):
            return 412
    elif "HTTP_IF_UNMODIFIED_SINCE" in environ and _is_older(
        environ["HTTP_IF_UNMODIFIED_SINCE"], headers.get("Last-Modified")
    ):
        return 412
    is_reading = environ["REQUEST_METHOD"] in ("GET", "HEAD")
    known = environ.get("HTTP_IF_NONE_MATCH")
    if known is not None:
        # A tag, if the client sends one, decides alone; the date is for clients without.
        if known.strip() == "*" or _is_listed(current, known, is_weak_enough=True):
            return 304 if is_reading else 412
        return None
    if is_reading and "HTTP_IF_MODIFIED_SINCE" in environ:
        since, changed = (
            _date(environ["HTTP_IF_MODIFIED_SINCE"]),
            _date(headers.get("Last-Modified")),
        )
        if since is not None and changed is not None and changed <= since:
            return 304
    return None


def has_conditions(environ: Environ) -> bool:
    """Whether the request reads on a condition at all; most do not, and are spared the rest."""
    return (
        "HTTP_IF_NONE_MATCH" in environ
        or "HTTP_IF_MODIFIED_SINCE" in environ
        or "HTTP_IF_MATCH" in environ
        or "HTTP_IF_UNMODIFIED_SINCE" in environ
    ) and environ["REQUEST_METHOD"] in ("GET", "HEAD")


def wanted_ranges(environ: Environ, headers: Headers, size: int) -> list[range] | None:
    """The parts of `size` bytes that the client asks for.

    None: all of it. An empty list: parts that are not there, which is a 416.
    """
    text = environ.get("HTTP_RANGE")
    if text is None or environ["REQUEST_METHOD"] != "GET":
        return None
    condition = environ.get("HTTP_IF_RANGE")
    if condition is not None and not _is_same(condition.strip(), headers):
        return None
    return parse_ranges(text, size)


def parse_ranges(text: str, size: int) -> list[range] | None:
    """`bytes=0-99,-100` of `size` bytes as ranges of offsets, in the order asked for.

    None if the text is malformed, of another unit, or asks for so many or for so much that the
    whole is the better answer; an empty list if no part of it exists.
    """
    unit, equals, items = text.partition("=")
    if not equals or unit.strip().lower() != "bytes":
        return None
    specs = [spec.strip() for spec in items.split(",") if spec.strip()]
    if not 0 < len(specs) <= MAX_RANGES:
        return None
    ranges = []
    for spec in specs:
        found = _RANGE.fullmatch(spec)
        if found is None or spec == "-":
            return None
        first, last = found.groups()
        if not first:
            part = range(max(size - int(last), 0), size)
        elif last and int(last) < int(first):
            return None
        else:
            part = range(int(first), min(int(last) + 1, size) if last else size)
        if part:
            ranges.append(part)
    # Overlapping parts may add up to many times the file: an attack, never a download.
    if sum(map(len, ranges)) > size:
        return None
    return ranges


def _is_listed(current: str | None, tags: str, *, is_weak_enough: bool) -> bool:
    """Whether the tag is in the list; a weak tag (`W/"v7"`) counts where meaning is enough."""
    if current is None or (current.startswith("W/") and not is_weak_enough):
        return False
    listed = _TAG.findall(tags)
    if is_weak_enough:
        return current.removeprefix("W/") in (tag.removeprefix("W/") for tag in listed)
    return current in listed


def _is_same(condition: str, headers: Headers) -> bool:
    """If-Range: a strong tag, or exactly the date (section 13.1.5)."""
    if condition.startswith('"'):
        return condition == headers.get("ETag")
    date = _date(condition)
    return date is not None and date == _date(headers.get("Last-Modified"))


def _is_older(limit_text: str | None, changed_text: str | None) -> bool:
    limit, changed = _date(limit_text), _date(changed_text)
    return limit is not None and changed is not None and changed > limit


def _date(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    # `-0000` gives a date without a zone, which cannot be compared to one that has it.
    return date if date.tzinfo else date.replace(tzinfo=UTC)
