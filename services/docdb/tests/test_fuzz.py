"""Every operator with every kind of operand: an answer or a client's error, never our own."""

from hypothesis import given, settings
from hypothesis import strategies as st

from services.docdb.bson.types import Binary
from services.docdb.command import Pending
from services.docdb.expressions.compiler import operator_table
from services.docdb.pipeline.stage import stage_table
from services.docdb.query.field_filters import FIELD_OPERATORS
from services.docdb.query.filters import TOP_LEVEL
from services.docdb.query.update_operators import OPERATORS
from services.docdb.tests.strategies import scalars
from services.docdb.tests.support import Database

ARGUMENTS = [
    "input",
    "in",
    "as",
    "cond",
    "n",
    "by",
    "sortBy",
    "date",
    "unit",
    "amount",
    "find",
    "regex",
    "vars",
    "if",
    "then",
    "else",
    "field",
    "value",
    "path",
    "into",
    "coll",
    "pipeline",
    "groupBy",
    "boundaries",
    "output",
    "range",
    "from",
    "let",
]
FIELDS = [
    "filter",
    "query",
    "documents",
    "updates",
    "deletes",
    "pipeline",
    "cursor",
    "key",
    "indexes",
    "index",
    "sort",
    "limit",
    "skip",
    "projection",
    "update",
    "new",
    "remove",
    "batchSize",
    "collation",
    "hint",
    "min",
    "max",
    "let",
    "to",
    "user",
    "pwd",
    "roles",
    "validator",
    "viewOn",
    "capped",
    "size",
    "writeConcern",
    "readConcern",
    "lsid",
    "txnNumber",
    "autocommit",
    "startTransaction",
    "stmtIds",
    "maxTimeMS",
    "apiVersion",
    "apiStrict",
    "allowDiskUse",
    "explain",
]
EXPRESSIONS, STAGES = sorted(operator_table()), sorted(stage_table())
paths = st.sampled_from(["a", "b.c", "l", "l.0", "d", "$a", "$l", "$$ROOT", "$", "a..b", ""])
leaves = st.one_of(scalars, paths, st.integers(-3, 5))
operands = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(ARGUMENTS),
            inner,
            max_size=3,
        ),
        st.builds(lambda name, it: {name: it}, st.sampled_from(EXPRESSIONS), inner),
        st.builds(lambda name, it: {name: it}, st.sampled_from(sorted(FIELD_OPERATORS)), inner),
    ),
    max_leaves=5,
)


def database(**settings: object) -> Database:
    made = Database(**settings)
    made.insert("c", {"_id": 1, "a": 5, "b": {"c": "x"}, "l": [1, {"k": 2}]}, {"_id": 2, "d": None})
    return made


def must_be_answered(reply: dict | Pending) -> None:
    if type(reply) is Pending:
        reply = reply.retry(True)
    assert reply.get("code") != 1, reply
    for error in reply.get("writeErrors", []):
        assert error["code"] != 1, error


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(FIELD_OPERATORS) + sorted(TOP_LEVEL)), operands)
def test_filters(name: str, operand: object) -> None:
    query = {name: operand} if name in TOP_LEVEL else {"l": {name: operand}}
    must_be_answered(database().run({"find": "c", "filter": query}))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(EXPRESSIONS), operands)
def test_expressions(name: str, operand: object) -> None:
    pipeline = [{"$replaceWith": {"value": {name: operand}}}]
    must_be_answered(database().run({"aggregate": "c", "pipeline": pipeline, "cursor": {}}))


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(STAGES), operands)
def test_stages(name: str, operand: object) -> None:
    pipeline = [{name: operand}]
    must_be_answered(database().run({"aggregate": "c", "pipeline": pipeline, "cursor": {}}))


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([*sorted(OPERATORS), "$rename"]), paths, operands)
def test_updates(name: str, path: str, operand: object) -> None:
    made = database()
    statement = {"q": {}, "u": {name: {path: operand}}, "multi": True}
    must_be_answered(made.run({"update": "c", "updates": [statement]}))
    assert made.run({"validate": "c"})["valid"]


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(sorted(Database().engine.dispatcher.commands)),
    st.one_of(st.sampled_from(["c", 1]), operands),
    st.dictionaries(
        st.sampled_from(FIELDS),
        operands,
        max_size=4,
    ),
)
def test_commands(name: str, target: object, fields: dict) -> None:
    must_be_answered(database(test_commands=True).run({name: target, **fields}))


sessions = st.fixed_dictionaries(
    {"lsid": st.just({"id": Binary(bytes(16), 4)})},
    optional={
        "txnNumber": st.integers(-1, 2) | operands,
        "autocommit": st.booleans() | operands,
        "startTransaction": st.booleans() | operands,
        "stmtIds": st.lists(st.integers(0, 2)) | operands,
    },
)


def session_command(name: str, operand: object) -> dict:
    match name:
        case "insert":
            return {"insert": "c", "documents": [{"x": operand}]}
        case "update":
            return {"update": "c", "updates": [{"q": {}, "u": {"$set": {"x": operand}}}]}
        case "delete":
            return {"delete": "c", "deletes": [{"q": {"x": operand}, "limit": 1}]}
        case "watch":
            pipeline = [{"$changeStream": operand}]
            return {"aggregate": "c", "pipeline": pipeline, "cursor": {}}
        case "resume":
            pipeline = [{"$changeStream": {"resumeAfter": {"_data": operand}}}]
            return {"aggregate": "c", "pipeline": pipeline, "cursor": {}}
    return {name: "c"}


SESSION_COMMANDS = ["insert", "update", "delete", "watch", "resume", "find", "create", "drop",
                    "commitTransaction", "abortTransaction"]  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(SESSION_COMMANDS), sessions, operands), max_size=6))
def test_sessions(commands: list[tuple]) -> None:
    made = database(replset="rs")
    for name, fields, operand in commands:
        on = "admin" if name.endswith("Transaction") else "test"
        must_be_answered(made.run(session_command(name, operand) | fields, on))
    made.engine.sessions.end_all()
    assert made.engine.catalog.snapshots == []
    made.insert("c", {})
    assert made.run({"validate": "c"})["valid"]


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(["a", "b.c", "l", "l.$", "_id"]), operands, max_size=3))
def test_projections(spec: dict) -> None:
    must_be_answered(database().run({"find": "c", "projection": spec}))
