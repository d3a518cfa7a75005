"""Templates: HTML with holes, compiled once into functions.

    {{ task.name }}                          a value, escaped
    {% if done %} … {% elif … %} … {% else %} … {% endif %}
    {% for task in tasks %} … {% else %} (none) {% endfor %}      loop.index, loop.first, loop.last
    {% extends "layout.html" %}              this template fills the blocks of another
    {% block main %} … {% endblock %}        super() is what the parent has there
    {% include "row.html" %}                 another template, with the same variables
    {# a comment #}

A template goes three steps, the first two once:

    text ──split──▶ pieces ──parse──▶ a tree of closures ──render(variables)──▶ text
                    literal            each writes its part
                    {{…}} {%…%}        to a list

Compiling to closures instead of walking a tree saves the question "what kind of node is this?" for
each node of each rendering, and needs no generated source, so `exec` is never near what a designer
wrote. Expressions are compiled by `template_expressions`, which also says what they cannot reach.

Every value is escaped for the place in which it stands: text, attribute, URL, CSS, JavaScript.
`template_contexts` follows the literal text to know the place, `template_escapes` escapes.
A tag alone on its line leaves no empty line behind. Whatever goes wrong is a TemplateError that
names file and line.

Left out: macros.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from services.web.markup import Markup
from services.web.static import safe_join
from services.web.template_contexts import URL_KINDS, Context, Kind
from services.web.template_escapes import Escape, escape_for
from services.web.template_expressions import (
    Evaluate,
    ExpressionError,
    ExpressionParser,
    Filters,
    compile_expression,
)
from services.web.template_filters import FILTERS

_MAX_DEPTH = 20
_MAX_NESTING = 50
_URL_ORDER = (Kind.URL_START, Kind.URL_QUERY, Kind.URL_PATH)

_PIECE = re.compile(
    r"""
    # A statement or a comment alone on its line takes the line with it.
    (?:(?<=\n)|\A)[ \t]*(?:\{%(?P<line_tag>(?:(?!%\}).)*)%\}|\{\#(?:(?!\#\}).)*\#\})[ \t]*\r?\n
  | \{%(?P<tag>.*?)%\}
  | \{\{(?P<value>.*?)\}\}
  | \{\#.*?\#\}
    """,
    re.VERBOSE | re.DOTALL,
)


class TemplateError(Exception):
    """A template that cannot be compiled or rendered."""

    def __init__(self, template: str, line: int, reason: str) -> None:
        super().__init__(f"{template}, line {line}: {reason}")
        self.template = template
        self.line = line


@dataclass(slots=True)
class Rendering:
    """The state of one rendering: variables in scope, blocks in force, text so far."""

    templates: Templates
    variables: dict[str, Any]
    blocks: dict[str, list[Write]] = field(default_factory=dict)
    """For each block its versions, the one of the most derived template first."""
    output: list[str] = field(default_factory=list)
    depth: int = 0


Write = Callable[[Rendering], None]


@dataclass(frozen=True, slots=True)
class Template:
    """A compiled template: what it writes, its blocks, and the template it extends."""

    name: str
    write: Write
    blocks: Mapping[str, Write]
    parent: str | None


class Templates:
    """The templates of one folder, each compiled when it is first used.

    `filters` and `globals` are added to what every template can call and see. With `auto_reload`
    a file that has changed is compiled again: for development.
    """

    def __init__(
        self,
        directory: Path | str,
        *,
        filters: Filters | None = None,
        globals: Mapping[str, Any] | None = None,
        auto_reload: bool = False,
    ) -> None:
        self.directory = Path(directory).resolve()
        self.filters: Filters = {**FILTERS, **(filters or {})}
        self._globals = dict(globals or {})
        self._auto_reload = auto_reload
        self._compiled: dict[str, tuple[int, Template]] = {}
        self._lock = threading.Lock()

    def render(self, name: str, /, **variables: Any) -> Markup:
        """The text of the template `name`, safe as HTML.

        Errors: TemplateError; FileNotFoundError if there is no such template.
        """
        rendering = Rendering(self, {**self._globals, **variables})
        self.write(name, rendering)
        return Markup("".join(rendering.output))

    def write(self, name: str, rendering: Rendering) -> None:
        """Render `name` into a rendering under way."""
        template = self.load(name)
        seen = {name}
        while True:
            for block, write in template.blocks.items():
                rendering.blocks.setdefault(block, []).append(write)
            if template.parent is None:
                break
            if template.parent in seen:
                raise TemplateError(template.name, 1, f"{template.parent} extends itself")
            seen.add(template.parent)
            try:
                template = self.load(template.parent)
            except FileNotFoundError as error:
                raise TemplateError(template.name, 1, str(error)) from error
        template.write(rendering)

    def load(self, name: str) -> Template:
        """The compiled template `name`. Errors: FileNotFoundError, TemplateError."""
        found = self._compiled.get(name)
        if found is not None and not self._auto_reload:
            return found[1]
        path = safe_join(self.directory, name)
        if path is None or not path.is_file():
            raise FileNotFoundError(f"no template is named {name!r}")
        changed_ns = path.stat().st_mtime_ns
        if found is not None and found[0] == changed_ns:
            return found[1]
        template = compile_template(name, path.read_text(encoding="utf-8"), self.filters)
        with self._lock:
            self._compiled[name] = (changed_ns, template)
        return template


def compile_template(name: str, source: str, filters: Filters = FILTERS) -> Template:
    """Compile the text of one template. Errors: TemplateError."""
    return _Compiler(name, source, filters).compile()


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of a template's text: `text`, `value` or `tag`."""

    kind: str
    content: str
    line: int


def _split(source: str) -> Iterator[_Piece]:
    """The pieces of a template in order; comments are left out."""
    end, line = 0, 1
    for found in _PIECE.finditer(source):
        if found.start() > end:
            yield _Piece("text", source[end : found.start()], line)
        line += source.count("\n", end, found.start())
        if found["value"] is not None:
            yield _Piece("value", found["value"], line)
        else:
            tag = found["tag"] if found["tag"] is not None else found["line_tag"]
            if tag is not None:
                yield _Piece("tag", tag.strip(), line)
        line += source.count("\n", found.start(), found.end())
        end = found.end()
    if end < len(source):
        yield _Piece("text", source[end:], line)


class _Compiler:
    """Recursive descent over the pieces of one template."""

    def __init__(self, name: str, source: str, filters: Filters) -> None:
        self._name = name
        self._filters = filters
        self._pieces = list(_split(source))
        self._at = 0
        self._blocks: dict[str, Write] = {}
        self._parent: str | None = None
        self._context = Context()
        self._depth = 0

    def compile(self) -> Template:
        write, _ = self._body()
        return Template(self._name, write, self._blocks, self._parent)

    def _body(self, *ends: str, opened: _Piece | None = None) -> tuple[Write, str]:
        """Everything up to a tag that begins with one of `ends`, and that tag."""
        parts: list[Write] = []
        self._depth += 1
        if opened is not None and self._depth > _MAX_NESTING:
            raise self._error(opened, f"statements are nested deeper than {_MAX_NESTING}")
        while self._at < len(self._pieces):
            piece = self._pieces[self._at]
            self._at += 1
            if piece.kind == "tag" and piece.content.split(" ", 1)[0] in ends:
                self._depth -= 1
                return _sequence(parts), piece.content
            parts.append(self._part(piece))
        if opened is not None:
            raise self._error(opened, f"{{% {opened.content} %}} is never closed")
        return _sequence(parts), ""

    def _part(self, piece: _Piece) -> Write:
        if piece.kind == "text":
            self._check_text(piece)
            self._context = self._context.after(piece.content)
            return _literal(piece.content)
        try:
            return self._value(piece) if piece.kind == "value" else self._tag(piece)
        except ExpressionError as error:
            raise self._error(piece, str(error)) from error

    def _value(self, piece: _Piece) -> Write:
        try:
            escape_value = escape_for(self._context)
        except ValueError as error:
            raise self._error(piece, str(error)) from error
        self._context = self._context.after_value()
        evaluate = compile_expression(piece.content, self._filters)
        return self._guarded(piece, _value(evaluate, escape_value))

    def _check_text(self, piece: _Piece) -> None:
        for mark in ("{{", "{%", "{#"):
            before, found, _ = piece.content.partition(mark)
            if found:
                line = piece.line + before.count("\n")
                raise TemplateError(self._name, line, f"{mark} is never closed")

    def _tag(self, piece: _Piece) -> Write:
        word, _, rest = piece.content.partition(" ")
        match word:
            case "if":
                return self._if(piece, rest)
            case "for":
                return self._for(piece, rest)
            case "block":
                return self._block(piece, rest)
            case "include":
                self._check_markup(piece)
                return self._guarded(piece, _include(compile_expression(rest, self._filters)))
            case "extends":
                return self._extends(piece, rest)
        raise self._error(piece, f"{{% {piece.content} %}} is unknown, or has nothing to close")

    def _if(self, piece: _Piece, condition: str) -> Write:
        branches: list[tuple[Evaluate, Write]] = []
        test: Evaluate | None = compile_expression(condition, self._filters)
        otherwise: Write = _nothing
        before, ends_in = self._context, []
        while True:
            self._context = before
            ends = ("elif", "else", "endif") if test is not None else ("endif",)
            body, end = self._body(*ends, opened=piece)
            if test is not None:
                branches.append((test, body))
            else:
                otherwise = body
            ends_in.append(self._context)
            word, _, condition = end.partition(" ")
            if word == "endif":
                # Without an `else` the page may also go on as if nothing stood here.
                self._join(piece, ends_in if test is None else [*ends_in, before])
                return self._guarded(piece, _choice(branches, otherwise))
            test = compile_expression(condition, self._filters) if word == "elif" else None

    def _for(self, piece: _Piece, source: str) -> Write:
        parser = ExpressionParser(source, self._filters)
        names = [parser.expect_name()]
        while parser.take(","):
            names.append(parser.expect_name())
        parser.expect("in")
        values = parser.expression()
        parser.expect_end()
        before = self._context
        body, end = self._body("else", "endfor", opened=piece)
        self._join(piece, [self._context, before])
        empty: Write = _nothing
        if end == "else":
            empty, _ = self._body("endfor", opened=piece)
            self._join(piece, [self._context, before])
        return self._guarded(piece, _loop(names, values, body, empty))

    def _block(self, piece: _Piece, name: str) -> Write:
        name = name.strip()
        if not name.isidentifier():
            raise self._error(piece, f"not a name of a block: {name!r}")
        if name in self._blocks:
            raise self._error(piece, f"the block {name!r} comes twice")
        self._check_markup(piece)
        before = self._context
        self._blocks[name] = _nothing  # taken, also while its body is being read
        self._blocks[name], _ = self._body("endblock", opened=piece)
        self._join(piece, [self._context, before])
        return lambda rendering: _write_block(rendering, name, 0)

    def _extends(self, piece: _Piece, source: str) -> Write:
        try:
            parent = compile_expression(source, self._filters)({})
        except Exception as error:
            raise self._error(piece, f"extends takes the name of a template: {error}") from error
        if self._parent is not None or not isinstance(parent, str):
            raise self._error(piece, "a template extends one other, named by a string")
        self._parent = parent
        return _nothing

    def _join(self, piece: _Piece, contexts: list[Context]) -> None:
        """Go on behind parts of which one is written: they must all lead to the same place.

        Of a URL, where the next value stands in it may differ; the safest goes for all.
        """
        first, kinds = contexts[0], {one.kind for one in contexts}
        if all(one == first for one in contexts):
            return
        if kinds <= URL_KINDS and all(replace(one, kind=first.kind) == first for one in contexts):
            self._context = replace(first, kind=next(kind for kind in _URL_ORDER if kind in kinds))
            return
        places = " or in ".join(dict.fromkeys(one.kind.value for one in contexts))
        raise self._error(piece, f"{{% {piece.content} %}} ends in {places}")

    def _check_markup(self, piece: _Piece) -> None:
        """Another template writes here, and knows of no place but text and attributes."""
        if self._context.kind not in (Kind.TEXT, Kind.ATTRIBUTE):
            raise self._error(
                piece, f"{{% {piece.content} %}} cannot stand in {self._context.kind.value}"
            )

    def _guarded(self, piece: _Piece, write: Write) -> Write:
        """The same, with file and line in whatever goes wrong."""
        name, line = self._name, piece.line

        def guarded(rendering: Rendering) -> None:
            try:
                write(rendering)
            except TemplateError:
                raise
            except Exception as error:
                reason = str(error) or type(error).__name__
                raise TemplateError(name, line, reason) from error

        return guarded

    def _error(self, piece: _Piece, reason: str) -> TemplateError:
        return TemplateError(self._name, piece.line, reason)


# The closures: each writes its part of the page.


def _nothing(rendering: Rendering) -> None:
    pass


def _literal(text: str) -> Write:
    return lambda rendering: rendering.output.append(text)


def _value(evaluate: Evaluate, escape_value: Escape) -> Write:
    def write(rendering: Rendering) -> None:
        rendering.output.append(escape_value(evaluate(rendering.variables)))

    return write


def _sequence(parts: list[Write]) -> Write:
    if len(parts) == 1:
        return parts[0]

    def write(rendering: Rendering) -> None:
        for part in parts:
            part(rendering)

    return write


def _choice(branches: list[tuple[Evaluate, Write]], otherwise: Write) -> Write:
    def write(rendering: Rendering) -> None:
        for condition, body in branches:
            if condition(rendering.variables):
                body(rendering)
                return
        otherwise(rendering)

    return write


@dataclass(slots=True)
class Loop:
    """What a template sees as `loop`."""

    index: int
    length: int

    @property
    def first(self) -> bool:
        return self.index == 1

    @property
    def last(self) -> bool:
        return self.index == self.length


def _loop(names: list[str], values: Evaluate, body: Write, empty: Write) -> Write:
    def write(rendering: Rendering) -> None:
        items = list(values(rendering.variables))
        if not items:
            empty(rendering)
            return
        outer = rendering.variables
        # A scope of its own: what the loop names shadows what was there, and ends with the loop.
        rendering.variables = inner = dict(outer)
        inner["loop"] = loop = Loop(0, len(items))
        try:
            for item in items:
                loop.index += 1
                if len(names) == 1:
                    inner[names[0]] = item
                else:
                    inner.update(zip(names, item, strict=True))
                body(rendering)
        finally:
            rendering.variables = outer

    return write


def _include(name: Evaluate) -> Write:
    def write(rendering: Rendering) -> None:
        if rendering.depth >= _MAX_DEPTH:
            raise RecursionError(f"included deeper than {_MAX_DEPTH}")
        # The included template has blocks of its own, if any.
        inner = Rendering(
            rendering.templates,
            rendering.variables,
            output=rendering.output,
            depth=rendering.depth + 1,
        )
        rendering.templates.write(name(rendering.variables), inner)

    return write


def _write_block(rendering: Rendering, name: str, level: int) -> None:
    """Write version `level` of a block; `super()` inside it is the version above."""
    versions = rendering.blocks[name]
    outer = rendering.variables

    def parent_version() -> Markup:
        if level + 1 >= len(versions):
            return Markup("")
        kept, rendering.output = rendering.output, []
        try:
            _write_block(rendering, name, level + 1)
            return Markup("".join(rendering.output))
        finally:
            rendering.output = kept

    rendering.variables = {**outer, "super": parent_version}
    try:
        versions[level](rendering)
    finally:
        rendering.variables = outer
