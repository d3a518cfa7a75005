"""The definitions: schemas with what is in them, and one table, view, sequence or type in detail.

All of it is asked of pg_catalog, as psql's \\d does, so a real PostgreSQL answers the same way.
"""

from __future__ import annotations

from services.sqldb.client import SqlClient
from services.web.dashboard.sqldb.pool import SqlPool
from services.web.errors import HTTPError

Json = dict[str, object]
Row = dict[str, str | None]

MAX_RELATIONS = 500
MAX_TYPES = 200
MAX_PARTS = 300

_OF_USERS = "n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg!_%' ESCAPE '!'"

_SCHEMAS = f"SELECT nspname AS name FROM pg_namespace n WHERE {_OF_USERS} ORDER BY 1"  # noqa: S608

_RELATIONS = f"""
SELECT n.nspname AS schema, c.relname AS name, c.relkind AS kind,
       CASE WHEN c.relkind IN ('r', 'm', 'p') THEN coalesce(s.n_live_tup, c.reltuples) END AS rows,
       CASE WHEN c.relkind IN ('r', 'm', 'p') THEN pg_total_relation_size(c.oid) END AS bytes
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_stat_user_tables s ON s.relid = c.oid
WHERE c.relkind IN ('r', 'v', 'm', 'S', 'p', 'f') AND {_OF_USERS}
ORDER BY 1, 2
LIMIT {MAX_RELATIONS + 1}
"""  # noqa: S608 (of constants)

_TYPES = f"""
SELECT n.nspname AS schema, t.typname AS name, t.typtype AS kind
FROM pg_type t
JOIN pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_class c ON c.oid = t.typrelid
WHERE (t.typtype IN ('e', 'd', 'r') OR c.relkind = 'c') AND {_OF_USERS}
ORDER BY 1, 2
LIMIT {MAX_TYPES}
"""  # noqa: S608 (of constants)

_RELATION = """
SELECT c.oid, c.relkind AS kind, c.reltuples AS rows, obj_description(c.oid, 'pg_class') AS comment,
       pg_relation_size(c.oid) AS bytes, pg_indexes_size(c.oid) AS index_bytes
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'v', 'm', 'S', 'p', 'f')
"""

_COLUMNS = f"""
SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS is_required,
       pg_get_expr(d.adbin, d.adrelid) AS "default", a.attidentity AS identity,
       a.attgenerated AS generated, col_description(a.attrelid, a.attnum) AS comment
FROM pg_attribute a
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
LIMIT {MAX_PARTS}
"""  # noqa: S608 (of constants)

_CONSTRAINTS = f"""
SELECT k.conname AS name, k.contype AS kind, pg_get_constraintdef(k.oid) AS definition,
       n.nspname AS schema, c.relname AS "table", k.conrelid = $1::oid AS is_own
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.conrelid = $1::oid OR (k.confrelid = $1::oid AND k.contype = 'f')
ORDER BY k.conrelid <> $1::oid, k.contype <> 'p', k.contype, k.conname
LIMIT {MAX_PARTS}
"""  # noqa: S608 (of constants)

_INDEXES = f"""
SELECT c.relname AS name, pg_get_indexdef(c.oid) AS definition, i.indisunique AS is_unique,
       i.indisprimary AS is_primary, pg_relation_size(c.oid) AS bytes
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = $1::oid
ORDER BY NOT i.indisprimary, c.relname
LIMIT {MAX_PARTS}
"""  # noqa: S608 (of constants)

_STATISTICS = """
SELECT n_live_tup, n_dead_tup, n_tup_ins, n_tup_upd, n_tup_hot_upd, n_tup_del, n_mod_since_analyze
FROM pg_stat_user_tables WHERE relid = $1::oid
"""

_SEQUENCE = """
SELECT data_type, last_value, start_value, min_value, max_value, increment_by, cache_size, cycle
FROM pg_sequences WHERE schemaname = $1 AND sequencename = $2
"""

_TYPE = """
SELECT t.oid, t.typtype AS kind, t.typrelid AS relation
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE n.nspname = $1 AND t.typname = $2
"""

_LABELS = "SELECT enumlabel FROM pg_enum WHERE enumtypid = $1::oid ORDER BY enumsortorder"

KINDS = {
    "r": "table",
    "p": "table",
    "f": "table",
    "v": "view",
    "m": "view",
    "S": "sequence",
    "e": "enum",
    "c": "composite",
    "d": "domain",
    "r range": "range",
}
_CONSTRAINT_KINDS = {
    "p": "primary key",
    "u": "unique",
    "f": "foreign key",
    "c": "check",
    "x": "exclusion",
    "t": "trigger",
}


def list_schemas(pool: SqlPool) -> Json:
    """Every schema of people with its tables, views, sequences and types."""
    with pool.connection() as client:
        schemas, relations, types = (
            client.execute(sql).as_dicts() for sql in (_SCHEMAS, _RELATIONS, _TYPES)
        )
    groups: dict[str | None, list[Json]] = {row["name"]: [] for row in schemas}
    for row in relations[:MAX_RELATIONS]:
        kind = KINDS[row["kind"] or ""]
        entry = {"name": row["name"], "kind": kind, "rows": _whole(row["rows"])}
        groups.setdefault(row["schema"], []).append(entry | {"bytes": _whole(row["bytes"])})
    for row in types:
        kind = KINDS["r range" if row["kind"] == "r" else row["kind"] or ""]
        entry = {"name": row["name"], "kind": kind, "rows": None, "bytes": None}
        groups.setdefault(row["schema"], []).append(entry)
    return {
        "schemas": [{"name": name, "entries": entries} for name, entries in groups.items()],
        "is_cut": len(relations) > MAX_RELATIONS,
    }


def describe(pool: SqlPool, schema: str, name: str) -> Json:
    """One of them. Raises HTTPError where there is none of that name."""
    with pool.connection() as client:
        relations = client.execute(_RELATION, [schema, name]).as_dicts()
        if relations:
            found = _described_relation(client, relations[0], schema, name)
        else:
            found = _described_type(client, schema, name)
    return {"schema": schema, "name": name} | found


def _described_relation(client: SqlClient, relation: Row, schema: str, name: str) -> Json:
    oid, kind = relation["oid"], KINDS[relation["kind"] or ""]
    found: Json = {"kind": kind, "comment": relation["comment"] or ""}
    if kind == "sequence":
        rows = client.execute(_SEQUENCE, [schema, name]).as_dicts()
        return found | {"facts": rows[0] if rows else {}}
    found["columns"] = _columns(client, oid)
    if kind == "view":
        (definition,) = client.execute("SELECT pg_get_viewdef($1::oid, true)", [oid]).rows[0]
        return found | {"definition": (definition or "").strip()}
    statistics = client.execute(_STATISTICS, [oid]).as_dicts()
    counts = {key: _whole(value) for key, value in statistics[0].items()} if statistics else {}
    return found | {
        "rows": counts.get("n_live_tup", _whole(relation["rows"])),
        "bytes": _whole(relation["bytes"]),
        "index_bytes": _whole(relation["index_bytes"]),
        "counts": counts,
        "constraints": [
            {
                "name": row["name"],
                "kind": _CONSTRAINT_KINDS.get(row["kind"] or "", row["kind"]),
                "definition": row["definition"],
                "from": None if row["is_own"] == "t" else f"{row['schema']}.{row['table']}",
            }
            for row in client.execute(_CONSTRAINTS, [oid]).as_dicts()
        ],
        "indexes": [
            {
                "name": row["name"],
                "definition": row["definition"],
                "is_unique": row["is_unique"] == "t",
                "is_primary": row["is_primary"] == "t",
                "bytes": _whole(row["bytes"]),
            }
            for row in client.execute(_INDEXES, [oid]).as_dicts()
        ],
    }


def _columns(client: SqlClient, oid: str | None) -> list[Json]:
    return [
        {
            "name": row["name"],
            "type": row["type"],
            "is_required": row["is_required"] == "t",
            "default": _default(row),
            "comment": row["comment"] or "",
        }
        for row in client.execute(_COLUMNS, [oid]).as_dicts()
    ]


def _default(row: Row) -> str:
    """Where a value comes from that nobody gives."""
    if row["identity"]:
        return f"identity, {'always' if row['identity'] == 'a' else 'by default'}"
    if row["generated"]:
        return f"generated as ({row['default']})"
    return row["default"] or ""


def _described_type(client: SqlClient, schema: str, name: str) -> Json:
    rows = client.execute(_TYPE, [schema, name]).as_dicts()
    if not rows:
        raise HTTPError(404, f"there is no {schema}.{name}")
    oid, kind = rows[0]["oid"], rows[0]["kind"]
    if kind == "e":
        labels = [label for (label,) in client.execute(_LABELS, [oid]).rows]
        return {"kind": "enum", "labels": labels}
    if kind == "c":
        return {"kind": "composite", "columns": _columns(client, rows[0]["relation"])}
    return {"kind": KINDS.get(kind or "", "range")}


def _whole(value: str | None) -> int | None:
    """A count; -1 is PostgreSQL's "never counted"."""
    number = None if value is None else int(float(value))
    return None if number == -1 else number
