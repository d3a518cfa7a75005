"""Tables, rows, queries and changes made at random, each with one right answer.

Where SQL leaves an order open, what is made here does not depend on it: aggregates that care are
ordered, windows go by peers or by all columns, LIMIT stands behind an order of all columns, sums of
floats are of dyadic numbers. So two servers that are both right give the same rows, and rows
without an ORDER BY can be compared sorted.
"""
# Lines of SQL are easier to read unbroken.
# ruff: noqa: E501

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

LITERALS = {
    "int4": ["0", "1", "2", "3", "7", "-5", "100"],
    "int8": ["0::int8", "1::int8", "-3::int8", "5000000000"],
    "int2": ["1::int2", "2::int2", "-7::int2"],
    "numeric": ["0.0", "1.5", "2.50", "-3.25", "100.001", "'NaN'::numeric"],
    "float8": ["0::float8", "0.5::float8", "-2.25::float8", "8::float8"],
    "text": ["''", "'a'", "'b'", "'ab'", "'A'", "'zoë'", "'a_b%'"],
    "varchar(4)": ["'a'::varchar(4)", "'abcd'::varchar(4)", "''::varchar(4)"],
    "char(3)": ["'a'::char(3)", "'abc'::char(3)"],
    "bool": ["true", "false"],
    "date": ["date '2024-01-31'", "date '2023-12-01'", "date '2024-02-29'"],
    "timestamp": ["timestamp '2024-01-31 12:00'", "timestamp '1999-12-31 23:59:59.5'"],
    "timestamptz": ["timestamptz '2024-01-31 12:00+01'", "timestamptz '2000-01-01 00:00Z'"],
    "interval": ["interval '1 day'", "interval '1 month -2 hours'", "interval '36 hours'"],
    "uuid": ["'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid", "'00000000-0000-0000-0000-000000000001'::uuid"],
    "int4[]": ["'{1,2}'::int4[]", "'{}'::int4[]", "'{NULL,3}'::int4[]"],
    "jsonb": ["'{\"a\": 1}'::jsonb", "'[1, \"x\", null]'::jsonb", "'2.50'::jsonb"],
    "bytea": ["'\\x00ff'::bytea", "'\\x'::bytea"],
}  # fmt: skip
TYPES = list(LITERALS)
NUMBERS = ("int4", "int8", "int2", "numeric", "float8")
SUMS = {"int4": "int8", "int2": "int8", "int8": "numeric", "numeric": "numeric", "float8": "float8"}

# Of a type: what makes a value of it, with {type} where an expression of that type belongs.
RECIPES = {
    "int4": [
        "({int4} + {int4})", "({int4} - {int4})", "({int4} * {int2})", "({int4} % nullif({int4}, 0))",
        "({int4} / nullif({int4}, 0))", "abs({int4})", "length({text})", "octet_length({text})",
        "-{int4}", "({date} - {date})", "cardinality({int4[]})", "({int4[]})[{int4}]",
        "extract(day FROM {date})::int4", "({int4} & 7)", "position({text} IN {text})",
        "{int2}::int4", "array_position({int4[]}, {int4})", "ascii({text})", "sign({int4})::int4",
    ],
    "int8": ["({int8} + {int4})", "{int4}::int8", "(SELECT count(*) FROM {table})", "({int8} - 1)",
             "abs({int8})"],
    "int2": ["{bool}::int4::int2", "mod({int2}, 3::int2)"],
    "numeric": ["({numeric} + {int4})", "({numeric} * {numeric})", "round({numeric}, 1)",
                "({numeric} / 4)", "-{numeric}", "{int4}::numeric", "trunc({numeric})",
                "{numeric}::numeric(10, 2)", "({int4} * 0.5)", "({numeric} % 7)"],
    "float8": ["({float8} + {int4})", "({float8} * 0.5)", "{int4}::float8", "floor({float8})",
               "-{float8}", "abs({float8})"],
    "text": ["({text} || {text})", "upper({text})", "lower({text})", "substr({text}, 1, 2)",
             "left({text}, {int2})", "{int4}::text", "{numeric}::text", "({text} || {int4})",
             "replace({text}, 'a', 'xy')", "reverse({text})", "trim({text})", "{bool}::text",
             "{date}::text", "{timestamp}::text", "{interval}::text", "{int4[]}::text",
             "{jsonb}::text", "({jsonb} ->> 'a')", "lpad({text}, 4, '*')", "split_part({text}, 'b', 1)",
             "{float8}::text", "{uuid}::text", "concat({text}, {int4}, {bool})", "md5({text})",
             "to_char({date}, 'YYYY-MM-DD')", "{varchar(4)}::text", "{char(3)}::text", "encode({bytea}, 'hex')",
             "regexp_replace({text}, '[a-b]+', '<\\&>', 'g')", "quote_literal({text})"],
    "varchar(4)": ["{text}::varchar(4)"],
    "char(3)": ["{text}::char(3)"],
    "bool": ["({bool} AND {bool})", "({bool} OR {bool})", "(NOT {bool})", "({bool} IS TRUE)",
             "({bool} IS NOT FALSE)", "({text} LIKE 'a%')", "({text} LIKE '%b_')", "({text} ~ '^a')",
             "({int4} = ANY ({int4[]}))", "({int4} <> ALL ({int4[]}))", "({int4[]} @> {int4[]})",
             "({int4[]} && {int4[]})", "({jsonb} @> {jsonb})", "({jsonb} ? 'a')",
             "({int4}, {text}) < ({int4}, {text})", "({int4}, {date}) = ({int4}, {date})",
             "starts_with({text}, {text})", "({text} ILIKE '%B%')", "(ROW ({int4}, {text}) IS NULL)"],
    "date": ["({date} + {int2})", "{timestamp}::date", "greatest({date}, {date})", "({date} - 1)"],
    "timestamp": ["({timestamp} + {interval})", "{date}::timestamp", "date_trunc('month', {timestamp})",
                  "({date} + {interval})"],
    "timestamptz": ["({timestamptz} + interval '1 day')", "{timestamp}::timestamptz"],
    "interval": ["({timestamp} - {timestamp})", "({interval} * 2)", "-{interval}",
                 "({interval} + {interval})"],
    "uuid": [],
    "int4[]": ["({int4[]} || {int4})", "ARRAY[{int4}, {int4}]", "array_remove({int4[]}, {int4})",
               "({int4[]})[1:2]", "array_append({int4[]}, {int4})"],
    "jsonb": ["jsonb_build_object('a', {int4}, 'b', {text})", "to_jsonb({text})", "to_jsonb({numeric})",
              "({jsonb} -> 'a')", "jsonb_build_array({bool}, {int4})", "to_jsonb({int4[]})"],
    "bytea": ["({bytea} || {bytea})", "decode('00', 'hex')"],
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    columns: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Query:
    sql: str
    types: tuple[str, ...]
    is_ordered: bool = False


class Maker:
    """Makes SQL of `random`, about tables that it has made before."""

    def __init__(self, random: Random):
        self._random = random
        self._names = 0
        self.tables: list[Table] = []

    def chance(self, share: float) -> bool:
        return self._random.random() < share

    def pick(self, choices):
        return self._random.choice(choices)

    def _name(self, prefix: str) -> str:
        self._names += 1
        return f"{prefix}{self._names}"

    # Definitions.

    def table(self) -> list[str]:
        number = len(self.tables)
        columns = [("id", "int4"), ("ref", "int4"), ("n", "int4"), ("s", "text")]
        for at in range(self._random.randint(1, 4)):
            columns.append((f"c{at}", self.pick(TYPES)))
        defined = ["id int4 PRIMARY KEY", "ref int4", "n int4 DEFAULT 7", "s text"]
        for name, kind in columns[4:]:
            default = f" DEFAULT {self.pick(LITERALS[kind])}" if self.chance(0.3) else ""
            defined.append(f"{name} {kind}{default}")
        if number and self.chance(0.6):
            action = self.pick(
                ["", " ON DELETE CASCADE", " ON DELETE SET NULL", " ON UPDATE CASCADE"]
            )
            defined[1] += f" REFERENCES t{self._random.randrange(number)}{action}"
        if self.chance(0.4):
            defined[3] += " UNIQUE"
        if self.chance(0.4):
            defined.append(
                f"CHECK ({self.pick(['n < 200', 'n <> 3 OR s IS NULL', 'length(s) < 30'])})"
            )
        if self.chance(0.3):
            defined.append("UNIQUE (n, s)")
        table = Table(f"t{number}", tuple(columns))
        self.tables.append(table)
        made = [f"CREATE TABLE {table.name} ({', '.join(defined)})"]
        if self.chance(0.5):
            column = self.pick([name for name, kind in columns if kind != "jsonb"])
            order = self.pick(["", " DESC", " NULLS FIRST"])
            where = self.pick(["", "", " WHERE n > 1"])
            made.append(f"CREATE INDEX ON {table.name} ({column}{order}){where}")
        made += [self.insert(table) for _ in range(self._random.randint(1, 4))]
        if self.chance(0.5):
            made.append(f"ANALYZE {table.name}")
        return made

    # Expressions. A scope is a list of columns, (name, type).

    def literal(self, kind: str) -> str:
        if self.chance(0.1):
            return f"NULL::{kind}"
        return self.pick(LITERALS[kind])

    def expression(self, kind: str, scope, depth: int) -> str:
        known = [name for name, type in scope if type == kind]
        if known and self.chance(0.6 if depth > 0 else 0.9):
            return self.pick(known)
        if depth <= 0 or self.chance(0.15):
            return self.literal(kind)
        made = self._common(kind, scope, depth) if self.chance(0.4) else None
        if made is None:
            made = self._by_recipe(kind, scope, depth)
        return made

    def _column(self, kind: str, scope) -> str:
        known = [name for name, type in scope if type == kind]
        return self.pick(known) if known else f"{scope[0][0]}::{kind}"

    def _common(self, kind: str, scope, depth: int) -> str | None:
        """What is there for any type."""
        one = lambda of=kind: self.expression(of, scope, depth - 1)  # noqa: E731
        if kind == "bool":
            return self._condition(scope, depth)
        match self._random.randrange(5):
            case 0:
                return f"coalesce({one()}, {one()})"
            case 1:
                return f"CASE WHEN {one('bool')} THEN {one()} ELSE {one()} END"
            case 2:
                return f"CASE {one('int4')} WHEN 1 THEN {one()} WHEN {one('int4')} THEN {one()} END"
            case 3 if kind not in ("jsonb",):
                return f"nullif({one()}, {one()})"
            case 4:
                inner = self.select((kind,), scope, depth - 2, is_single=True)
                return f"({inner.sql})"
        return None

    def _condition(self, scope, depth: int) -> str:
        kind = self.pick(TYPES)
        one = lambda: self.expression(kind, scope, depth - 1)  # noqa: E731
        match self._random.randrange(9):
            case 0:
                return f"({one()} IS {self.pick(['', 'NOT '])}NULL)"
            case 1:
                return f"({one()} IS {self.pick(['', 'NOT '])}DISTINCT FROM {one()})"
            case 2:
                return f"({one()} {self.pick(['', 'NOT '])}IN ({one()}, {one()}, {one()}))"
            case 3:
                return f"({one()} BETWEEN {one()} AND {one()})"
            case 4:
                inner = self.select((kind,), scope, depth - 2)
                return f"({one()} {self.pick(['', 'NOT '])}IN ({inner.sql}))"
            case 5:
                inner = self.select(("int4",), scope, depth - 2)
                return f"({self.pick(['', 'NOT '])}EXISTS ({inner.sql}))"
            case 6:
                inner = self.select((kind,), scope, depth - 2)
                operator = self.pick(["=", "<>", "<", ">="])
                return f"({one()} {operator} {self.pick(['ANY', 'ALL'])} ({inner.sql}))"
        return f"({one()} {self.pick(['=', '=', '<>', '<', '<=', '>', '>='])} {one()})"

    def _by_recipe(self, kind: str, scope, depth: int) -> str:
        recipes = RECIPES[kind]
        if not recipes:
            return self.literal(kind)
        made = self.pick(recipes)
        while "{table}" in made:
            made = made.replace("{table}", self.pick(self.tables).name, 1)
        for type in TYPES:
            while "{" + type + "}" in made:
                made = made.replace("{" + type + "}", self.expression(type, scope, depth - 1), 1)
        return made

    # Queries.

    def _from(self, outer, depth: int) -> tuple[str, list]:
        """The text behind FROM, and the columns that it brings."""
        text, scope = self._item(outer, depth)
        for _ in range(self.pick([0, 0, 1, 1, 2])):
            join = self.pick(["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "CROSS JOIN", ","])
            if join in ("JOIN", "LEFT JOIN", "CROSS JOIN") and self.chance(0.25) and depth > 0:
                inner = self.select(self._some_types(), [*outer, *scope], depth - 2)
                item, more = self._derived(inner)
                item = f"LATERAL {item}"
            else:
                item, more = self._item(outer, depth)
            if join in ("CROSS JOIN", ","):
                # A comma binds less than JOIN: what follows could not speak of what came before.
                text = f"{text} CROSS JOIN {item}"
            else:
                text = f"{text} {join} {item} ON {self._join_condition(join, scope, more, outer, depth)}"
            scope = [*scope, *more]
        return text, scope

    def _join_condition(self, join: str, left, right, outer, depth: int) -> str:
        pairs = [(a, b) for a, kind in left for b, other in right if kind == other == "int4"]
        equal = " = ".join(self.pick(pairs)) if pairs else None
        if join == "FULL JOIN":
            return equal or "true"
        more = self.expression("bool", [*left, *right], min(depth - 1, 1))
        if equal is None:
            return more
        return f"{equal} AND {more}" if self.chance(0.3) else equal

    def _item(self, outer, depth: int) -> tuple[str, list]:
        choice = self._random.random()
        if choice < 0.7 or depth <= 0:
            table, name = self.pick(self.tables), self._name("a")
            return f"{table.name} {name}", [(f"{name}.{c}", kind) for c, kind in table.columns]
        if choice < 0.8:
            name = self._name("g")
            return f"generate_series(1, {self._random.randint(0, 4)}) {name}", [(name, "int4")]
        if choice < 0.87:
            name = self._name("v")
            rows = [f"({self.literal('int4')}, {self.literal('text')})" for _ in range(2)]
            return f"(VALUES {', '.join(rows)}) {name} (x, y)", [
                (f"{name}.x", "int4"),
                (f"{name}.y", "text"),
            ]
        return self._derived(self.query(self._some_types(), [], depth - 1))

    def _derived(self, query: Query) -> tuple[str, list]:
        name = self._name("d")
        columns = [f"k{at}" for at in range(len(query.types))]
        scope = [(f"{name}.{c}", kind) for c, kind in zip(columns, query.types, strict=True)]
        return f"({query.sql}) {name} ({', '.join(columns)})", scope

    def _some_types(self) -> tuple[str, ...]:
        return ("int4", *(self.pick(TYPES) for _ in range(self._random.randint(0, 2))))

    def select(self, types, outer, depth: int, *, is_single: bool = False) -> Query:
        """A SELECT with columns of these types; with `is_single`, of one row at most."""
        if is_single and self.chance(0.6):
            return self._aggregate_single(types[0], outer, depth)
        source, scope = self._from(outer, depth)
        scope = [*scope, *scope, *outer]
        where = ""
        if self.chance(0.6):
            where = f" WHERE {self.expression('bool', scope, depth)}"
        columns = [self.expression(kind, scope, depth) for kind in types]
        sql = f"SELECT {', '.join(columns)} FROM {source}{where}"
        if is_single:
            order = ", ".join(str(at + 1) for at in range(len(types)))
            sql += f" ORDER BY {order} LIMIT 1"
        return Query(sql, tuple(types))

    def _aggregate_single(self, kind: str, outer, depth: int) -> Query:
        source, scope = self._from(outer, depth)
        value = self.expression(kind, [*scope, *outer], depth)
        where = f" WHERE {self.expression('bool', [*scope, *outer], depth)}"
        if kind in ("bool", "uuid", "jsonb", "bytea"):
            made = f"(array_agg({value} ORDER BY {value}))[1]"
        else:
            made = f"{self.pick(['min', 'max'])}({value})"
        return Query(f"SELECT {made} FROM {source}{where}", (kind,))

    def grouped(self, depth: int) -> Query:
        source, scope = self._from([], depth)
        groups = [self.pick(scope) for _ in range(self._random.randint(0, 2))]
        columns, types = [name for name, _ in groups], [kind for _, kind in groups]
        for _ in range(self._random.randint(1, 3)):
            made, kind = self._aggregate(scope, depth)
            columns.append(made)
            types.append(kind)
        sql = f"SELECT {', '.join(columns)} FROM {source}"
        if self.chance(0.4):
            sql += f" WHERE {self.expression('bool', scope, depth)}"
        if groups:
            by = ", ".join(name for name, _ in groups)
            form = self.pick(
                ["{}", "{}", "{}", "ROLLUP ({})", "CUBE ({})", "GROUPING SETS (({}), ())"]
            )
            sql += " GROUP BY " + form.format(by)
        if self.chance(0.3):
            made, kind = self._aggregate(scope, depth)
            sql += f" HAVING {made} IS NOT NULL"
        return Query(sql, tuple(types))

    def _aggregate(self, scope, depth: int) -> tuple[str, str]:
        kind = self.pick(NUMBERS)
        one = lambda of: self.expression(of, scope, min(depth, 1))  # noqa: E731
        condition = f" FILTER (WHERE {one('bool')})" if self.chance(0.2) else ""
        # What DISTINCT is applied to is a column: PostgreSQL tells constants apart by their types.
        distinct = self.pick(["", "", "DISTINCT "])
        match self._random.randrange(8):
            case 0:
                return f"count(*){condition}", "int8"
            case 1:
                return f"count({distinct}{one(self.pick(TYPES))}){condition}", "int8"
            case 2:
                return f"sum({distinct}{one(kind)}){condition}", SUMS[kind]
            case 3:
                kind = self.pick([*NUMBERS, "text", "date", "timestamp", "interval"])
                return f"{self.pick(['min', 'max'])}({one(kind)}){condition}", kind
            case 4:
                kind = self.pick(("int4", "int8", "numeric"))
                return f"avg({one(kind)}){condition}", "numeric"
            case 5:
                return f"{self.pick(['bool_and', 'bool_or'])}({one('bool')}){condition}", "bool"
            case 6:
                value = self._column("text", scope) if distinct else one("text")
                return (
                    f"string_agg({distinct}{value}, ',' ORDER BY {value} DESC){condition}",
                    "text",
                )
        value = self._column("int4", scope) if distinct else one("int4")
        return f"array_agg({distinct}{value} ORDER BY {value}){condition}", "int4[]"

    def windowed(self, depth: int) -> Query:
        source, scope = self._from([], depth)
        every = ", ".join(name for name, kind in scope)
        columns, types = [scope[0][0]], [scope[0][1]]
        for _ in range(self._random.randint(1, 3)):
            by = f"PARTITION BY {self.pick(scope)[0]} " if self.chance(0.5) else ""
            name, _ = self.pick(scope)
            value = self.pick([n for n, k in scope if k == "int4"])
            total = f"ORDER BY {name} {self.pick(['', 'DESC '])}, {every}"
            frame = self.pick(["", " ROWS BETWEEN 1 PRECEDING AND CURRENT ROW",
                               " ROWS BETWEEN UNBOUNDED PRECEDING AND 1 FOLLOWING",
                               " ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING EXCLUDE CURRENT ROW"])  # fmt: skip
            made = self.pick([
                (f"rank() OVER ({by}ORDER BY {name})", "int8"),
                (f"dense_rank() OVER ({by}ORDER BY {name} DESC)", "int8"),
                (f"cume_dist() OVER ({by}ORDER BY {name})", "float8"),
                (f"row_number() OVER ({by}{total})", "int8"),
                (f"ntile(3) OVER ({by}{total})", "int4"),
                (f"sum({value}) OVER ({by}{total}{frame})", "int8"),
                (f"count({value}) OVER ({by}ORDER BY {name})", "int8"),
                (f"count(*) OVER ({by}ORDER BY {name} GROUPS 1 PRECEDING)", "int8"),
                (f"sum({value}) OVER ({by}ORDER BY {value} RANGE BETWEEN 2 PRECEDING AND 1 FOLLOWING)", "int8"),
                (f"lag({value}, 1, 0) OVER ({by}{total})", "int4"),
                (f"lead({value}) OVER ({by}{total})", "int4"),
                (f"first_value({value}) OVER ({by}{total}{frame})", "int4"),
                (f"max({value}) OVER ({by}{total}{frame})", "int4"),
                (f"array_agg({value}) OVER ({by}{total}{frame})", "int4[]"),
            ])  # fmt: skip
            if every in made[0]:
                # Among equal rows each window may choose another order: one alone is told.
                columns, types = columns[:1], types[:1]
            columns.append(made[0])
            types.append(made[1])
            if every in made[0]:
                break
        return Query(f"SELECT {', '.join(columns)} FROM {source}", tuple(types))

    def query(self, types, outer, depth: int) -> Query:
        """With set operations, DISTINCT, and an order of all columns before a limit."""
        made = self.select(types, outer, depth)
        if self.chance(0.2):
            operator = self.pick(
                ["UNION", "UNION ALL", "INTERSECT", "EXCEPT", "EXCEPT ALL", "INTERSECT ALL"]
            )
            other = self.select(types, outer, depth)
            made = replace(made, sql=f"{made.sql} {operator} {other.sql}")
        elif self.chance(0.15):
            made = replace(made, sql=made.sql.replace("SELECT ", "SELECT DISTINCT ", 1))
        if self.chance(0.4):
            made = self._ordered(made)
        return made

    def _ordered(self, query: Query) -> Query:
        places = list(range(1, len(query.types) + 1))
        self._random.shuffle(places)
        ways = ["", " DESC", " NULLS FIRST", " DESC NULLS LAST"]
        sql = f"{query.sql} ORDER BY {', '.join(f'{at}{self.pick(ways)}' for at in places)}"
        if self.chance(0.6):
            sql += f" LIMIT {self._random.randint(0, 5)}"
            sql += f" OFFSET {self._random.randint(0, 2)}" if self.chance(0.4) else ""
        return Query(sql, query.types, is_ordered=True)

    def any_query(self) -> Query:
        depth = self.pick([1, 2, 2, 3])
        choice = self._random.random()
        if choice < 0.5:
            return self.query(self._some_types(), [], depth)
        made = self.grouped(depth) if choice < 0.75 else self.windowed(depth)
        if choice > 0.95:
            name = self._name("w")
            made = Query(f"WITH {name} AS ({made.sql}) SELECT * FROM {name}", made.types)
        return self._ordered(made) if self.chance(0.3) else made

    # Changes.

    def _values(self, table: Table) -> list[str]:
        values = [str(self._random.randint(1, 12)), self.pick(["NULL", "1", "2", "3"])]
        for _, kind in table.columns[2:]:
            values.append("DEFAULT" if self.chance(0.1) else self.literal(kind))
        return values

    def insert(self, table: Table) -> str:
        rows = [f"({', '.join(self._values(table))})" for _ in range(self._random.randint(1, 3))]
        sql = f"INSERT INTO {table.name} VALUES {', '.join(rows)}"
        match self._random.randrange(6):
            case 0 | 1 | 2:
                sql += " ON CONFLICT DO NOTHING"
            case 3:
                sql += f" ON CONFLICT (id) DO UPDATE SET n = {table.name}.n + excluded.n"
        return sql + (" RETURNING *" if self.chance(0.3) else "")

    def change(self) -> str:
        table = self.pick(self.tables)
        scope = [(f"{table.name}.{name}", kind) for name, kind in table.columns]
        returning = " RETURNING *" if self.chance(0.4) else ""
        where = f" WHERE {self.expression('bool', scope, 2)}"
        match self._random.randrange(6):
            case 0 | 1:
                return self.insert(table)
            case 2:
                # Columns of a key, one row at a time: the order of rows must not matter.
                column, kind = self.pick(table.columns[:4])
                key = f" WHERE {table.name}.id = {self._random.randint(1, 12)}"
                return f"UPDATE {table.name} SET {column} = {self.expression(kind, scope, 1)}{key}{returning}"
            case 3 if len(table.columns) > 4:
                column, kind = self.pick(table.columns[4:])
                return f"UPDATE {table.name} SET {column} = {self.expression(kind, scope, 2)}{where}{returning}"
            case 4:
                other = self.pick(self.tables)
                return f"DELETE FROM {table.name} USING {other.name} o WHERE o.id = {table.name}.ref AND {self.expression('bool', scope, 1)}"
        return f"DELETE FROM {table.name}{where}{returning}"


def reads_all(table: Table) -> str:
    return f"SELECT * FROM {table.name} ORDER BY id"
