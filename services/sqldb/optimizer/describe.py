"""Expressions of a plan as SQL text, as EXPLAIN shows them: ((total > 10) AND (id = customer)).

A column that an operator below has computed is shown as what it was computed from.
# Real: ruleutils.c, deparse_expression()
"""

from __future__ import annotations

from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as n
from services.sqldb.plan.analysis import Key, free_keys, subqueries_of, walk_plan
from services.sqldb.types import PlainContext
from services.sqldb.types.sql_type import format_type


class Names:
    """What the columns of a plan are called. Names of tables stand before them if there are
    several."""

    def __init__(self, plan: n.Plan, *, is_verbose: bool = False):
        # VERBOSE: the name of the table stands before a column of every condition.
        self._is_verbose = is_verbose
        self._columns: dict[Key, str] = {}
        self._computed: dict[Key, ex.Expression] = {}
        self._tables: dict[int, str] = {}
        self.subplans: list[tuple[str, ex.Subquery]] = []
        # The relation whose own condition is being written: its columns need no table's name.
        self._own = 0
        self._context = PlainContext()
        self._learn(plan)

    def _learn(self, plan: n.Plan) -> None:
        for item in walk_plan(plan):
            self._learn_one(item)

    def _learn_one(self, item: n.Plan) -> None:
        match item:
            case n.Scan() | n.IndexScan() | n.BitmapScan() | n.SystemScan():
                self._name_table(item.relation, item.alias or item.table.name)
                for at, column in enumerate(item.table.columns):
                    self._columns[item.relation, at] = column.name
            case n.Insert():
                self._name_table(item.relation, item.table.name)
            case n.Project() | n.ProjectSet():
                for at, expression in enumerate(item.expressions):
                    self._computed[item.relation, at] = expression
            case n.Aggregate() | n.HashAggregate() | n.SortedAggregate():
                for at, expression in enumerate((*item.groups, *item.calls)):
                    self._computed[item.relation, at] = expression
            case n.Window():
                for at, call in enumerate(item.calls):
                    self._computed[item.relation, at] = call
            case n.SetOperation():
                for at, column in enumerate(item.left_columns):
                    self._computed[item.relation, at] = column
            case n.CteScan() | n.WorkTableScan() | n.FunctionScan() | n.Values():
                alias = getattr(item, "alias", "")
                self._name_table(item.relation, alias or (item.names[0] if item.names else "?"))
                for at, name in enumerate(item.names):
                    self._columns[item.relation, at] = name

    def _name_table(self, relation: int, name: str) -> None:
        """The second one of a name is called name_1. # Real: select_rtable_names_for_explain()"""
        known, number = set(self._tables.values()), 0
        if relation in self._tables:
            return
        given = name
        while given in known:
            number += 1
            given = f"{name}_{number}"
        self._tables[relation] = given

    def table(self, relation: int) -> str:
        return self._tables.get(relation, "?")

    def text(self, expression: ex.Expression) -> str:
        """The SQL of an expression, in parentheses where it is an operation."""
        return _WRITERS.get(type(expression), _other)(self, expression)

    def output_text(self, expression: ex.Expression) -> str:
        """What an operator gives: there VERBOSE makes no difference."""
        is_verbose, self._is_verbose = self._is_verbose, False
        text = self.text(expression)
        self._is_verbose = is_verbose
        return text

    def scan_text(self, expression: ex.Expression, relation: int) -> str:
        """The condition of a scan."""
        self._own = relation
        text = self.text(expression)
        self._own = 0
        return text

    def column(self, key: Key, name: str) -> str:
        if key in self._computed:
            return self.text(self._computed[key])
        known = self._columns.get(key, name or f"column{key[1] + 1}")
        table = self._tables.get(key[0])
        if table is None:
            return known
        if not self._is_verbose and (len(self._tables) < 2 or key[0] == self._own):
            return known
        return f"{table}.{known}"

    def is_computed(self, expression: ex.Expression) -> bool:
        """Whether it is more than a column of a table."""
        while isinstance(expression, ex.Column):
            below = self._computed.get((expression.relation, expression.index))
            if below is None:
                return False
            expression = below
        return True

    def sort_key(self, key: ex.SortKey) -> str:
        text = self.text(key.expression)
        if self.is_computed(key.expression):
            text = f"({text})"
        if key.is_descending:
            return f"{text} DESC" + ("" if key.nulls_first else " NULLS LAST")
        return text + (" NULLS FIRST" if key.nulls_first else "")

    def subplan(self, subquery: ex.Subquery) -> str:
        """Its name; those inside of it have lower numbers."""
        for name, known in self.subplans:
            if known is subquery:
                return name
        self._learn(subquery.plan)
        for item in walk_plan(subquery.plan):
            for inner in subqueries_of(item):
                self.subplan(inner)
        kind = "InitPlan" if is_initial(subquery) else "SubPlan"
        name = f"{kind} {len(self.subplans) + 1}"
        self.subplans.append((name, subquery))
        return name

    def parameter_of(self, name: str) -> str:
        """$0 … under which the value of an InitPlan is used."""
        before = [one for one, _ in self.subplans if one.startswith("InitPlan")]
        return f"${before.index(name)}"


_INITIAL = (ex.SubqueryKind.SCALAR, ex.SubqueryKind.EXISTS, ex.SubqueryKind.ARRAY)


def is_initial(subquery: ex.Subquery) -> bool:
    """Whether it depends on nothing, so that one run is enough."""
    return subquery.kind in _INITIAL and not free_keys(subquery.plan)


def literal(names: Names, constant: ex.Constant) -> str:
    """5, 'abc'::text, NULL::integer."""
    type_ = constant.type
    if constant.value is None:
        return f"NULL::{format_type(type_, constant.typmod)}"
    if type_.name == "bool":
        return "true" if constant.value else "false"
    text = type_.format(constant.value, names._context)
    if type_.name == "int4" and constant.value >= 0:
        return text
    if type_.name == "numeric" and text[0].isdigit() and "." in text:
        return text
    quoted = text.replace("'", "''")
    return f"'{quoted}'::{format_type(type_, constant.typmod)}"


def _call(names: Names, call: ex.Call) -> str:
    arguments = [names.text(argument) for argument in call.arguments]
    if call.spelling == "::":
        return f"({arguments[0]})::{format_type(call.type, call.typmod)}"
    word = call.spelling
    if word and not (word[0].isalpha() or word[0] == "_"):
        if len(arguments) == 2:
            return f"({arguments[0]} {word} {arguments[1]})"
        return f"({word} {arguments[0]})"
    if not word and len(arguments) == 2 and call.function.comparison:
        return f"({arguments[0]} {call.function.comparison} {arguments[1]})"
    return f"{word or call.function.name}({', '.join(arguments)})"


def _relabel(names: Names, relabel: ex.Relabel) -> str:
    text = names.text(relabel.argument)
    if not text.startswith("("):
        text = f"({text})"
    return f"{text}::{format_type(relabel.type, relabel.typmod)}"


def _joined(word: str):
    def write(names: Names, part: ex.And | ex.Or) -> str:
        return "(" + f" {word} ".join(names.text(item) for item in part.arguments) + ")"

    return write


def _is_null(names: Names, part: ex.IsNull) -> str:
    return f"({names.text(part.argument)} IS {'NOT ' if part.is_negated else ''}NULL)"


def _boolean_test(names: Names, part: ex.BooleanTest) -> str:
    word = {True: "TRUE", False: "FALSE", None: "UNKNOWN"}[part.wanted]
    return f"({names.text(part.argument)} IS {'NOT ' if part.is_negated else ''}{word})"


def _case(names: Names, case: ex.Case) -> str:
    branches = "".join(f" WHEN {names.text(c)} THEN {names.text(r)}" for c, r in case.branches)
    return f"CASE{branches} ELSE {names.text(case.otherwise)} END"


def _list_call(word: str):
    def write(names: Names, part) -> str:
        return f"{word}({', '.join(names.text(item) for item in part.arguments)})"

    return write


def _quantified(names: Names, part: ex.Quantified) -> str:
    word = "ALL" if part.is_all else "ANY"
    return f"({names.text(part.left)} {part.spelling} {word} ({names.text(part.array)}))"


def _row(names: Names, row: ex.RowValue) -> str:
    return f"ROW({', '.join(names.text(item) for item in row.items)})"


def _row_comparison(names: Names, part: ex.RowComparison) -> str:
    sides = [", ".join(names.text(item) for item in side) for side in (part.left, part.right)]
    return f"(ROW({sides[0]}) {part.spelling} ROW({sides[1]}))"


def _array(names: Names, array: ex.ArrayValue) -> str:
    return f"ARRAY[{', '.join(names.text(item) for item in array.items)}]"


def _aggregate(names: Names, call: ex.AggregateCall) -> str:
    distinct = "DISTINCT " if call.is_distinct else ""
    arguments = ", ".join(names.text(item) for item in call.arguments)
    if not call.arguments and not call.order_by:
        arguments = "*"
    order = ", ".join(names.sort_key(key) for key in call.order_by)
    text = f"{call.function.name}({distinct}{arguments}{' ORDER BY ' + order if order else ''})"
    if call.filter is not None:
        text += f" FILTER (WHERE {names.text(call.filter)})"
    return text


def _window(names: Names, call: ex.WindowCall) -> str:
    arguments = ", ".join(names.text(item) for item in call.arguments)
    return f"{call.function.name}({'*' if call.is_star else arguments}) OVER (?)"


def _subquery(names: Names, part: ex.Subquery) -> str:
    name = names.subplan(part)
    match part.kind:
        case _ if name.startswith("InitPlan"):
            return names.parameter_of(name)
        case ex.SubqueryKind.EXISTS:
            return f"EXISTS({name})"
        case ex.SubqueryKind.ANY | ex.SubqueryKind.ALL:
            return f"(hashed {name})" if not part.outer else f"({name})"
    return f"({name})"


def _distinct(names: Names, part: ex.IsDistinct) -> str:
    word = "IS NOT DISTINCT FROM" if part.is_negated else "IS DISTINCT FROM"
    return f"({names.text(part.left)} {word} {names.text(part.right)})"


def _set_returning(names: Names, call: ex.SetReturningCall) -> str:
    return f"{call.function.name}({', '.join(names.text(item) for item in call.arguments)})"


def _other(names: Names, expression: ex.Expression) -> str:
    return type(expression).__name__.lower()


_WRITERS = {
    ex.Constant: literal,
    ex.Parameter: lambda names, part: f"${part.number}",
    ex.Column: lambda names, part: names.column((part.relation, part.index), part.name),
    ex.SystemColumn: lambda names, part: part.name,
    ex.Call: _call,
    ex.Relabel: _relabel,
    ex.And: _joined("AND"),
    ex.Or: _joined("OR"),
    ex.Not: lambda names, part: f"(NOT {names.text(part.argument)})",
    ex.IsNull: _is_null,
    ex.BooleanTest: _boolean_test,
    ex.IsDistinct: _distinct,
    ex.Case: _case,
    ex.Coalesce: _list_call("COALESCE"),
    ex.Extreme: lambda names, part: _list_call("GREATEST" if part.is_greatest else "LEAST")(
        names, part
    ),
    ex.NullIf: lambda names, part: f"NULLIF({names.text(part.left)}, {names.text(part.right)})",
    ex.Quantified: _quantified,
    ex.RowValue: _row,
    ex.RowComparison: _row_comparison,
    ex.ArrayValue: _array,
    ex.Field: lambda names, part: f"({names.text(part.base)}).{part.name}",
    ex.AggregateCall: _aggregate,
    ex.WindowCall: _window,
    ex.SetReturningCall: _set_returning,
    ex.Subquery: _subquery,
}
