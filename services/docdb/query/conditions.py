"""Conditions: the tree that a filter becomes, and how a document is held against it.

    {age: {$gt: 20}, $or: [{city: "Rome"}, {tags: "vip"}]}

    And ─┬─ Field("age", "$gt", 20)
         └─ Or ─┬─ Field("city", "$eq", "Rome")
                └─ Field("tags", "$eq", "vip")

`compile` turns each node into a function from a document to yes or no: once for a query, so
that nothing is looked up for each document. The tree itself stays, for the planner to find the
fields that an index could answer, and for `$` in updates to ask which element has matched.

A condition on a field whose value is an array holds when it holds for the array or for one of
its elements: that is the rule of `Reach`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from services.docdb.bson.types import Document
from services.docdb.query.comparison import MISSING
from services.docdb.query.operators import Test
from services.docdb.query.paths import values_at

Predicate = Callable[[Document], bool]


class Reach(Enum):
    """What of an array at the end of a path an operator looks at."""

    BOTH = "the array and each of its elements"
    WHOLE = "the array alone"


class Condition(ABC):
    """A node of the tree."""

    __slots__ = ()

    @abstractmethod
    def compile(self) -> Predicate:
        """The node as a function."""

    def matched_index(self, document: Document) -> int | None:
        """Which element of the first array on the way has matched; None where none is."""
        return None


@dataclass(slots=True)
class Field(Condition):
    """A test of the values at a path."""

    path: str
    parts: tuple[str, ...]
    operator: str
    operand: object
    test: Test
    reach: Reach = Reach.BOTH

    def compile(self) -> Predicate:
        test = self.test
        if self.reach is Reach.BOTH:
            if len(self.parts) == 1:
                return _top_level(self.path, test)
            return _dotted(self.parts, test)
        if len(self.parts) == 1:
            name = self.path
            return lambda document: test(document.get(name, MISSING))
        return _dotted_whole(self.parts, test, is_absence=self.test(MISSING))

    def matched_index(self, document: Document) -> int | None:
        value: object = document
        for place, part in enumerate(self.parts):
            if type(value) is list:
                return self._index_in(value, self.parts[place:])
            if type(value) is not dict:
                return None
            value = value.get(part, MISSING)
        if type(value) is list and self.reach is Reach.BOTH:
            return next((i for i, item in enumerate(value) if self.test(item)), None)
        if type(value) is list and self.operator == "$elemMatch":
            return next((i for i, item in enumerate(value) if self.test([item])), None)
        return None

    def _index_in(self, array: list, rest: tuple[str, ...]) -> int | None:
        if rest[0].isdigit():
            return int(rest[0]) if int(rest[0]) < len(array) else None
        inner = Field(".".join(rest), rest, self.operator, self.operand, self.test, self.reach)
        predicate = inner.compile()
        for index, item in enumerate(array):
            if type(item) is dict and predicate(item):
                return index
        return None


def _top_level(name: str, test: Test) -> Predicate:
    def predicate(document: Document) -> bool:
        value = document.get(name, MISSING)
        if type(value) is list:
            return any(map(test, value)) or test(value)
        return test(value)

    return predicate


def _dotted(parts: tuple[str, ...], test: Test) -> Predicate:
    def predicate(document: Document) -> bool:
        for value in values_at(document, parts):
            if test(value) or (type(value) is list and any(map(test, value))):
                return True
        return False

    return predicate


def _dotted_whole(parts: tuple[str, ...], test: Test, *, is_absence: bool) -> Predicate:
    if is_absence:
        # `$exists: false`: nowhere is there such a field.
        return lambda document: all(value is MISSING for value in values_at(document, parts))
    return lambda document: any(map(test, values_at(document, parts)))


@dataclass(slots=True)
class And(Condition):
    children: list[Condition]

    def compile(self) -> Predicate:
        predicates = [child.compile() for child in self.children]
        match predicates:
            case []:
                return lambda document: True
            case [only]:
                return only
            case [first, second]:
                return lambda document: first(document) and second(document)

        def predicate(document: Document) -> bool:
            return all(holds(document) for holds in predicates)

        return predicate

    def matched_index(self, document: Document) -> int | None:
        return _first_index(self.children, document)


@dataclass(slots=True)
class Or(Condition):
    children: list[Condition]

    def compile(self) -> Predicate:
        predicates = [child.compile() for child in self.children]
        return lambda document: any(holds(document) for holds in predicates)

    def matched_index(self, document: Document) -> int | None:
        matching = [child for child in self.children if child.compile()(document)]
        return _first_index(matching, document)


def _first_index(children: list[Condition], document: Document) -> int | None:
    for child in children:
        index = child.matched_index(document)
        if index is not None:
            return index
    return None


@dataclass(slots=True)
class Not(Condition):
    """`$not`, `$ne`, `$nin`, and `$nor` of what is in it."""

    child: Condition

    def compile(self) -> Predicate:
        holds = self.child.compile()
        return lambda document: not holds(document)


@dataclass(slots=True)
class Computed(Condition):
    """`$expr` and `$jsonSchema`: anything that looks at the whole document."""

    name: str
    operand: object
    predicate: Predicate

    def compile(self) -> Predicate:
        return self.predicate


@dataclass(slots=True)
class Never(Condition):
    """`$alwaysFalse`, and an `$or` of nothing."""

    def compile(self) -> Predicate:
        return lambda document: False
