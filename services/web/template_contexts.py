"""Where in a page a value stands: the context decides how it must be escaped.

    <p title="{{ a }}">{{ b }}</p>           a: attribute, b: text
    <a href="{{ c }}?q={{ d }}">             c: the beginning of a URL, d: a part of its query
    <script>let x = {{ e }}, y = "{{ f }}"   e: a JavaScript value, f: inside a string
    <style>p { color: {{ g }} }</style>      g: CSS
    <p title={{ h }}>                        h: nowhere a value could be safe

The compiler hands every piece of literal text to `Context.after`, in the order of the page, and
asks of each value in which context it stands. It is a small HTML tokenizer (WHATWG HTML, section
13.2.5) that knows just enough of URLs and JavaScript, and works once, when the template is
compiled. `template_escapes` does the escaping.
# Real: the contextual autoescaping of Go's html/template and Closure Templates.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, replace


class Kind(enum.Enum):
    """What stands around a place in a page."""

    TEXT = "text"
    LESS_THAN = "what follows a `<`"
    COMMENT = "a comment"
    TAG_NAME = "the name of a tag"
    TAG = "a tag, where an attribute could begin"
    BEFORE_VALUE = "an attribute whose quotes have not begun"
    UNQUOTED = "an attribute without quotes"
    ATTRIBUTE = "an attribute"
    URL_START = "the beginning of a URL"
    URL_PATH = "the path of a URL"
    URL_QUERY = "the query of a URL"
    CSS = "CSS"
    JS = "JavaScript"
    JS_STRING = "a string of JavaScript"
    JS_TEMPLATE = "a template literal of JavaScript"
    JS_REGEX = "a regular expression of JavaScript"
    JS_COMMENT = "a comment of JavaScript"
    JSON = "JSON"


URL_KINDS = frozenset({Kind.URL_START, Kind.URL_PATH, Kind.URL_QUERY})
JS_KINDS = frozenset(
    {Kind.JS, Kind.JS_STRING, Kind.JS_TEMPLATE, Kind.JS_REGEX, Kind.JS_COMMENT, Kind.JSON}
)

_URL_ATTRIBUTES = frozenset(
    {
        *("action", "background", "cite", "classid", "codebase", "data", "formaction", "href"),
        *("icon", "longdesc", "manifest", "ping", "poster", "profile", "src", "srcset", "usemap"),
        "xlink:href",
    }
)
# Elements whose content is no markup: it ends at their own end tag and nowhere else.
_RAW_TEXT = {"script": Kind.JS, "style": Kind.CSS, "textarea": Kind.TEXT, "title": Kind.TEXT}
_JSON_TYPE = re.compile(r"application/(?:[a-z0-9.+-]*\+)?json|importmap|speculationrules")

_TEXT_STEP = re.compile(r"<!--|<(/?)([A-Za-z][A-Za-z0-9:-]*)")
_ATTRIBUTE = re.compile(
    r"""[\s/]*([^\s"'<>/=]+)[ \t\r\n]*   # the name
        (=[ \t\r\n]*                     # and, if there is a value, how it begins:
          (?:(["'])                      #   in quotes
            |(?=[^\s>"']))               #   without
          |=[ \t\r\n]*\Z)?               #   with whatever stands behind this text""",
    re.VERBOSE,
)
# After these a slash begins a regular expression; after anything else it divides.
_BEFORE_REGEX = re.compile(r"(?:[=(,\[!&|?{};:+\-*%~^<>]|\b(?:return|typeof|case|in|of))\s*$")
_JS_STEP = re.compile(r"//|/\*|[\"'`/]")


@dataclass(frozen=True, slots=True)
class Context:
    """A place in a page. Two branches of a template must end in equal ones."""

    kind: Kind = Kind.TEXT
    element: str = ""
    """The element whose tag this is, or whose raw text."""
    is_closing: bool = False
    attribute: str = ""
    quote: str = ""
    """What ends the attribute, if this is inside of one."""
    js_end: str = ""
    """What ends the string or comment of JavaScript."""
    js_is_operand: bool = False
    """Whether what stands before is a value of JavaScript, which a slash would divide."""
    is_json: bool = False
    """Whether the script that is being opened is a block of data."""

    def after(self, text: str) -> Context:
        """The context behind a piece of literal text."""
        context, at = self, 0
        while at < len(text):
            context, at = context._step(text, at)
        return context

    def after_value(self) -> Context:
        """The context behind a value. A URL that begins with it may go on beginning: the value
        may be empty, and two of them together make a scheme as well as one."""
        return replace(self, js_is_operand=True) if self.kind is Kind.JS else self

    def _step(self, text: str, at: int) -> tuple[Context, int]:
        if self.quote:
            return self._in_attribute(text, at)
        match self.kind:
            case Kind.TEXT if not self.element:
                return self._in_text(text, at)
            case Kind.LESS_THAN:
                # A value here would be the name of a tag, and its attributes as well.
                context, end = Context()._in_text("<" + text[at:], 0)
                return context, at + end - 1
            case Kind.COMMENT:
                end = text.find("-->", at)
                return (self, len(text)) if end < 0 else (Context(), end + 3)
            case Kind.TAG_NAME | Kind.TAG:
                return self._in_tag(text, at)
            case Kind.BEFORE_VALUE:
                return self._before_value(text, at)
            case Kind.UNQUOTED:
                end = re.compile(r"[\s>]").search(text, at)
                return (self, len(text)) if end is None else (self._tag(), end.start())
        return self._in_raw_text(text, at)

    def _in_text(self, text: str, at: int) -> tuple[Context, int]:
        found = _TEXT_STEP.search(text, at)
        if found is None:
            return Context(Kind.LESS_THAN) if text.endswith("<", at) else self, len(text)
        if found[2] is None:
            return Context(Kind.COMMENT), found.end()
        tag = Context(Kind.TAG_NAME, found[2].lower(), is_closing=bool(found[1]))
        return tag, found.end()

    def _in_tag(self, text: str, at: int) -> tuple[Context, int]:
        rest = re.compile(r"[\s/]*").match(text, at).end()
        if rest == len(text):
            return self._tag(), rest
        if text[rest] == ">":
            return self._content(), rest + 1
        found = _ATTRIBUTE.match(text, at)
        if found is None:
            return self._in_odd_tag(text, rest)
        name, value, quote = found[1].lower(), found[2], found[3]
        if value is None:
            return self._tag(), found.end()
        if quote is None:
            kind = Kind.BEFORE_VALUE if found.end() == len(text) else Kind.UNQUOTED
            return replace(self, kind=kind, attribute=name), found.end()
        return replace(self, kind=_kind_of(name), attribute=name, quote=quote), found.end()

    def _before_value(self, text: str, at: int) -> tuple[Context, int]:
        begin = re.compile(r"\s*([\"'])?").match(text, at)
        if begin[1] is not None:
            kind = _kind_of(self.attribute)
            return replace(self, kind=kind, quote=begin[1]), begin.end()
        if begin.end() == len(text):
            return self, len(text)
        return replace(self, kind=Kind.UNQUOTED), begin.end()

    def _in_odd_tag(self, text: str, at: int) -> tuple[Context, int]:
        """A stray quote is passed over, as a browser does. A stray `=` belongs to an attribute
        whose name ends before a statement: what it is, is not known, so it takes no value."""
        found = re.compile(r"=\s*([\"'])").match(text, at)
        if found is None:
            return self._tag(), at + 1
        return replace(self, kind=Kind.UNQUOTED, attribute="", quote=found[1]), found.end()

    def _in_attribute(self, text: str, at: int) -> tuple[Context, int]:
        end = text.find(self.quote, at)
        value = text[at:] if end < 0 else text[at:end]
        if end < 0:
            return self._inside(value), len(text)
        is_json = self.is_json or (
            self.element == "script"
            and self.attribute == "type"
            and _JSON_TYPE.fullmatch(value.strip().lower()) is not None
        )
        return replace(self._tag(), is_json=is_json), end + 1

    def _inside(self, value: str) -> Context:
        """The context behind a part of an attribute's value."""
        if self.kind in URL_KINDS:
            if "?" in value or "#" in value:
                return replace(self, kind=Kind.URL_QUERY)
            if value.strip() and self.kind is Kind.URL_START:
                return replace(self, kind=Kind.URL_PATH)
        elif self.kind in JS_KINDS:
            return self._after_js(value)
        return self

    def _in_raw_text(self, text: str, at: int) -> tuple[Context, int]:
        """Inside script, style, textarea, title: only the end tag means anything."""
        end = re.compile(rf"</{self.element}(?=[\s/>]|\Z)", re.IGNORECASE).search(text, at)
        stop = len(text) if end is None else end.start()
        if end is not None:
            return Context(Kind.TAG_NAME, self.element, is_closing=True), end.end()
        if self.element == "script" and self.kind is not Kind.JSON:
            return self._after_js(text[at:stop]), stop
        return self, stop

    def _after_js(self, text: str) -> Context:
        kind, end, at, begin = self.kind, self.js_end, 0, 0
        is_operand = self.js_is_operand
        while at < len(text):
            if kind is not Kind.JS:
                at = _js_closed(text, at, end)
                if at < 0:
                    break
                # A comment is nothing; a string or an expression is a value.
                is_operand = is_operand if kind is Kind.JS_COMMENT else True
                kind, end, begin = Kind.JS, "", at
                continue
            found = _JS_STEP.search(text, at)
            at = len(text) if found is None else found.start()
            if text[begin:at].strip():
                is_operand = not _BEFORE_REGEX.search(text, begin, at)
            if found is None:
                break
            kind, end = _js_opened(found[0], is_operand=is_operand)
            begin = at = found.end()
            is_operand = is_operand and kind is not Kind.JS
        return replace(self, kind=kind, js_end=end, js_is_operand=is_operand)

    def _tag(self) -> Context:
        return Context(Kind.TAG, self.element, is_closing=self.is_closing, is_json=self.is_json)

    def _content(self) -> Context:
        """What the tag opens."""
        if self.is_closing or self.element not in _RAW_TEXT:
            return Context()
        kind = _RAW_TEXT[self.element]
        if kind is Kind.JS and self.is_json:
            kind = Kind.JSON
        return Context(kind, self.element)


def _kind_of(attribute: str) -> Kind:
    if attribute.startswith("on"):
        return Kind.JS
    if attribute == "style":
        return Kind.CSS
    if attribute in _URL_ATTRIBUTES:
        return Kind.URL_START
    # What a frame is made of is a page of its own: no escaping of ours goes two pages deep.
    return Kind.UNQUOTED if attribute == "srcdoc" else Kind.ATTRIBUTE


def _js_opened(mark: str, *, is_operand: bool) -> tuple[Kind, str]:
    match mark:
        case "//":
            return Kind.JS_COMMENT, "\n"
        case "/*":
            return Kind.JS_COMMENT, "*/"
        case "`":
            return Kind.JS_TEMPLATE, "`"
        case "/":
            return (Kind.JS, "") if is_operand else (Kind.JS_REGEX, "/")
    return Kind.JS_STRING, mark


def _js_closed(text: str, at: int, end: str) -> int:
    """Where the string, expression or comment ends that `end` ends; -1 if not in this text."""
    if len(end) > 1 or end == "\n":
        found = text.find(end, at)
        return -1 if found < 0 else found + len(end)
    in_class = False
    while at < len(text):
        character = text[at]
        if character == "\\":
            at += 2
            continue
        if end == "/":
            # In [a/b] a slash is a character like any other.
            in_class = (in_class or character == "[") and character != "]"
        if character == end and not in_class:
            return at + 1
        at += 1
    return -1
