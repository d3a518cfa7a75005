"""The grammar of CREATE, but for tables, sequences, functions and roles."""

from services.sqldb.errors import FEATURE_NOT_SUPPORTED, SqlError
from services.sqldb.syntax import lexer
from services.sqldb.syntax import parse_changes as changes
from services.sqldb.syntax import parse_copy as options
from services.sqldb.syntax import parse_from as from_clause
from services.sqldb.syntax import parse_queries as queries
from services.sqldb.syntax import parse_roles as roles
from services.sqldb.syntax import parse_routines as routines
from services.sqldb.syntax import parse_sequences as sequences
from services.sqldb.syntax import parse_tables as tables
from services.sqldb.syntax import parse_types as types
from services.sqldb.syntax.cursor import Cursor
from services.sqldb.syntax.nodes import (
    CheckOption,
    ColumnDefinition,
    ColumnReference,
    CommonTable,
    CreateComposite,
    CreateDatabase,
    CreateDomain,
    CreateEnum,
    CreateExtension,
    CreateIndex,
    CreateSchema,
    CreateTableAs,
    CreateView,
    Option,
    Persistence,
    Query,
    Select,
    Statement,
    TableReference,
    Target,
    Unsupported,
    With,
)

_PERSISTENCES = {
    "temporary": Persistence.TEMPORARY,
    "temp": Persistence.TEMPORARY,
    "unlogged": Persistence.UNLOGGED,
}
# What is read up to the semicolon and refused by name: the words behind CREATE, ALTER or DROP.
UNSUPPORTED = frozenset(
    (
        "access",
        "aggregate",
        "cast",
        "collation",
        "conversion",
        "default",
        "event",
        "foreign",
        "function",
        "language",
        "operator",
        "policy",
        "procedure",
        "procedural",
        "publication",
        "routine",
        "rule",
        "server",
        "statistics",
        "subscription",
        "system",
        "tablespace",
        "text",
        "transform",
        "trigger",
        "trusted",
    )
)
_TWO_WORDS = frozenset(
    (
        "access",
        "default",
        "event",
        "foreign",
        "text",
        "large",
        "operator class",
        "operator family",
    )
)


def unsupported(cursor: Cursor, verb: str, position: int) -> Unsupported:
    """The statement skipped up to its end; its name is the verb and what it would make."""
    words = [cursor.value]
    if cursor.kind in _TWO_WORDS or (
        cursor.kind == "operator" and cursor.peek() in ("class", "family")
    ):
        cursor.advance()
        words.append(cursor.value)
    skip_statement(cursor)
    what = " ".join(str(word) for word in [verb, *words] if word is not None)
    return Unsupported(what.upper(), position)


def skip_statement(cursor: Cursor) -> None:
    while cursor.kind not in (";", lexer.END):
        if cursor.kind == lexer.ERROR:
            cursor.fail()
        cursor.advance()


def create(cursor: Cursor) -> Statement:
    position = cursor.position
    cursor.expect("create")
    if cursor.kind in ("temporary", "temp", "unlogged", "local", "global", "table", "sequence"):
        return _create_persistent(cursor, position)
    match cursor.kind:
        case "unique" | "index":
            return _create_index(cursor, position)
        case "or":
            return _create_or_replace(cursor, position)
        case "view" | "recursive":
            return _create_view(cursor, position)
        case "materialized":
            return _create_materialized_view(cursor, Persistence.PERMANENT, position)
        case "schema":
            return _create_schema(cursor, position)
        case "type":
            return _create_type(cursor, position)
        case "domain":
            return _create_domain(cursor, position)
        case "user" if cursor.peek() == "mapping":
            return unsupported(cursor, "create", position)
        case "role" | "user" | "group":
            return roles.create_role(cursor, position)
        case "database":
            return _create_database(cursor, position)
        case "extension":
            return _create_extension(cursor, position)
        case "constraint":
            cursor.advance()
            if cursor.kind != "trigger":
                cursor.fail()
            return unsupported(cursor, "create", position)
        case "function" | "procedure":
            return routines.create_routine(cursor, position)
        case kind if kind in UNSUPPORTED:
            return unsupported(cursor, "create", position)
    return cursor.fail()


def _create_persistent(cursor: Cursor, position: int) -> Statement:
    """CREATE [TEMP | UNLOGGED] TABLE, SEQUENCE or VIEW."""
    if cursor.kind in ("local", "global"):
        cursor.advance()
        if cursor.kind not in ("temporary", "temp"):
            cursor.fail()
    persistence = _PERSISTENCES.get(cursor.kind, Persistence.PERMANENT)
    if cursor.kind in _PERSISTENCES:
        cursor.advance()
    if cursor.accept("table"):
        return tables.create_table(cursor, persistence, position)
    if cursor.accept("sequence"):
        return sequences.create_sequence(cursor, persistence, position)
    if cursor.kind == "materialized" and persistence is Persistence.UNLOGGED:
        return _create_materialized_view(cursor, persistence, position)
    if cursor.kind in ("view", "recursive") and persistence is Persistence.TEMPORARY:
        return _create_view(cursor, position, is_temporary=True)
    return cursor.fail()


def _create_or_replace(cursor: Cursor, position: int) -> Statement:
    cursor.expect("or", "replace")
    is_temporary = cursor.accept("temporary") or cursor.accept("temp")
    if cursor.kind in ("view", "recursive"):
        return _create_view(cursor, position, or_replace=True, is_temporary=is_temporary)
    if cursor.kind in ("function", "procedure") and not is_temporary:
        return routines.create_routine(cursor, position, or_replace=True)
    if cursor.kind in UNSUPPORTED and not is_temporary:
        return unsupported(cursor, "create", position)
    return cursor.fail()


def _create_index(cursor: Cursor, position: int) -> CreateIndex:
    is_unique = cursor.accept("unique")
    cursor.expect("index")
    is_concurrent = cursor.accept("concurrently")
    if_not_exists = cursor.accept_words("if", "not", "exists")
    name = None
    if cursor.kind != "on" or if_not_exists:
        name = cursor.column_name()
    cursor.expect("on")
    relation, _, is_only = from_clause.relation_expression(cursor)
    method = cursor.column_name() if cursor.accept("using") else "btree"
    items = cursor.in_parentheses(changes.index_item)
    include = cursor.names_in_parentheses() if cursor.accept("include") else ()
    nulls_not_distinct = _nulls_distinct(cursor)
    storage: tuple[Option, ...] = ()
    if cursor.accept("with"):
        storage = options.storage_options(cursor)
    if cursor.accept("tablespace"):
        cursor.column_name()
    return CreateIndex(
        relation,
        items,
        name,
        method,
        is_unique,
        is_concurrent,
        if_not_exists,
        is_only,
        include,
        nulls_not_distinct,
        storage,
        queries.where_clause(cursor),
        position,
    )


def _nulls_distinct(cursor: Cursor) -> bool:
    """NULLS [NOT] DISTINCT"""
    if not cursor.accept("nulls"):
        return False
    is_not = cursor.accept("not")
    cursor.expect("distinct")
    return is_not


def _create_view(
    cursor: Cursor, position: int, or_replace: bool = False, is_temporary: bool = False
) -> CreateView:
    is_recursive = cursor.accept("recursive")
    cursor.expect("view")
    relation = from_clause.relation_name(cursor)
    columns = cursor.names_in_parentheses() if cursor.kind == "(" or is_recursive else ()
    storage: tuple[Option, ...] = ()
    if cursor.accept("with"):
        storage = options.storage_options(cursor)
    cursor.expect("as")
    query = queries.query(cursor)
    check_position = cursor.position
    check_option = _check_option(cursor)
    if is_recursive:
        if check_option is not CheckOption.NONE:
            message = "WITH CHECK OPTION not supported on recursive views"
            raise SqlError(FEATURE_NOT_SUPPORTED, message, position=check_position)
        query = _recursive_query(relation.name, columns, query)
    return CreateView(
        relation, columns, query, or_replace, is_temporary, check_option, storage, position
    )


def _recursive_query(name: str, columns: tuple[str, ...], query: Query) -> Query:
    """WITH RECURSIVE name (columns) AS (query) SELECT columns FROM name"""
    table = CommonTable(name, columns, query)
    targets = tuple(Target(ColumnReference((column,))) for column in columns)
    source = TableReference(from_clause.RelationName(name))
    return Query(Select(targets, (source,)), With((table,), is_recursive=True))


def _check_option(cursor: Cursor) -> CheckOption:
    if cursor.kind != "with":
        return CheckOption.NONE
    cursor.advance()
    kind = CheckOption.LOCAL if cursor.accept("local") else CheckOption.CASCADED
    if kind is CheckOption.CASCADED:
        cursor.accept("cascaded")
    cursor.expect("check", "option")
    return kind


def _create_materialized_view(
    cursor: Cursor, persistence: Persistence, position: int
) -> CreateTableAs:
    cursor.expect("materialized", "view")
    if_not_exists = cursor.accept_words("if", "not", "exists")
    relation = from_clause.relation_name(cursor)
    columns = cursor.names_in_parentheses() if cursor.kind == "(" else ()
    if cursor.accept("using"):
        cursor.column_name()
    storage = options.storage_options(cursor) if cursor.accept("with") else ()
    if cursor.accept("tablespace"):
        cursor.column_name()
    cursor.expect("as")
    query = queries.query(cursor)
    return CreateTableAs(
        relation,
        columns,
        query,
        persistence,
        if_not_exists,
        tables.with_data(cursor),
        is_materialized_view=True,
        options=storage,
        position=position,
    )


_SCHEMA_ELEMENTS = frozenset(("create", "grant"))


def _create_schema(cursor: Cursor, position: int) -> CreateSchema:
    cursor.expect("schema")
    if_not_exists = cursor.accept_words("if", "not", "exists")
    name = None if cursor.kind == "authorization" else cursor.column_name()
    role = roles.role(cursor) if cursor.accept("authorization") else None
    elements = []
    elements_position = cursor.position
    while cursor.kind in _SCHEMA_ELEMENTS:
        rule = create if cursor.kind == "create" else roles.grant
        elements.append(rule(cursor))
    if elements and if_not_exists:
        message = "CREATE SCHEMA IF NOT EXISTS cannot include schema elements"
        raise SqlError(FEATURE_NOT_SUPPORTED, message, position=elements_position)
    return CreateSchema(name, role, if_not_exists, tuple(elements), position)


def _create_type(cursor: Cursor, position: int) -> Statement:
    cursor.expect("type")
    name = cursor.any_name()
    if not cursor.accept("as"):
        if cursor.kind not in (";", lexer.END, "("):
            cursor.fail()
        skip_statement(cursor)
        return Unsupported("CREATE TYPE", position)
    if cursor.accept("enum"):
        cursor.expect("(")
        labels = () if cursor.kind == ")" else cursor.list_of(Cursor.string)
        cursor.expect(")")
        return CreateEnum(name, labels, position)
    if cursor.kind == "range":
        skip_statement(cursor)
        return Unsupported("CREATE TYPE AS RANGE", position)
    cursor.expect("(")
    columns = () if cursor.kind == ")" else cursor.list_of(attribute)
    cursor.expect(")")
    return CreateComposite(name, columns, position)


def attribute(cursor: Cursor) -> ColumnDefinition:
    """name type [COLLATE …] # Real: TableFuncElement"""
    position = cursor.position
    name = cursor.column_name()
    type_name = types.type_name(cursor)
    collation = cursor.any_name() if cursor.accept("collate") else ()
    return ColumnDefinition(name, type_name, collation, position=position)


def _create_domain(cursor: Cursor, position: int) -> CreateDomain:
    cursor.expect("domain")
    name = cursor.any_name()
    cursor.accept("as")
    type_name = types.type_name(cursor)
    collation, constraints = tables.column_constraints(cursor)
    return CreateDomain(name, type_name, collation, constraints, position)


def _create_database(cursor: Cursor, position: int) -> CreateDatabase:
    cursor.expect("database")
    name = cursor.column_name()
    cursor.accept("with")
    return CreateDatabase(name, database_options(cursor), position)


def database_options(cursor: Cursor) -> tuple[Option, ...]:
    """OWNER = name, ENCODING 'UTF8', CONNECTION LIMIT 3 …"""
    found = []
    while cursor.kind not in (";", lexer.END):
        position = cursor.position
        if cursor.accept_phrase("connection", "limit"):
            name = "connection_limit"
        else:
            if cursor.kind not in _DATABASE_OPTIONS:
                cursor.fail()
            name = cursor.take()
        cursor.accept("=")
        if cursor.accept("default"):
            found.append(Option(name, None, position))
            continue
        value = options.option_value(cursor)
        if value is None:
            cursor.fail()
        found.append(Option(name, value, position))
    return tuple(found)


_DATABASE_OPTIONS = frozenset(
    ("encoding", "location", "owner", "tablespace", "template", lexer.IDENTIFIER)
)


def _create_extension(cursor: Cursor, position: int) -> CreateExtension:
    cursor.expect("extension")
    if_not_exists = cursor.accept_words("if", "not", "exists")
    name = cursor.column_name()
    cursor.accept("with")
    found = []
    while cursor.kind in ("schema", "version", "cascade"):
        place, word = cursor.position, cursor.take()
        if word == "cascade":
            found.append(Option(word, True, place))
        elif word == "version" and cursor.kind == lexer.STRING:
            found.append(Option(word, cursor.string(), place))
        else:
            found.append(Option(word, cursor.column_name(), place))
    return CreateExtension(name, if_not_exists, tuple(found), position)
