"""Syntax nodes → SQL text, in PostgreSQL's style of writing.

The catalog keeps defaults, checks, index expressions and views as this text and reads it again with
the parser, so what comes out here means what went in: every operator stands in parentheses, every
name that needs it in quotes. # Real: ruleutils.c, which writes analysed trees
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from services.sqldb.syntax import nodes
from services.sqldb.syntax.keywords import KEYWORDS, KeywordClass

_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*\Z")
_UNRESERVED = KeywordClass.UNRESERVED


def quote_identifier(name: str) -> str:
    """A name as it has to be written: in double quotes where it isn't a plain word."""
    if _PLAIN.match(name) and KEYWORDS.get(name, _UNRESERVED) is _UNRESERVED:
        return name
    return '"' + name.replace('"', '""') + '"'


def quote_literal(text: str) -> str:
    quoted = "'" + text.replace("'", "''") + "'"
    return "E" + quoted.replace("\\", "\\\\") if "\\" in text else quoted


def deparse_names(names: Sequence[str]) -> str:
    return ".".join(quote_identifier(name) for name in names)


def deparse(node: nodes.Expression) -> str:
    """An expression; operators with their parentheses."""
    return _WRITERS[type(node)](node)


def _list(items: Sequence[nodes.Expression]) -> str:
    return ", ".join(deparse(item) for item in items)


# Literals and names.


def _literal(node: nodes.Literal) -> str:
    match node.kind:
        case nodes.LiteralKind.STRING:
            return quote_literal(node.value)
        case nodes.LiteralKind.BIT:
            return f"{node.value[0].upper()}'{node.value[1:]}'"
        case nodes.LiteralKind.BOOLEAN:
            return "true" if node.value else "false"
        case nodes.LiteralKind.NULL:
            return "NULL"
    return str(node.value)


def _column(node: nodes.ColumnReference) -> str:
    return deparse_names(node.names)


def _star(node: nodes.Star) -> str:
    return ".".join([*map(quote_identifier, node.qualifier), "*"])


# Operators.


def _operator_name(name: tuple[str, ...]) -> str:
    if len(name) == 1:
        return name[0]
    return f"OPERATOR({deparse_names(name[:-1])}.{name[-1]})"


def _operator(node: nodes.OperatorCall) -> str:
    name = _operator_name(node.name)
    if node.left is None:
        return f"({name} {deparse(node.right)})"
    return f"({deparse(node.left)} {name} {deparse(node.right)})"


def _chain(word: str) -> Callable[[nodes.And | nodes.Or], str]:
    return lambda node: "(" + f" {word} ".join(deparse(one) for one in node.operands) + ")"


def _is_truth(node: nodes.IsTruth) -> str:
    word = {True: "TRUE", False: "FALSE", None: "UNKNOWN"}[node.truth]
    return f"({deparse(node.operand)} IS {_not(node)}{word})"


def _not(node: object) -> str:
    return "NOT " if node.is_negated else ""


def _like(node: nodes.Like) -> str:
    escape = "" if node.escape is None else f" ESCAPE {deparse(node.escape)}"
    operand, pattern = deparse(node.operand), deparse(node.pattern)
    return f"({operand} {_not(node)}{node.kind.value} {pattern}{escape})"


def _between(node: nodes.Between) -> str:
    symmetric = "SYMMETRIC " if node.is_symmetric else ""
    low, high = deparse(node.low), deparse(node.high)
    return f"({deparse(node.operand)} {_not(node)}BETWEEN {symmetric}{low} AND {high})"


def _in_list(node: nodes.InList) -> str:
    return f"({deparse(node.operand)} {_not(node)}IN ({_list(node.items)}))"


def _quantified(node: nodes.QuantifiedArray) -> str:
    word = "ALL" if node.is_all else "ANY"
    left, array = deparse(node.left), deparse(node.array)
    return f"({left} {_operator_name(node.operator)} {word} ({array}))"


def _subquery(node: nodes.Subquery) -> str:
    query = deparse_query(node.query)
    match node.kind:
        case nodes.SubqueryKind.SCALAR:
            return f"({query})"
        case nodes.SubqueryKind.EXISTS:
            return f"(EXISTS ({query}))"
        case nodes.SubqueryKind.ARRAY:
            return f"ARRAY({query})"
    left = deparse(node.left)
    if node.is_in or not node.operator:
        return f"({left} {_not(node)}IN ({query}))"
    word = "ALL" if node.kind is nodes.SubqueryKind.ALL else "ANY"
    return f"({left} {_operator_name(node.operator)} {word} ({query}))"


# Choices, types, calls.


def _case(node: nodes.Case) -> str:
    parts = ["CASE"]
    if node.operand is not None:
        parts.append(deparse(node.operand))
    for when in node.whens:
        parts.append(f"WHEN {deparse(when.condition)} THEN {deparse(when.result)}")
    if node.default is not None:
        parts.append(f"ELSE {deparse(node.default)}")
    return " ".join([*parts, "END"])


def deparse_type(written: nodes.TypeName) -> str:
    names = written.names
    if names[0] == "pg_catalog" and len(names) == 2:
        text = _SQL_NAMES.get(names[1], quote_identifier(names[1]))
        if names[1] == "bpchar" and not written.modifiers:
            # A bare "character" would be character(1).
            text = "bpchar"
    else:
        text = deparse_names(names)
    modifiers = f"({_list(written.modifiers)})" if written.modifiers else ""
    head, zone, tail = text.partition(" with")
    if zone and head in ("timestamp", "time"):
        text = head + modifiers + zone + tail
    elif written.interval_fields:
        text = f"interval {written.interval_fields}{modifiers}"
    else:
        text += modifiers
    return text + "[]" * len(written.array_bounds)


_SQL_NAMES = {
    "int2": "smallint",
    "int4": "integer",
    "int8": "bigint",
    "float4": "real",
    "float8": "double precision",
    "bool": "boolean",
    "varchar": "character varying",
    "bpchar": "character",
    "timestamp": "timestamp without time zone",
    "timestamptz": "timestamp with time zone",
    "time": "time without time zone",
    "timetz": "time with time zone",
    "numeric": "numeric",
    "text": "text",
    "interval": "interval",
}


def _cast(node: nodes.Cast) -> str:
    inner = deparse(node.operand)
    is_plain = isinstance(node.operand, nodes.Literal | nodes.ColumnReference | nodes.Parameter)
    if not is_plain or inner.startswith("-"):
        inner = f"({inner})"
    return f"{inner}::{deparse_type(node.type_name)}"


def _collate(node: nodes.Collate) -> str:
    return f"({deparse(node.operand)} COLLATE {deparse_names(node.collation)})"


def _call(node: nodes.FunctionCall) -> str:
    name = deparse_names(node.name[1:] if node.name[0] == "pg_catalog" else node.name)
    arguments = [deparse(one) for one in node.arguments]
    if node.is_variadic:
        arguments[-1] = f"VARIADIC {arguments[-1]}"
    inner = "*" if node.is_star else ", ".join(arguments)
    if node.is_distinct:
        inner = f"DISTINCT {inner}"
    if node.order_by and not node.is_within_group:
        inner += f" ORDER BY {_sort_items(node.order_by)}"
    text = f"{name}({inner})"
    if node.is_within_group:
        text += f" WITHIN GROUP (ORDER BY {_sort_items(node.order_by)})"
    if node.filter is not None:
        text += f" FILTER (WHERE {deparse(node.filter)})"
    if node.over is not None:
        over = node.over
        text += f" OVER {quote_identifier(over.name) if over.name else '(' + _window(over) + ')'}"
    return text


def _sort_items(items: Sequence[nodes.SortItem]) -> str:
    return ", ".join(_sort_item(item) for item in items)


def _sort_item(item: nodes.SortItem) -> str:
    text = deparse(item.expression)
    if item.direction is nodes.SortDirection.USING:
        text += f" USING {_operator_name(item.using_operator)}"
    elif item.direction is nodes.SortDirection.DESCENDING:
        text += " DESC"
    if item.nulls is not nodes.NullsOrder.DEFAULT:
        text += f" {item.nulls.value}"
    return text


def _window(window: nodes.WindowDefinition) -> str:
    parts = []
    if window.base:
        parts.append(quote_identifier(window.base))
    if window.partition_by:
        parts.append(f"PARTITION BY {_list(window.partition_by)}")
    if window.order_by:
        parts.append(f"ORDER BY {_sort_items(window.order_by)}")
    if window.frame is not None:
        parts.append(_frame(window.frame))
    return " ".join(parts)


def _frame(frame: nodes.Frame) -> str:
    start, end = _bound(frame.start), _bound(frame.end)
    bounds = f"BETWEEN {start} AND {end}" if frame.is_between else start
    return " ".join(part for part in (frame.mode.value, bounds, frame.exclusion.value) if part)


def _bound(bound: nodes.FrameBound) -> str:
    offset = "" if bound.offset is None else f"{deparse(bound.offset)} "
    return offset + bound.kind.value


def _current_value(node: nodes.CurrentValue) -> str:
    precision = "" if node.precision is None else f"({node.precision})"
    return node.kind.value.upper() + precision


def _row(node: nodes.RowConstructor) -> str:
    return f"ROW({_list(node.items)})"


def _subscript(node: nodes.Subscript) -> str:
    lower = "" if node.lower is None else deparse(node.lower)
    upper = "" if node.upper is None else deparse(node.upper)
    inner = f"{lower}:{upper}" if node.is_slice else lower
    operand = deparse(node.operand)
    if not node.continues and not isinstance(node.operand, nodes.ColumnReference):
        operand = f"({operand})"
    return f"{operand}[{inner}]"


_WRITERS: dict[type, Callable[[object], str]] = {
    nodes.Literal: _literal,
    nodes.Parameter: lambda node: f"${node.number}",
    nodes.ColumnReference: _column,
    nodes.Star: _star,
    nodes.OperatorCall: _operator,
    nodes.And: _chain("AND"),
    nodes.Or: _chain("OR"),
    nodes.Not: lambda node: f"(NOT {deparse(node.operand)})",
    nodes.IsNull: lambda node: f"({deparse(node.operand)} IS {_not(node)}NULL)",
    nodes.IsTruth: _is_truth,
    nodes.IsDistinct: lambda node: (
        f"({deparse(node.left)} IS {_not(node)}DISTINCT FROM {deparse(node.right)})"
    ),
    nodes.Like: _like,
    nodes.Between: _between,
    nodes.InList: _in_list,
    nodes.QuantifiedArray: _quantified,
    nodes.Subquery: _subquery,
    nodes.Case: _case,
    nodes.Cast: _cast,
    nodes.Collate: _collate,
    nodes.NamedArgument: lambda node: f"{quote_identifier(node.name)} => {deparse(node.value)}",
    nodes.FunctionCall: _call,
    nodes.Coalesce: lambda node: f"COALESCE({_list(node.arguments)})",
    nodes.NullIf: lambda node: f"NULLIF({deparse(node.left)}, {deparse(node.right)})",
    nodes.MinMax: lambda node: (
        f"{'GREATEST' if node.is_greatest else 'LEAST'}({_list(node.arguments)})"
    ),
    nodes.CurrentValue: _current_value,
    nodes.ArrayConstructor: lambda node: f"ARRAY[{_list(node.elements)}]",
    nodes.RowConstructor: _row,
    nodes.FieldSelection: lambda node: f"({deparse(node.operand)}).{quote_identifier(node.field)}",
    nodes.RowExpansion: lambda node: f"({deparse(node.operand)}).*",
    nodes.Subscript: _subscript,
    nodes.Grouping: lambda node: f"GROUPING({_list(node.arguments)})",
    nodes.Default: lambda node: "DEFAULT",
    nodes.CurrentOf: lambda node: f"CURRENT OF {quote_identifier(node.cursor)}",
}


# Queries.


def deparse_query(query: nodes.Query) -> str:
    """A query on one line."""
    parts = []
    if query.with_clause is not None:
        parts.append(_with(query.with_clause))
    parts.append(_body(query.body))
    if query.order_by:
        parts.append(f"ORDER BY {_sort_items(query.order_by)}")
    if query.with_ties:
        parts.append(_offset(query))
        parts.append(f"FETCH FIRST {deparse(query.limit)} ROWS WITH TIES")
    else:
        if query.limit is not None:
            parts.append(f"LIMIT {deparse(query.limit)}")
        parts.append(_offset(query))
    parts += [_locking(one) for one in query.locking]
    return " ".join(part for part in parts if part)


def _offset(query: nodes.Query) -> str:
    return "" if query.offset is None else f"OFFSET {deparse(query.offset)}"


def _locking(locking: nodes.Locking) -> str:
    tables = ", ".join(_relation(one) for one in locking.tables)
    parts = [locking.strength.value, f"OF {tables}" if tables else "", locking.wait.value]
    return " ".join(part for part in parts if part)


def _with(clause: nodes.With) -> str:
    tables = []
    for table in clause.tables:
        columns = f"({deparse_names_list(table.columns)})" if table.columns else ""
        materialized = {None: "", True: "MATERIALIZED ", False: "NOT MATERIALIZED "}[
            table.is_materialized
        ]
        if not isinstance(table.statement, nodes.Query):
            raise ValueError("a statement that changes data stands in no view")
        query = deparse_query(table.statement)
        more = _search_and_cycle(table)
        name = quote_identifier(table.name)
        tables.append(f"{name}{columns} AS {materialized}({query}){more}")
    return f"WITH {'RECURSIVE ' if clause.is_recursive else ''}{', '.join(tables)}"


def _search_and_cycle(table: nodes.CommonTable) -> str:
    found = ""
    if table.search is not None:
        way = "BREADTH" if table.search.is_breadth_first else "DEPTH"
        columns = deparse_names_list(table.search.columns)
        sequence = quote_identifier(table.search.sequence)
        found = f" SEARCH {way} FIRST BY {columns} SET {sequence}"
    if table.cycle is not None:
        cycle = table.cycle
        found += (
            f" CYCLE {deparse_names_list(cycle.columns)} SET {quote_identifier(cycle.mark)}"
            f" TO {deparse(cycle.value)} DEFAULT {deparse(cycle.default)}"
            f" USING {quote_identifier(cycle.path)}"
        )
    return found


def deparse_names_list(names: Sequence[str]) -> str:
    return ", ".join(quote_identifier(name) for name in names)


def _body(body: nodes.Select | nodes.Values | nodes.SetOperation) -> str:
    match body:
        case nodes.Values():
            return "VALUES " + ", ".join(f"({_list(row)})" for row in body.rows)
        case nodes.SetOperation():
            word = body.operator.value + (" ALL" if body.is_all else "")
            return f"({deparse_query(body.left)}) {word} ({deparse_query(body.right)})"
    return _select(body)


def _select(select: nodes.Select) -> str:
    parts = ["SELECT"]
    if select.distinct is not None:
        parts.append(f"DISTINCT ON ({_list(select.distinct)})" if select.distinct else "DISTINCT")
    parts.append(", ".join(_target(one) for one in select.targets))
    if select.from_items:
        parts.append("FROM " + ", ".join(_from_item(one) for one in select.from_items))
    if select.where is not None:
        parts.append(f"WHERE {deparse(select.where)}")
    if select.group_by:
        distinct = "DISTINCT " if select.is_group_distinct else ""
        parts.append(f"GROUP BY {distinct}" + ", ".join(_group(one) for one in select.group_by))
    if select.having is not None:
        parts.append(f"HAVING {deparse(select.having)}")
    if select.windows:
        windows = (f"{quote_identifier(one.name)} AS ({_window(one)})" for one in select.windows)
        parts.append("WINDOW " + ", ".join(windows))
    return " ".join(part for part in parts if part)


def _target(target: nodes.Target) -> str:
    text = deparse(target.expression)
    return text if target.alias is None else f"{text} AS {quote_identifier(target.alias)}"


def _group(item: nodes.Expression | nodes.GroupingSet) -> str:
    if not isinstance(item, nodes.GroupingSet):
        return deparse(item)
    inner = ", ".join(_group(one) for one in item.items)
    if item.kind is nodes.GroupingSetKind.EMPTY:
        return "()"
    return f"{item.kind.value} ({inner})"


def _relation(relation: nodes.RelationName) -> str:
    parts = (relation.catalog, relation.schema, relation.name)
    return deparse_names([part for part in parts if part is not None])


def _alias(alias: nodes.Alias | None) -> str:
    if alias is None:
        return ""
    columns = f"({deparse_names_list(alias.columns)})" if alias.columns else ""
    return f" AS {quote_identifier(alias.name)}{columns}"


def _from_item(item: nodes.FromItem) -> str:
    match item:
        case nodes.TableReference():
            only = "ONLY " if item.is_only else ""
            return only + _relation(item.relation) + _alias(item.alias)
        case nodes.SubqueryReference():
            lateral = "LATERAL " if item.is_lateral else ""
            return f"{lateral}({deparse_query(item.query)}){_alias(item.alias)}"
        case nodes.FunctionReference():
            return _function_item(item)
    return _join(item)


def _function_item(item: nodes.FunctionReference) -> str:
    calls = ", ".join(
        deparse(one.call) + (f" AS ({_definitions(one.columns)})" if one.columns else "")
        for one in item.functions
    )
    text = f"ROWS FROM({calls})" if item.is_rows_from else calls
    if item.with_ordinality:
        text += " WITH ORDINALITY"
    lateral = "LATERAL " if item.is_lateral else ""
    columns = ""
    if item.columns:
        columns = (
            f"({_definitions(item.columns)})"
            if item.alias
            else f" AS ({_definitions(item.columns)})"
        )
    return lateral + text + _alias(item.alias) + columns


def _definitions(columns: Sequence[nodes.ColumnDefinitionItem]) -> str:
    return ", ".join(
        f"{quote_identifier(one.name)} {deparse_type(one.type_name)}" for one in columns
    )


def _join(join: nodes.Join) -> str:
    natural = "NATURAL " if join.is_natural else ""
    text = f"({_from_item(join.left)} {natural}{join.kind.value} {_from_item(join.right)}"
    if join.using is not None:
        text += f" USING ({deparse_names_list(join.using)}){_alias(join.using_alias)}"
    elif join.on is not None:
        text += f" ON {deparse(join.on)}"
    return f"{text}){_alias(join.alias)}"
