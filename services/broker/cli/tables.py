"""Rows as columns of text: numbers to the right, the widest column cut to the terminal's width."""

import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime

NOTHING = "–"
MIN_CUT_WIDTH = 12
_GAP = "  "


def table(rows: Sequence[Mapping[str, object]], width: int) -> str:
    """The rows under their keys, which all have in common; one line says that there are none."""
    if not rows:
        return "none"
    cells = [{name: _cell(value) for name, value in row.items()} for row in rows]
    widths = {name: max(_width(name), *(_width(row[name]) for row in cells)) for name in cells[0]}
    _fit(widths, width)
    numeric = {name for name in widths if all(_is_number(row[name]) for row in rows)}
    lines = [_line({name: name.upper() for name in widths}, widths, numeric)]
    lines += [_line(row, widths, numeric) for row in cells]
    return "\n".join(lines)


def facts(pairs: Mapping[str, object]) -> str:
    """Names and values, one below the other; what says nothing is left out."""
    shown = {name: _cell(value) for name, value in pairs.items() if value not in (None, "")}
    width = max(map(_width, shown), default=0)
    return "\n".join(f"{_padded(name, width)}  {value}" for name, value in shown.items())


def clock_time(text: object) -> str | None:
    """The local time of day of an ISO 8601 time, with the date where it is another day's."""
    if not isinstance(text, str):
        return None
    at = datetime.fromisoformat(text).astimezone()
    is_today = at.date() == datetime.now().astimezone().date()
    return f"{at:%H:%M:%S}" if is_today else f"{at:%Y-%m-%d %H:%M}"


def duration(first: object, last: object) -> str | None:
    """How long it was between two ISO 8601 times."""
    if not isinstance(first, str) or not isinstance(last, str):
        return None
    return seconds((datetime.fromisoformat(last) - datetime.fromisoformat(first)).total_seconds())


def seconds(amount: float | None) -> str | None:
    """0.0042 → `4 ms`, 75.3 → `75.3 s`, 4000 → `66.7 min`."""
    if amount is None:
        return None
    if amount < 1:
        return f"{amount * 1000:.0f} ms"
    return f"{amount:.1f} s" if amount < 600 else f"{amount / 60:.1f} min"


def _cell(value: object) -> str:
    if value is None or value == "":
        return NOTHING
    if isinstance(value, float):
        return f"{value:g}"
    # What a task is called must not move the cursor or colour the terminal.
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in str(value))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | None) and not isinstance(value, bool)


def _fit(widths: dict[str, int], available: int) -> None:
    """Cut the widest columns until the line fits."""
    while (excess := sum(widths.values()) + len(_GAP) * (len(widths) - 1) - available) > 0:
        widest = max(widths, key=lambda name: widths[name])
        if widths[widest] <= MIN_CUT_WIDTH:
            return
        widths[widest] = max(MIN_CUT_WIDTH, widths[widest] - excess)


def _line(cells: Mapping[str, str], widths: Mapping[str, int], numeric: set[str]) -> str:
    parts = []
    for name, width in widths.items():
        text = _cut(cells[name], width)
        parts.append(_padded(text, width, to_the_right=name in numeric))
    return _GAP.join(parts).rstrip()


def _cut(text: str, width: int) -> str:
    if _width(text) <= width:
        return text
    while _width(text) > width - 1:
        text = text[:-1]
    return f"{text}…"


def _padded(text: str, width: int, *, to_the_right: bool = False) -> str:
    space = " " * (width - _width(text))
    return space + text if to_the_right else text + space


def _width(text: str) -> int:
    """Columns on the terminal: wide characters take two, combining ones none."""
    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1
        for one in text
    )
