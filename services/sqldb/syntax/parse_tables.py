"""The grammar of CREATE TABLE: columns, constraints, LIKE; and of CREATE TABLE AS."""

from services.sqldb.errors import FEATURE_NOT_SUPPORTED, SYNTAX_ERROR, SqlError, not_supported
from services.sqldb.syntax import lexer
from services.sqldb.syntax import parse_copy as options
from services.sqldb.syntax import parse_expressions as expressions
from services.sqldb.syntax import parse_from as from_clause
from services.sqldb.syntax import parse_queries as queries
from services.sqldb.syntax import parse_sequences as sequences
from services.sqldb.syntax import parse_types as types
from services.sqldb.syntax.cursor import Cursor
from services.sqldb.syntax.nodes import (
    Check,
    ColumnConstraint,
    ColumnDefinition,
    ConstraintTraits,
    CreateTable,
    CreateTableAs,
    DefaultValue,
    Execute,
    ForeignKey,
    GeneratedStored,
    Identity,
    LikeTable,
    MatchKind,
    NotNull,
    Nullable,
    OnCommit,
    Option,
    Persistence,
    Query,
    ReferentialAction,
    RelationName,
    TableConstraint,
    Unique,
)

_LIKE_PARTS = (
    "comments",
    "compression",
    "constraints",
    "defaults",
    "generated",
    "identity",
    "indexes",
    "statistics",
    "storage",
)
TABLE_CONSTRAINTS = frozenset(("constraint", "check", "unique", "primary", "foreign", "exclude"))
_COLUMN_CONSTRAINTS = frozenset(
    (
        "constraint",
        "not",
        "null",
        "unique",
        "primary",
        "check",
        "default",
        "generated",
        "references",
    )
)


def create_table(
    cursor: Cursor, persistence: Persistence, position: int
) -> CreateTable | CreateTableAs:
    """What follows CREATE [TEMP] TABLE."""
    if_not_exists = cursor.accept_words("if", "not", "exists")
    relation = from_clause.relation_name(cursor)
    if cursor.kind == "of":
        raise not_supported("CREATE TABLE OF", cursor.position)
    if cursor.kind == "partition":
        raise not_supported("PARTITION OF", cursor.position)
    if cursor.kind != "(" or _is_name_list(cursor):
        columns = cursor.names_in_parentheses() if cursor.kind == "(" else ()
        return _create_table_as(cursor, relation, columns, persistence, if_not_exists, position)
    cursor.expect("(")
    elements = () if cursor.kind == ")" else cursor.list_of(_table_element)
    cursor.expect(")")
    inherits: tuple[RelationName, ...] = ()
    if cursor.accept("inherits"):
        inherits = cursor.in_parentheses(from_clause.relation_name)
    if cursor.kind == "partition":
        raise not_supported("PARTITION BY", cursor.position)
    _access_method(cursor)
    storage = _storage(cursor)
    on_commit = _on_commit(cursor)
    _tablespace(cursor)
    return CreateTable(
        relation, elements, persistence, if_not_exists, inherits, storage, on_commit, position
    )


def _is_name_list(cursor: Cursor) -> bool:
    """Whether (a, b) comes, which only CREATE TABLE … AS has; a column has a type behind it."""
    return cursor.peek(2) in (",", ")") and cursor.peek() not in TABLE_CONSTRAINTS | {"like", ")"}


def _create_table_as(
    cursor: Cursor,
    relation: RelationName,
    columns: tuple[str, ...],
    persistence: Persistence,
    if_not_exists: bool,
    position: int,
) -> CreateTableAs:
    _access_method(cursor)
    storage = _storage(cursor)
    on_commit = _on_commit(cursor)
    _tablespace(cursor)
    cursor.expect("as")
    query: Query | Execute = execute(cursor) if cursor.kind == "execute" else queries.query(cursor)
    return CreateTableAs(
        relation,
        columns,
        query,
        persistence,
        if_not_exists,
        with_data(cursor),
        False,
        storage,
        on_commit,
        position,
    )


def with_data(cursor: Cursor) -> bool:
    """WITH [NO] DATA, if it is there."""
    if cursor.kind != "with":
        return True
    cursor.advance()
    has_data = not cursor.accept("no")
    cursor.expect("data")
    return has_data


def execute(cursor: Cursor) -> Execute:
    position = cursor.position
    cursor.expect("execute")
    name = cursor.column_name()
    arguments = cursor.in_parentheses(expressions.expression) if cursor.kind == "(" else ()
    return Execute(name, arguments, position)


def _access_method(cursor: Cursor) -> None:
    """USING heap: there is no other method, so it is read and not kept."""
    position = cursor.position
    if cursor.accept("using") and (name := cursor.column_name()) != "heap":
        message = f'access method "{name}" does not exist'
        raise SqlError(FEATURE_NOT_SUPPORTED, message, position=position)


def _storage(cursor: Cursor) -> tuple[Option, ...]:
    if cursor.accept_phrase("without", "oids"):
        return ()
    if cursor.accept("with"):
        return options.storage_options(cursor)
    return ()


def _on_commit(cursor: Cursor) -> OnCommit:
    if not cursor.accept("on"):
        return OnCommit.PRESERVE_ROWS
    cursor.expect("commit")
    if cursor.accept("drop"):
        return OnCommit.DROP
    kind = cursor.expect_one_of(("delete", "preserve"))
    cursor.expect("rows")
    return OnCommit.DELETE_ROWS if kind == "delete" else OnCommit.PRESERVE_ROWS


def _tablespace(cursor: Cursor) -> None:
    """There are no tablespaces: the clause is read and not kept."""
    if cursor.accept("tablespace"):
        cursor.column_name()


# Elements of a table.


def _table_element(cursor: Cursor) -> ColumnDefinition | TableConstraint | LikeTable:
    if cursor.kind == "like":
        return _like_table(cursor)
    if cursor.kind in TABLE_CONSTRAINTS:
        return table_constraint(cursor)
    return column_definition(cursor)


def _like_table(cursor: Cursor) -> LikeTable:
    position = cursor.position
    cursor.advance()
    relation = from_clause.relation_name(cursor)
    including: set[str] = set()
    while cursor.kind in ("including", "excluding"):
        is_including = cursor.take() == "including"
        word = cursor.expect_one_of((*_LIKE_PARTS, "all"))
        parts = set(_LIKE_PARTS) if word == "all" else {word}
        including = including | parts if is_including else including - parts
    return LikeTable(relation, frozenset(including), position)


def column_definition(cursor: Cursor) -> ColumnDefinition:
    """name type [COLLATE …] [constraints]. # Real: columnDef"""
    position = cursor.position
    name = cursor.column_name()
    type_name = types.type_name(cursor)
    if cursor.accept("storage"):
        cursor.column_name()
    if cursor.accept("compression"):
        cursor.expect_one_of(("default",)) if cursor.kind == "default" else cursor.column_name()
    collation, constraints = column_constraints(cursor)
    return ColumnDefinition(name, type_name, collation, constraints, position)


def column_constraints(
    cursor: Cursor,
) -> tuple[tuple[str, ...], tuple[ColumnConstraint, ...]]:
    """What follows the type of a column; DEFERRABLE and its like belong to what is before them."""
    collation: tuple[str, ...] = ()
    constraints: list[ColumnConstraint] = []
    while True:
        if cursor.kind == "collate":
            if collation:
                message = "multiple COLLATE clauses not allowed"
                raise SqlError(SYNTAX_ERROR, message, position=cursor.position)
            cursor.advance()
            collation = cursor.any_name()
        elif cursor.kind in _COLUMN_CONSTRAINTS:
            constraints.append(_column_constraint(cursor))
        else:
            return collation, tuple(constraints)


def _column_constraint(cursor: Cursor) -> ColumnConstraint:
    position = cursor.position
    name = cursor.column_name() if cursor.accept("constraint") else None
    match cursor.kind:
        case "not":
            cursor.expect("not", "null")
            return NotNull(name, position)
        case "null":
            cursor.advance()
            return Nullable(name, position)
        case "default":
            cursor.advance()
            return DefaultValue(expressions.restricted_expression(cursor), name, position)
        case "generated":
            return _generated(cursor, name, position)
        case "check":
            expression = _check_condition(cursor)
            return Check(expression, name, traits(cursor, "CHECK"), position)
        case "unique" | "primary":
            return _unique(cursor, name, position)
        case "references":
            return _references(cursor, (), name, position)
    return cursor.fail()


def _check_condition(cursor: Cursor) -> object:
    cursor.expect("check", "(")
    condition = expressions.expression(cursor)
    cursor.expect(")")
    return condition


def _generated(cursor: Cursor, name: str | None, position: int) -> Identity | GeneratedStored:
    """GENERATED ALWAYS AS (x) STORED, or GENERATED {ALWAYS | BY DEFAULT} AS IDENTITY."""
    cursor.expect("generated")
    place = cursor.position
    is_always = cursor.accept("always")
    if not is_always:
        cursor.expect("by", "default")
    cursor.expect("as")
    if cursor.accept("identity"):
        settings = sequences.options_in_parentheses(cursor)
        return Identity(is_always, settings, name, position)
    cursor.expect("(")
    expression = expressions.expression(cursor)
    cursor.expect(")", "stored")
    if not is_always:
        message = "for a generated column, GENERATED ALWAYS must be specified"
        raise SqlError(SYNTAX_ERROR, message, position=place)
    return GeneratedStored(expression, name, position)


def table_constraint(cursor: Cursor) -> TableConstraint:
    """[CONSTRAINT name] CHECK, UNIQUE, PRIMARY KEY or FOREIGN KEY. # Real: TableConstraint"""
    position = cursor.position
    name = cursor.column_name() if cursor.accept("constraint") else None
    match cursor.kind:
        case "check":
            condition = _check_condition(cursor)
            return Check(condition, name, traits(cursor, "CHECK"), position)
        case "unique" | "primary":
            return _unique(cursor, name, position, is_table=True)
        case "foreign":
            cursor.expect("foreign", "key")
            columns = cursor.names_in_parentheses()
            return _references(cursor, columns, name, position)
        case "exclude":
            raise not_supported("EXCLUDE", cursor.position)
    return cursor.fail()


def _unique(cursor: Cursor, name: str | None, position: int, is_table: bool = False) -> Unique:
    is_primary = cursor.take() == "primary"
    nulls_not_distinct = False
    if is_primary:
        cursor.expect("key")
    elif cursor.kind == "nulls":
        cursor.advance()
        nulls_not_distinct = cursor.accept("not")
        cursor.expect("distinct")
    what = "PRIMARY KEY" if is_primary else "UNIQUE"
    columns: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    if is_table:
        if cursor.accept("using"):
            cursor.expect("index")
            index = cursor.column_name()
            return Unique(
                is_primary,
                using_index=index,
                name=name,
                traits=traits(cursor, what),
                position=position,
            )
        columns = cursor.names_in_parentheses()
        if cursor.accept("include"):
            include = cursor.names_in_parentheses()
    storage = _storage(cursor) if cursor.kind == "with" else ()
    if cursor.accept("using"):
        cursor.expect("index", "tablespace")
        cursor.column_name()
    return Unique(
        is_primary,
        columns,
        include,
        nulls_not_distinct,
        storage,
        None,
        name,
        traits(cursor, what),
        position,
    )


_ACTIONS = {"cascade": ReferentialAction.CASCADE, "restrict": ReferentialAction.RESTRICT}
_MATCHES = {"full": MatchKind.FULL, "partial": MatchKind.PARTIAL, "simple": MatchKind.SIMPLE}


def _references(
    cursor: Cursor, columns: tuple[str, ...], name: str | None, position: int
) -> ForeignKey:
    """REFERENCES table [(columns)] [MATCH …] [ON UPDATE …] [ON DELETE …]"""
    cursor.expect("references")
    relation = from_clause.relation_name(cursor)
    referenced = cursor.names_in_parentheses() if cursor.kind == "(" else ()
    match_kind = MatchKind.SIMPLE
    if cursor.accept("match"):
        place = cursor.position
        match_kind = _MATCHES[cursor.expect_one_of(tuple(_MATCHES))]
        if match_kind is MatchKind.PARTIAL:
            message = "MATCH PARTIAL not yet implemented"
            raise SqlError(FEATURE_NOT_SUPPORTED, message, position=place)
    actions = {}
    delete_columns: tuple[str, ...] = ()
    while cursor.kind == "on" and cursor.peek() not in actions:
        cursor.advance()
        event = cursor.expect_one_of(("update", "delete"))
        actions[event], its_columns = _action(cursor, event)
        delete_columns = its_columns or delete_columns
    return ForeignKey(
        relation,
        columns,
        referenced,
        match_kind,
        actions.get("update", ReferentialAction.NO_ACTION),
        actions.get("delete", ReferentialAction.NO_ACTION),
        delete_columns,
        name,
        traits(cursor, "FOREIGN KEY"),
        position,
    )


def _action(cursor: Cursor, event: str) -> tuple[ReferentialAction, tuple[str, ...]]:
    if cursor.accept("no"):
        cursor.expect("action")
        return ReferentialAction.NO_ACTION, ()
    if cursor.kind in _ACTIONS:
        return _ACTIONS[cursor.take()], ()
    position = cursor.position
    cursor.expect("set")
    kind = cursor.expect_one_of(("null", "default"))
    action = ReferentialAction.SET_NULL if kind == "null" else ReferentialAction.SET_DEFAULT
    columns: tuple[str, ...] = ()
    if cursor.kind == "(":
        columns = cursor.names_in_parentheses()
        if event == "update":
            message = "a column list with SET NULL is only supported for ON DELETE actions"
            if kind == "default":
                message = message.replace("NULL", "DEFAULT")
            raise SqlError(FEATURE_NOT_SUPPORTED, message, position=position)
    return action, columns


def traits(cursor: Cursor, what: str) -> ConstraintTraits:
    """[NOT] DEFERRABLE, INITIALLY …, NOT VALID, NO INHERIT, as far as `what` may have them."""
    is_deferrable = is_deferred = None
    is_not_valid = is_no_inherit = False
    position = cursor.position
    while True:
        place = cursor.position
        if cursor.accept("deferrable"):
            word, clash, is_deferrable = "DEFERRABLE", is_deferrable is False, True
        elif cursor.kind == "not" and cursor.peek() != "null":
            cursor.advance()
            if cursor.expect_one_of(("deferrable", "valid")) == "valid":
                word, clash, is_not_valid = "NOT VALID", False, True
            else:
                word, clash, is_deferrable = "NOT DEFERRABLE", is_deferrable is True, False
        elif cursor.kind == "initially":
            cursor.advance()
            is_now_deferred = cursor.expect_one_of(("deferred", "immediate")) == "deferred"
            word, clash = "DEFERRABLE", is_deferred is not None and is_deferred != is_now_deferred
            is_deferred = is_now_deferred
        elif cursor.accept_phrase("no", "inherit"):
            word, clash, is_no_inherit = "NO INHERIT", False, True
        else:
            break
        if clash:
            message = "conflicting constraint properties"
            raise SqlError(SYNTAX_ERROR, message, position=place)
        _check_trait(what, word, position)
    if is_deferred and is_deferrable is False:
        message = "constraint declared INITIALLY DEFERRED must be DEFERRABLE"
        raise SqlError(SYNTAX_ERROR, message, position=position)
    return ConstraintTraits(is_deferrable, is_deferred, is_not_valid, is_no_inherit)


_ALLOWED_TRAITS = {
    "CHECK": ("NOT VALID", "NO INHERIT"),
    "UNIQUE": ("DEFERRABLE", "NOT DEFERRABLE"),
    "PRIMARY KEY": ("DEFERRABLE", "NOT DEFERRABLE"),
    "FOREIGN KEY": ("DEFERRABLE", "NOT DEFERRABLE", "NOT VALID"),
    "ALTER CONSTRAINT": ("DEFERRABLE", "NOT DEFERRABLE"),
}


def _check_trait(what: str, word: str, position: int) -> None:
    if word not in _ALLOWED_TRAITS[what]:
        message = f"{what} constraints cannot be marked {word}"
        raise SqlError(FEATURE_NOT_SUPPORTED, message, position=position)


# Used by the file on ALTER, which ends its actions where a statement ends.
STATEMENT_ENDS = frozenset((";", lexer.END))
