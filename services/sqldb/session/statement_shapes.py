"""Texts that differ in their values alone: one plan for all of them, with the values as parameters.

Many clients never prepare anything: they write the values into the text, so each text is another
one, though the statement is the same. Two texts have one **shape** if their tokens are the same but
for whole numbers and strings:

    UPDATE account SET pay = pay + 30 WHERE id = 7      →   … pay + ? WHERE id = ?   (30, 7)
    UPDATE account SET pay = pay + -5 WHERE id = 12     →   another shape: the minus is a token

From the second text of a shape on, its plan is made once, with $1, $2 … in place of the values, and
kept; of a text that comes then only the tokens are read. It must mean what it means alone, so a
value becomes a parameter only where that is certain:

* as one side of a comparison with a column in WHERE, in SET, in a row of VALUES. Everywhere else
  (ORDER BY 1, LIMIT 5, a type's length, a target of SELECT) it is a part of the shape;
* whole numbers are of type integer as literals, too. A string takes its type from what stands
  beside it, as a parameter does; those that turn out to be anything but texts stay literals, for
  reading them ('now', '5 days') belongs to binding;
* where the plan would be no better if the values were known: rows are found by whole keys of unique
  indexes or in a small table, or made by VALUES. What else there is to choose depends on how
  frequent a value is.

What fits nowhere is parsed and planned as always, and so is the first text of each shape. Whatever
goes wrong while a plan for a shape is made is not told: the text is planned alone, and fails alone.
# Real: PostgreSQL plans each text anew. Forced parameterization in SQL Server, CURSOR_SHARING in
# Oracle.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from services.sqldb.errors import ADMIN_SHUTDOWN, QUERY_CANCELED, SqlError
from services.sqldb.optimizer.access import is_single
from services.sqldb.plan import nodes as plans
from services.sqldb.plan.analysis import walk_plan
from services.sqldb.session.prepared import PreparedStatement
from services.sqldb.syntax import nodes
from services.sqldb.syntax.lexer import ERROR, INTEGER, PARAMETER, STRING, Tokens, tokenize
from services.sqldb.syntax.nodes import LiteralKind
from services.sqldb.types import BPCHAR, INT4, TEXT, VARCHAR

if TYPE_CHECKING:
    from services.sqldb.catalog.lookup import Lookup
    from services.sqldb.session.session import Session
    from services.sqldb.syntax.nodes import Expression, ParsedStatement

Key = tuple[tuple[str, ...], tuple[object, ...]]
Place = tuple[int, int]
"""Of a token, and 1 or -1: with a minus before it."""

MAX_KEPT = 100
_MAX_NOTED = 1000
_MAX_CHARACTERS = 2000
_MAX_PARAMETERS = 100
_FEW_ROWS = 1000
_BEGINNINGS = frozenset(("select", "insert", "update", "delete"))
_COMPARISONS = frozenset((("=",), ("<>",), ("<",), ("<=",), (">",), (">=",)))
_SUMS = frozenset((("+",), ("-",), ("*",)))
# Such a literal is read when the statement is bound.
_READS_CLOCK = re.compile("now|today|tomorrow|yesterday", re.IGNORECASE)
_TEXTS = frozenset((TEXT.oid, VARCHAR.oid, BPCHAR.oid))


@dataclass(frozen=True, slots=True)
class Text:
    """A text whose shape is known: its tokens, without its literals, and those."""

    key: Key
    tokens: Tokens
    literals: list[int]


@dataclass(frozen=True, slots=True)
class Shape:
    """A plan for all texts of a shape whose other literals are these."""

    statement: PreparedStatement
    parameters: tuple[Place, ...]
    fixed: tuple[tuple[int, object], ...]


def read(sql: str) -> Text | None:
    """The shape of a text; None: it has none worth looking at."""
    if len(sql) > _MAX_CHARACTERS or sql[:6].lower() not in _BEGINNINGS:
        return None
    tokens = tokenize(sql)
    kinds, others = tokens.kinds, tokens.values.copy()
    literals = [at for at, kind in enumerate(kinds) if kind is INTEGER or kind is STRING]
    if not literals or PARAMETER in kinds or ERROR in kinds:
        return None
    for at in literals:
        others[at] = None
    return Text((tuple(kinds), tuple(others)), tokens, literals)


class StatementShapes:
    """The shapes of one session's texts, with their plans; those that came last."""

    def __init__(self) -> None:
        self._kept: dict[Key, Shape] = {}
        self._noted: dict[int, bool] = {}
        """Those that have come, by their hashes: whether it is known that no plan fits all."""
        self._lookup: Lookup | None = None
        """What names meant when that was found."""

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, text: Text, session: Session) -> tuple[PreparedStatement, tuple] | None:
        """The statement that the text is, and its values."""
        shape = self._kept.pop(text.key, None)
        if shape is None:
            return None
        if not shape.statement.is_current(session):
            return None
        self._kept[text.key] = shape  # The last in order is the one that came last.
        values = text.tokens.values
        if any(values[at] != value for at, value in shape.fixed):
            return None
        return shape.statement, _values(shape, text.tokens)

    def comes_again(self, text: Text, session: Session) -> bool:
        """Whether it is worth a plan; if not now, perhaps the next time."""
        if text.key in self._kept:
            return False
        if session.lookup is not self._lookup:
            self._lookup = session.lookup
            self._noted.clear()
        is_unfit = self._noted.get(hash(text.key))
        if is_unfit is None:
            self._note(text, is_unfit=False)
        return is_unfit is False

    def _note(self, text: Text, *, is_unfit: bool) -> None:
        self._noted[hash(text.key)] = is_unfit
        if len(self._noted) > _MAX_NOTED:
            del self._noted[next(iter(self._noted))]

    def make(
        self, text: Text, parsed: ParsedStatement, sql: str, session: Session
    ) -> tuple[PreparedStatement, tuple] | None:
        """Plan the shape and keep it; None: it is none that can have a plan."""
        shape = _plan(text, parsed, sql, session)
        if shape is None:
            self._note(text, is_unfit=True)
            return None
        if len(self._kept) >= MAX_KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[text.key] = shape
        return shape.statement, _values(shape, text.tokens)

    def clear(self) -> None:
        """A setting has changed, and with it, perhaps, what a text means."""
        self._kept.clear()
        self._noted.clear()


def _values(shape: Shape, tokens: Tokens) -> tuple:
    values = tokens.values
    return tuple([values[at] if sign > 0 else -values[at] for at, sign in shape.parameters])


def _plan(text: Text, parsed: ParsedStatement, sql: str, session: Session) -> Shape | None:
    lifted = _Lifted(text.tokens)
    node = lifted.statement(parsed.statement)
    parameters = lifted.parameters
    is_single = text.tokens.kinds.count("select") <= 1
    if not parameters or len(parameters) > _MAX_PARAMETERS or not is_single:
        return None
    kinds = [text.tokens.kinds[at] for at, _ in parameters]
    given = tuple(INT4 if kind is INTEGER else None for kind in kinds)
    statement = PreparedStatement("", sql, replace(parsed, statement=node), given)
    statement.may_change_columns = True
    try:
        statement.refresh(session)
    except SqlError as error:
        if error.sqlstate in (QUERY_CANCELED, ADMIN_SHUTDOWN):
            raise
        return None
    for kind, type_ in zip(kinds, statement.parameter_types, strict=True):
        if kind is STRING and type_.oid not in _TEXTS:
            return None
    if not _is_the_only_plan(statement.plan, session):
        return None
    places = {at for at, _ in parameters}
    values = text.tokens.values
    fixed = tuple((at, values[at]) for at in text.literals if at not in places)
    if any(_READS_CLOCK.search(str(value)) for _, value in fixed):
        return None
    return Shape(statement, tuple(parameters), fixed)


class _Lifted:
    """A statement with parameters in place of literals, and where those stand in the text."""

    def __init__(self, tokens: Tokens):
        self._tokens = tokens
        self._places = {start: at for at, start in enumerate(tokens.starts)}
        self.parameters: list[Place] = []

    def statement(self, node: object) -> object:
        match node:
            case nodes.Query(body=nodes.Select(into=None, where=where) as body):
                return replace(node, body=replace(body, where=self._condition(where)))
            case nodes.Update():
                assignments = tuple(
                    replace(one, value=self._assigned(one.value)) for one in node.assignments
                )
                where = self._condition(node.where)
                return replace(node, assignments=assignments, where=where)
            case nodes.Delete():
                return replace(node, where=self._condition(node.where))
            case nodes.Insert(source=nodes.Query(body=nodes.Values(rows=rows) as body) as source):
                rows = tuple(tuple(self._value(item) for item in row) for row in rows)
                return replace(node, source=replace(source, body=replace(body, rows=rows)))
        return node

    def _condition(self, node: Expression | None) -> Expression | None:
        match node:
            case nodes.And(operands=operands):
                return replace(node, operands=tuple(map(self._condition, operands)))
            case nodes.OperatorCall(name=name, left=nodes.ColumnReference()):
                if name in _COMPARISONS:
                    return replace(node, right=self._value(node.right))
        return node

    def _assigned(self, node: Expression) -> Expression:
        match node:
            case nodes.OperatorCall(name=name, left=nodes.ColumnReference(), right=right):
                if name in _SUMS and _is_literal(right, LiteralKind.INTEGER):
                    return replace(node, right=self._value(right))
        return self._value(node)

    def _value(self, node: Expression) -> Expression:
        if not _is_literal(node, LiteralKind.INTEGER, LiteralKind.STRING):
            return node
        place = self._place(node)
        if place is None:
            return node
        self.parameters.append(place)
        return nodes.Parameter(len(self.parameters), node.position)

    def _place(self, node: nodes.Literal) -> Place | None:
        """Where the token of the literal is; a minus before it is a part of the literal."""
        kinds, values = self._tokens.kinds, self._tokens.values
        at = self._places.get(node.position, -1)
        if at < 0:
            return None
        if kinds[at] in (INTEGER, STRING) and values[at] == node.value:
            return at, 1
        if kinds[at] == "-" and kinds[at + 1] is INTEGER and values[at + 1] == -node.value:
            return at + 1, -1
        return None


def _is_literal(node: Expression, *kinds: LiteralKind) -> bool:
    return isinstance(node, nodes.Literal) and node.kind in kinds


def _is_the_only_plan(plan: plans.Plan, session: Session) -> bool:
    """Whether it would be no other one if the values were known, or no better one."""
    return all(_fits(item, session) for item in walk_plan(plan))


def _fits(item: plans.Plan, session: Session) -> bool:
    match item:
        case plans.IndexScan():
            return is_single(item) and not item.index.predicate
        case plans.Scan():
            # When it has grown, it is analyzed, and plans are made anew.
            return len(session.database_view.heap(item.table.oid).rows) < _FEW_ROWS
        case _:
            return isinstance(item, _PLAIN)


_PLAIN = (
    plans.OneRow, plans.Values, plans.Project, plans.Filter, plans.LockRows, plans.Sort,
    plans.TopN, plans.Limit, plans.Insert, plans.Update, plans.Delete,
)  # fmt: skip
