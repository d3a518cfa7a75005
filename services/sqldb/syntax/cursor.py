"""Where the parser stands in the tokens: the few verbs that all of the grammar is written in.

`kind` is the kind of the token that comes next. A rule looks at it, takes it (`advance`), demands
it (`expect`), or takes it if it is there (`accept`). A rule that can go no further calls `fail`,
which makes PostgreSQL's message about the token at hand: as no rule takes a token that it has no
use for, this is the first token that no valid statement has at this place, the same that
PostgreSQL's LALR parser stops at.
"""

from collections.abc import Callable
from typing import NoReturn, TypeVar

from services.sqldb.errors import syntax_error
from services.sqldb.syntax import lexer
from services.sqldb.syntax.keywords import COLUMN_NAMES, LABELS, TYPE_FUNCTION_NAMES
from services.sqldb.syntax.lexer import Tokens

Item = TypeVar("Item")


class Cursor:
    """A place in a list of tokens, moving forward only."""

    __slots__ = ("_check", "_ends", "_kinds", "_starts", "_text", "_values", "index", "kind")

    def __init__(self, tokens: Tokens, check: "Callable[[], None]" = lambda: None):
        """`check` is called now and then where there is much to read: it may raise."""
        self._check = check
        self._text = tokens.text
        self._kinds = tokens.kinds
        self._values = tokens.values
        self._starts = tokens.starts
        self._ends = tokens.ends
        self.index = 0
        self.kind = tokens.kinds[0]

    @property
    def value(self) -> object:
        """What the next token stands for: a name, the text of a string, an integer."""
        return self._values[self.index]

    @property
    def position(self) -> int:
        """Where the next token begins in the statement."""
        return self._starts[self.index]

    @property
    def previous_end(self) -> int:
        return self._ends[self.index - 1]

    def peek(self, distance: int = 1) -> str:
        """The kind of the token that comes so many behind the next."""
        index = self.index + distance
        return self._kinds[index] if index < len(self._kinds) else lexer.END

    def text_between(self, start: int, end: int) -> str:
        """The statement's own text from one place to another."""
        return self._text[start:end]

    def advance(self) -> None:
        self.index += 1
        self.kind = self._kinds[self.index]

    def take(self) -> object:
        """The value of the next token, which is taken."""
        value = self._values[self.index]
        self.index += 1
        self.kind = self._kinds[self.index]
        return value

    def accept(self, kind: str) -> bool:
        """Takes the token if it is of this kind."""
        if self.kind == kind:
            self.index += 1
            self.kind = self._kinds[self.index]
            return True
        return False

    def accept_words(self, first: str, second: str, *more: str) -> bool:
        """Takes these tokens if the first two of them come next; then the others must follow.

        For words that begin with one that could be a name as well: IF NOT EXISTS.
        """
        if self.kind != first or self.peek() != second:
            return False
        self.expect(first, second, *more)
        return True

    def accept_phrase(self, first: str, *more: str) -> bool:
        """Takes these tokens if the first of them comes next; then the others must follow."""
        if self.kind != first:
            return False
        self.expect(first, *more)
        return True

    def expect(self, *kinds: str) -> None:
        """Takes these tokens, one after the other."""
        for kind in kinds:
            if self.kind != kind:
                self.fail()
            self.index += 1
            self.kind = self._kinds[self.index]

    def expect_one_of(self, words: tuple[str, ...] | frozenset[str]) -> str:
        if self.kind not in words:
            self.fail()
        kind = self.kind
        self.advance()
        return kind

    def fail(self, message: str = "syntax error") -> NoReturn:
        """Raises "syntax error at or near …" about the next token, or the scanner's own error."""
        if self.kind == lexer.ERROR:
            raise self._values[self.index]
        start = self._starts[self.index]
        if self.kind == lexer.END:
            raise syntax_error(f"{message} at end of input", start)
        near = self._text[start : self._ends[self.index]]
        raise syntax_error(f'{message} at or near "{near}"', start)

    # Names: which words may be one depends on the place.

    def column_name(self) -> str:
        """# Real: ColId"""
        if self.kind not in COLUMN_NAMES:
            self.fail()
        return self.take()

    def label(self) -> str:
        """# Real: ColLabel"""
        if self.kind not in LABELS:
            self.fail()
        return self.take()

    def type_function_name(self) -> str:
        if self.kind not in TYPE_FUNCTION_NAMES:
            self.fail()
        return self.take()

    def any_name(self) -> tuple[str, ...]:
        """a, a.b or a.b.c. # Real: any_name"""
        names = [self.column_name()]
        while self.accept("."):
            names.append(self.label())
        return tuple(names)

    def string(self) -> str:
        if self.kind != lexer.STRING:
            self.fail()
        return self.take()

    def integer(self) -> int:
        """An unsigned integer of 31 bits. # Real: Iconst"""
        if self.kind != lexer.INTEGER:
            self.fail()
        return self.take()

    def signed_integer(self) -> int:
        if self.accept("-"):
            return -self.integer()
        self.accept("+")
        return self.integer()

    # Lists.

    def list_of(self, item: "Callable[[Cursor], Item]") -> tuple[Item, ...]:
        """item, item, item"""
        items = [item(self)]
        while self.accept(","):
            items.append(item(self))
            if not len(items) & 63:
                self._check()
        return tuple(items)

    def in_parentheses(self, item: "Callable[[Cursor], Item]") -> tuple[Item, ...]:
        """(item, item)"""
        self.expect("(")
        items = self.list_of(item)
        self.expect(")")
        return items

    def names_in_parentheses(self) -> tuple[str, ...]:
        return self.in_parentheses(Cursor.column_name)
