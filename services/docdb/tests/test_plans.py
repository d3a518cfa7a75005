"""With an index or without: the same documents, and in the order that was asked for."""

from hypothesis import given, settings
from hypothesis import strategies as st

from services.docdb.query.comparison import sort_key
from services.docdb.tests.support import Database

small = st.one_of(
    st.integers(0, 4),
    st.sampled_from(["x", "y", None, 2.0, True]),
    st.lists(st.integers(0, 4), max_size=3),
)
rows = st.lists(
    st.fixed_dictionaries({}, optional={"a": small, "b": small, "c": st.integers(0, 3)}),
    max_size=14,
)
operand = st.one_of(st.integers(0, 4), st.sampled_from(["x", None, True, [1], [1, 2]]))
conditions = st.one_of(
    operand,
    st.builds(
        lambda name, value: {name: value},
        st.sampled_from(["$gt", "$gte", "$lt", "$lte", "$eq", "$ne"]),
        operand,
    ),
    st.builds(lambda values: {"$in": values}, st.lists(operand, max_size=3)),
    st.builds(lambda low, high: {"$gte": low, "$lte": high}, st.integers(0, 4), st.integers(0, 4)),
    st.sampled_from([{"$exists": True}, {"$exists": False}, {"$regex": "^x"}, {"$size": 1}]),
)
filters = st.one_of(
    st.dictionaries(st.sampled_from(["a", "b", "c"]), conditions, max_size=3),
    st.builds(lambda x, y: {"$or": [{"a": x}, {"b": y}]}, conditions, conditions),
)
INDEXES = [
    [{"a": 1}],
    [{"a": 1, "c": -1}, {"b": -1}],
    [{"c": 1, "a": 1}, {"b": 1, "c": 1}],
]


@settings(max_examples=60, deadline=None)
@given(
    rows, filters, st.sampled_from(INDEXES), st.sampled_from([None, {"c": 1}, {"c": -1, "_id": 1}])
)
def test_indexes_change_no_result(
    documents: list[dict], query: dict, patterns: list[dict], sort: dict | None
) -> None:
    database = Database()
    documents = [{"_id": number, **row} for number, row in enumerate(documents)]
    if not documents:
        return
    database.insert("plain", *documents)
    database.insert("indexed", *documents)
    specs = [{"key": key, "name": str(key)} for key in patterns]
    assert database.run({"createIndexes": "indexed", "indexes": specs})["ok"] == 1, specs
    options = {"sort": sort} if sort else {}
    plain = database.find("plain", query, **options)
    indexed = database.find("indexed", query, **options)

    def by_id(found: list[dict]) -> list[dict]:
        return sorted(found, key=lambda document: document["_id"])

    assert by_id(indexed) == by_id(plain)
    if sort:
        keys = [sort_key(document.get("c")) for document in indexed]
        assert keys == sorted(keys, reverse=sort["c"] < 0)
    assert database.run({"validate": "indexed"})["valid"]


def stages(plan: dict) -> list[str]:
    return [plan["stage"], *(stages(plan["inputStage"]) if "inputStage" in plan else [])]


def winner(database: Database, **find: object) -> dict:
    reply = database.run({"explain": {"find": "c", **find}, "verbosity": "executionStats"})
    return reply["queryPlanner"]["winningPlan"] | {"stats": reply["executionStats"]}


def test_the_plan_is_explained() -> None:
    database = Database()
    database.insert("c", *({"_id": i, "a": i % 10, "b": i} for i in range(200)))
    assert stages(winner(database, filter={"b": 5})) == ["COLLSCAN"]
    database.run({"createIndexes": "c", "indexes": [{"key": {"a": 1, "b": 1}, "name": "ab"},
                                                    {"key": {"b": 1}, "name": "b"}]})  # fmt: skip
    one = winner(database, filter={"a": 3, "b": {"$gte": 100}}, sort={"b": -1})
    assert stages(one) == ["FETCH", "IXSCAN"]
    assert one["inputStage"]["indexName"] == "ab"
    assert one["inputStage"]["direction"] == "backward"
    assert one["stats"]["totalKeysExamined"] == one["stats"]["nReturned"] == 10
    assert stages(winner(database, filter={"a": 3}, sort={"_id": 1}))[0] == "SORT"
    reply = database.run({"find": "c", "filter": {}, "hint": "no_such"})
    assert reply["code"] == 2
