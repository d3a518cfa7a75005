"""Python source under construction: one module of functions, its names and its namespace.

What the source is made of stands in this package's string constants. Whatever comes from outside
(constants, functions of types, tables) goes into the `namespace` and appears in the source under a
made-up name (k1, f2, …). So no text of a client ever gets near the compiler, and two plans of the
same shape give the same source, whose compiled code is then used again (`code_of`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from types import CodeType

# CPython allows 20 blocks (for, try, with) inside each other and 100 steps of indentation.
MAX_LOOPS = 14
MAX_INDENT = 60
LONG_SOURCE = 20_000
"""In characters: above it takes more than some 10 ms to compile."""


class FunctionSource:
    """One function: its head, what it binds at its beginning, its lines."""

    __slots__ = (
        "_bound", "indent", "lines", "loops", "name", "parameters", "pending",
        "prelude",
    )  # fmt: skip

    def __init__(self, name: str, parameters: list[str]):
        self.name = name
        self.parameters = parameters
        self.prelude: list[str] = []
        self._bound: dict[str, str] = {}
        self.lines: list[str] = []
        self.indent = 1
        self.loops = 0
        # Operators that have been asked for rows in this function and have still to use them.
        self.pending = 0

    def line(self, text: str) -> None:
        self.lines.append("    " * self.indent + text)

    def bind(self, name: str, value: str) -> str:
        """Give a local name to what does not change while the function runs."""
        if name not in self._bound:
            self._bound[name] = value
            self.prelude.append(f"    {name} = {value}")
        return name

    @contextmanager
    def block(self, header: str) -> Iterator[None]:
        """The lines inside go one step to the right."""
        self.line(header)
        self.indent += 1
        mark = len(self.lines)
        yield
        if len(self.lines) == mark:
            self.line("pass")
        self.indent -= 1

    @contextmanager
    def loop(self, header: str) -> Iterator[None]:
        self.loops += 1
        with self.block(header):
            yield
        self.loops -= 1

    @property
    def is_deep(self) -> bool:
        return self.loops + self.pending >= MAX_LOOPS or self.indent >= MAX_INDENT

    def text(self) -> str:
        head = f"def {self.name}({', '.join(self.parameters)}):"
        return "\n".join([head, *self.prelude, *(self.lines or ["    pass"])])


class ModuleSource:
    """All functions of one statement, and the objects that they name."""

    def __init__(self) -> None:
        self.functions: list[FunctionSource] = []
        self.namespace: dict[str, object] = {}
        self._counters: dict[str, int] = {}
        self._constants: dict[int, str] = {}

    def fresh(self, prefix: str) -> str:
        """A name that nothing else has: prefix and a number."""
        number = self._counters.get(prefix, 0) + 1
        self._counters[prefix] = number
        return f"{prefix}{number}"

    def constant(self, value: object, prefix: str = "k") -> str:
        """The name under which an object goes into the namespace; the same object, the same name.

        The namespace keeps the object alive, so its id cannot come to mean another one.
        """
        name = self._constants.get(id(value))
        if name is None:
            name = self.fresh(prefix)
            self._constants[id(value)] = name
            self.namespace[name] = value
        return name

    def function(self, prefix: str, parameters: list[str]) -> FunctionSource:
        made = FunctionSource(self.fresh(prefix), ["run", *parameters])
        self.functions.append(made)
        return made

    def text(self) -> str:
        return "\n\n\n".join(function.text() for function in self.functions) + "\n"


@lru_cache(maxsize=2048)
def code_of(source: str) -> CodeType:
    """Compiling takes about 1 ms for 50 lines: statements of the same shape share the code."""
    return compile(source, "<plan>", "exec")


def load(module: ModuleSource, check: Callable[[], None] = lambda: None) -> dict[str, object]:
    """Run the definitions; the functions are then in the namespace under their names.

    A long source is compiled function by function, with a look at the interrupts before each.
    """
    whole = module.text()
    texts = [whole]
    if len(whole) > LONG_SOURCE:
        texts = [function.text() for function in module.functions]
    for text in texts:
        check()
        # The source is made of this package's own strings only, see above.
        exec(code_of(text), module.namespace)  # noqa: S102
    return module.namespace
