"""With an index or without: the same documents, and in the order that was asked for."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from services.docdb.bson.types import (
    MAX_KEY,
    MIN_KEY,
    Binary,
    Date,
    Int64,
    ObjectId,
    Regex,
    Timestamp,
)
from services.docdb.query.comparison import sort_key
from services.docdb.query.covering import value_of
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


def test_all_kinds_of_indexes_come_back_from_the_disk(tmp_path: Path) -> None:
    database = Database(data_dir=str(tmp_path))
    kinds = {"t": "text", "at": "2dsphere", "p": "2d", "h": "hashed", "$**": 1}
    specs = [{"key": {path: kind}, "name": f"i{path}"} for path, kind in kinds.items()]
    assert database.run({"createIndexes": "c", "indexes": specs})["ok"] == 1
    document = {"_id": 1, "t": "running dogs", "at": [12.5, 41.9], "p": [1, 2], "h": "x"}
    database.insert("c", document)
    before = database.documents({"listIndexes": "c"})
    database.engine.persistence.close()
    database.engine.persistence._lock_file.close()
    again = Database(data_dir=str(tmp_path))
    assert again.documents({"listIndexes": "c"}) == before
    for query in (
        {"$text": {"$search": "dog"}},
        {"at": {"$nearSphere": [12, 42]}},
        {"p": {"$near": [0, 0]}},
        {"h": "x"},
    ):
        assert again.find("c", query) == [document]
    assert again.run({"validate": "c"})["valid"]
    again.engine.persistence.close()


def test_how_often_an_index_is_read_is_counted() -> None:
    database = Database()
    database.insert("c", {"_id": 1, "a": 1, "b": 1})
    database.run({"createIndexes": "c", "indexes": [{"key": {"a": 1}, "name": "a"}]})
    database.find("c", {"a": 1})
    database.find("c", {"b": 1})
    database.run({"count": "c", "query": {"a": 1}})
    pipeline = [{"$indexStats": {}}, {"$match": {"name": "a"}}]
    (stats,) = database.documents({"aggregate": "c", "pipeline": pipeline, "cursor": {}})
    assert stats["accesses"]["ops"] == 2
    assert stats["accesses"]["since"].ms == database.now_s * 1000


def test_a_covered_query_gives_values_of_the_same_types() -> None:
    database = Database()
    values = [1, Int64(2), 2.5, "x", True, None, {"n": [1, "y"]}, Date(5), Binary(b"z", 4)]
    values += [ObjectId(b"0" * 12), Timestamp(1, 2), Regex("a", "i"), MIN_KEY, MAX_KEY]
    database.insert("c", *({"_id": number, "a": value} for number, value in enumerate(values)))
    database.run({"createIndexes": "c", "indexes": [{"key": {"_id": 1, "a": -1}, "name": "ia"}]})
    find = {"find": "c", "filter": {"_id": {"$gte": 0}}, "projection": {"a": 1},
            "hint": "ia", "sort": {"_id": 1}}  # fmt: skip
    found = database.documents(find)
    assert [document["a"] for document in found] == values
    assert [type(document["a"]) for document in found] == list(map(type, values))
    assert "PROJECTION_COVERED" in str(database.run({"explain": find}))
    assert [value_of(sort_key(value)) for value in values] == values
