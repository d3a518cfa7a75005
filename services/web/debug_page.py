"""The debug page: what failed, with source and values, for the developer alone.

It shows the traceback with the lines around each step and the local variables there. Only an
application with `debug=True` answers with it: values hold passwords, and source is nobody's
business. Unlike werkzeug's it runs nothing: what cannot be sent cannot be abused.
"""

from __future__ import annotations

import linecache
from dataclasses import dataclass
from types import TracebackType

from services.web.markup import escape
from services.web.requests import Request
from services.web.responses import HTMLResponse, Response, TextResponse

_CONTEXT_LINES = 4
_MAX_FRAMES = 40
_MAX_VALUE_CHARACTERS = 300
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem;
       background: Canvas; color: CanvasText; color-scheme: light dark }
h1 { font-size: 1.25rem } h1 small { font-weight: normal }
section { border: 1px solid color-mix(in srgb, CanvasText 20%, Canvas); border-radius: 6px;
          margin: 1rem 0; padding: .5rem 1rem }
pre { overflow-x: auto; margin: .5rem 0 } .here { background: color-mix(in srgb, red 25%, Canvas) }
dt, dd { font-family: monospace; overflow-wrap: anywhere } dd { margin: 0 0 .25rem 1rem }
dt { font-weight: bold }
"""


@dataclass(frozen=True, slots=True)
class Frame:
    """One step of a traceback."""

    file: str
    line: int
    function: str
    source: list[tuple[int, str]]
    values: list[tuple[str, str]]


def debug_response(request: Request, error: BaseException) -> Response:
    """The page about `error`, or the same as text for who asks for no HTML."""
    frames = _frames(error.__traceback__)
    title = f"{type(error).__name__}: {error}"
    if not request.prefers_html():
        return TextResponse(_text(title, frames), 500)
    page = _page(title, request, frames)
    # Nothing on this page is to run, whatever the values hold.
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return HTMLResponse(page, 500, {"Content-Security-Policy": policy})


def _frames(traceback: TracebackType | None) -> list[Frame]:
    frames = []
    while traceback is not None:
        code, line = traceback.tb_frame.f_code, traceback.tb_lineno
        around = range(max(line - _CONTEXT_LINES, 1), line + _CONTEXT_LINES + 1)
        lines = [(n, linecache.getline(code.co_filename, n).rstrip("\n")) for n in around]
        source = [(n, text) for n, text in lines if text or n <= line]
        values = [(name, _shown(value)) for name, value in traceback.tb_frame.f_locals.items()]
        frames.append(Frame(code.co_filename, line, code.co_name, source, sorted(values)))
        traceback = traceback.tb_next
    # A recursion without end has nothing to tell in its middle.
    return frames if len(frames) <= _MAX_FRAMES else frames[:5] + frames[5 - _MAX_FRAMES :]


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except Exception as error:
        # The value may be what is broken.
        return f"<{type(value).__name__} whose repr failed: {type(error).__name__}>"
    return text if len(text) <= _MAX_VALUE_CHARACTERS else text[:_MAX_VALUE_CHARACTERS] + "…"


def _text(title: str, frames: list[Frame]) -> str:
    lines = ["Traceback (most recent call last):"]
    for frame in frames:
        lines.append(f'  File "{frame.file}", line {frame.line}, in {frame.function}')
        lines += [f"    {text.strip()}" for number, text in frame.source if number == frame.line]
    return "\n".join([*lines, title, ""])


def _page(title: str, request: Request, frames: list[Frame]) -> str:
    sections = "".join(_section(frame) for frame in reversed(frames))
    where = escape(f"{request.method} {request.url_path}")
    return (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>\n'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>\n'
        f"<h1>{escape(title)}<br><small>{where}</small></h1>\n"
        f"<p>The last step is the first below.</p>\n{sections}</html>\n"
    )


def _section(frame: Frame) -> str:
    source = "\n".join(
        f'<span class="here">{number:5}  {escape(text)}</span>'
        if number == frame.line
        else f"{number:5}  {escape(text)}"
        for number, text in frame.source
    )
    values = "".join(f"<dt>{escape(n)}</dt><dd>{escape(v)}</dd>" for n, v in frame.values)
    return (
        f"<section><b>{escape(frame.function)}</b> in {escape(frame.file)}, line {frame.line}\n"
        f"<pre>{source}</pre>\n<details><summary>{len(frame.values)} values</summary>"
        f"<dl>{values}</dl></details></section>\n"
    )
