"""Escaping for each context of a page: what a value becomes so that it stays a value.

Whatever the value holds, it cannot end the place in which it stands or begin anything new. `Markup`
says that something is safe HTML; in any other context that promise means nothing, and it is
escaped there like every other text.
# Real: the escapers of Go's html/template.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from urllib.parse import quote

from services.web.markup import JSONMarkup, Markup, escape
from services.web.template_contexts import Context, Kind

Escape = Callable[[object], str]

# What replaces a value that could do harm in any spelling. It can be searched for.
BLOCKED = "blocked-by-template"

_SAFE_SCHEMES = frozenset({"http", "https", "mailto", "tel", "ftp"})
_SCHEME = re.compile(r"([^/?#:]*):")
_SAFE_CSS = re.compile(r"[A-Za-z0-9 .,%#_+\-]*")
_UNSAFE_CSS_WORDS = re.compile(r"expression|javascript|behaviou?r|binding", re.IGNORECASE)
_SAFE_ATTRIBUTE = re.compile(r"(?!on)[A-Za-z][A-Za-z0-9\-]*", re.IGNORECASE)
_QUOTES = str.maketrans({'"': "&quot;", "'": "&#39;", "<": "&lt;", ">": "&gt;"})
# None of these may stand in a script as it is: they could end the element, or a line.
_JS_ESCAPES = str.maketrans(
    {
        "<": "\\u003c",
        ">": "\\u003e",
        "&": "\\u0026",
        "'": "\\u0027",
        "`": "\\u0060",
        "\u2028": "\\u2028",
        "\u2029": "\\u2029",
    }
)


def escape_for(context: Context) -> Escape:
    """How values are escaped in this context. Errors: ValueError where none could be safe."""
    if context.kind in _REFUSED:
        raise ValueError(f"a value cannot stand in {context.kind.value}{_REFUSED[context.kind]}")
    escape_value = _ESCAPES[context.kind]
    if context.quote and context.kind is not Kind.ATTRIBUTE:
        # JavaScript, CSS and URLs in an attribute are text of HTML as well.
        return lambda value: _attribute(escape_value(value))
    return escape_value


def _attribute(value: object) -> str:
    """Inside of quotes. Markup keeps its entities, but not its quotes and tags."""
    return value.translate(_QUOTES) if isinstance(value, Markup) else escape(value)


def _attribute_name(value: object) -> str:
    """`{{ "checked" if done else "" }}`: one attribute without a value, or nothing."""
    text = str(value)
    return text if not text or _SAFE_ATTRIBUTE.fullmatch(text) else BLOCKED


def _url_start(value: object) -> str:
    """A whole URL, or its beginning: only with a scheme that runs nothing."""
    text = str(value).strip()
    # A browser leaves out tabs and line breaks anywhere in a URL, also in `java\nscript:`.
    scheme = _SCHEME.match(re.sub(r"[\x00-\x20]", "", text))
    if scheme and scheme[1].lower() not in _SAFE_SCHEMES:
        return f"#{BLOCKED}"
    return _url_text(text)


def _url_text(value: object) -> str:
    """A URL or a part of one: what no URL may hold is percent-encoded, what it may hold stays."""
    return quote(str(value), safe="/:?#[]@!$&()*+,;=%~")


def _url_query(value: object) -> str:
    """One value in a query: it can begin no further field. What `urlencode` made stays."""
    return str(value) if isinstance(value, Markup) else quote(str(value), safe="")


def _css(value: object) -> str:
    text = str(value)
    if _SAFE_CSS.fullmatch(text) and not _UNSAFE_CSS_WORDS.search(text):
        return text
    return BLOCKED


def _js_value(value: object) -> str:
    """A JavaScript value: what JSON says of it."""
    if isinstance(value, JSONMarkup):
        return value
    text = json.dumps(str(value) if isinstance(value, Markup) else value, ensure_ascii=False)
    # A space on each side keeps it from growing together with what stands beside it.
    return f" {text.translate(_JS_ESCAPES)} "


def _js_string(value: object) -> str:
    """Inside of quotes that stand in the template."""
    text = json.dumps(str(value), ensure_ascii=False)[1:-1]
    return text.translate(_JS_ESCAPES).replace('\\"', "\\u0022")


_ESCAPES: Mapping[Kind, Escape] = MappingProxyType(
    {
        Kind.TEXT: escape,
        Kind.COMMENT: lambda value: escape(str(value).replace("--", "- -")),
        Kind.TAG: _attribute_name,
        Kind.ATTRIBUTE: _attribute,
        Kind.URL_START: _url_start,
        Kind.URL_PATH: _url_text,
        Kind.URL_QUERY: _url_query,
        Kind.CSS: _css,
        Kind.JS: _js_value,
        Kind.JS_STRING: _js_string,
        Kind.JSON: lambda value: _js_value(value).strip(),
    }
)
_REFUSED: Mapping[Kind, str] = MappingProxyType(
    {
        Kind.TAG_NAME: "",
        Kind.LESS_THAN: "",
        Kind.BEFORE_VALUE: ": put quotes around it",
        Kind.UNQUOTED: ": put quotes around it",
        Kind.JS_TEMPLATE: ": use a string",
        Kind.JS_REGEX: "",
        Kind.JS_COMMENT: "",
    }
)
