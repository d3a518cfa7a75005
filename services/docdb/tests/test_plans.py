"""With an index or without: the same documents, and in the order that was asked for."""

from pathlib import Path

import pytest
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


@settings(max_examples=60, deadline=None)
@given(rows, filters, st.sampled_from(INDEXES), st.sampled_from(["a", "b", "c"]))
def test_indexes_change_no_distinct_values_and_no_counts(
    documents: list[dict], query: dict, patterns: list[dict], path: str
) -> None:
    database = Database()
    if not documents:
        return
    database.insert("plain", *documents)
    database.insert("indexed", *documents)
    specs = [{"key": key, "name": str(key)} for key in patterns]
    database.run({"createIndexes": "indexed", "indexes": specs})
    for asked in ({}, query, {path: {"$gt": 1}}, {path: None}, {path: {"$in": [0, None, "x"]}}):
        for command in (
            {"distinct": "", "key": path, "query": asked},
            {"count": "", "query": asked},
        ):
            name = next(iter(command))
            assert database.run({**command, name: "indexed"}) == database.run(
                {**command, name: "plain"}
            )


def stages(plan: dict) -> list[str]:
    """The names of the stages, from the outermost inwards; of several inputs the first one's."""
    below = plan.get("inputStage") or (plan.get("inputStages") or [None])[0]
    return [plan["stage"], *(stages(below) if below else [])]


TWO = {"_id": 0, "a": 1, "b": 1}
NAMED = [
    ({"find": "c", "filter": {"_id": 5}}, "IDHACK"),
    ({"find": "c", "filter": {"_id": 5}, "projection": {"a": 1}}, "PROJECTION_SIMPLE IDHACK"),
    ({"find": "c", "filter": {"_id": 5}, "skip": 1}, "SKIP FETCH IXSCAN"),
    ({"find": "c", "filter": {"_id": {"$gt": 5}}}, "FETCH IXSCAN"),
    ({"find": "c", "filter": {"a": 1}, "projection": TWO}, "PROJECTION_COVERED IXSCAN"),
    ({"find": "c", "filter": {"a": 1}, "projection": {"z": 1}}, "PROJECTION_SIMPLE FETCH IXSCAN"),
    ({"find": "c", "projection": {"z.y": 1}}, "PROJECTION_DEFAULT COLLSCAN"),
    ({"find": "c", "projection": {"z": {"$add": [1, 2]}}}, "PROJECTION_DEFAULT COLLSCAN"),
    ({"find": "c", "sort": {"z": 1}, "projection": {"z": 1}}, "SORT PROJECTION_SIMPLE COLLSCAN"),
    ({"find": "c", "sort": {"z": 1}, "limit": 1, "projection": {"z": 1}},
     "PROJECTION_SIMPLE SORT COLLSCAN"),
    ({"find": "c", "skip": 1, "limit": 2, "projection": {"z": 1}},
     "LIMIT PROJECTION_SIMPLE SKIP COLLSCAN"),
    ({"find": "c", "filter": {"$or": [{"a": 1}, {"c": 5}]}}, "SUBPLAN FETCH OR IXSCAN"),
    ({"find": "c", "filter": {"$or": [{"a": 1}, {"z": 5}]}}, "SUBPLAN COLLSCAN"),
    ({"find": "c", "filter": {"z": 1, "$or": [{"a": 1}, {"c": 5}]}}, "FETCH OR IXSCAN"),
    ({"find": "c", "filter": {"a": {"$in": [1, 2]}}, "sort": {"b": 1}}, "FETCH SORT_MERGE IXSCAN"),
    ({"find": "c", "filter": {"$or": [{"a": 1}, {"a": 3}]}, "sort": {"b": 1}},
     "SUBPLAN FETCH SORT_MERGE IXSCAN"),
    ({"find": "none"}, "EOF"),
    ({"count": "c", "query": {"c": {"$gte": 5}}}, "COUNT COUNT_SCAN"),
    ({"count": "c", "query": {"c": {"$in": [5, 6]}}}, "COUNT IXSCAN"),
    ({"count": "c", "query": {"c": 5, "z": 1}}, "COUNT FETCH IXSCAN"),
    ({"count": "c"}, "RECORD_STORE_FAST_COUNT"),
    ({"count": "none", "query": {"a": 1}}, "COUNT EOF"),
    ({"distinct": "c", "key": "a"}, "PROJECTION_COVERED DISTINCT_SCAN"),
    ({"distinct": "c", "key": "c", "query": {"c": {"$lt": 9}}},
     "PROJECTION_COVERED DISTINCT_SCAN"),
    ({"distinct": "c", "key": "b"}, "COLLSCAN"),
    ({"update": "c", "updates": [{"q": {"_id": 1}, "u": {"$set": {"x": 1}}}]}, "UPDATE IDHACK"),
    ({"delete": "c", "deletes": [{"q": {"c": 1}, "limit": 1}]}, "DELETE FETCH IXSCAN"),
    ({"delete": "none", "deletes": [{"q": {"c": 1}, "limit": 1}]}, "EOF"),
    ({"findAndModify": "c", "query": {"_id": 1}, "remove": True}, "DELETE IDHACK"),
]  # fmt: skip


@pytest.mark.parametrize(("command", "expected"), NAMED, ids=lambda it: str(it)[:60])
def test_the_stages_have_mongodbs_names(command: dict, expected: str) -> None:
    database = Database()
    database.insert("c", *({"_id": i, "a": i % 5, "b": i % 7, "c": i} for i in range(50)))
    database.run({"createIndexes": "c", "indexes": [{"key": {"a": 1, "b": 1}, "name": "ab"},
                                                    {"key": {"c": 1}, "name": "c"}]})  # fmt: skip
    reply = database.run({"explain": command, "verbosity": "executionStats"})
    assert " ".join(stages(reply["queryPlanner"]["winningPlan"])) == expected


def test_a_count_says_from_where_to_where() -> None:
    database = Database()
    database.insert("c", *({"a": text} for text in ("a", "b, c", "d")))
    database.run({"createIndexes": "c", "indexes": [{"key": {"a": 1, "b": 1}, "name": "ab"}]})
    count = {"count": "c", "query": {"a": {"$gt": "a", "$lte": "b, c"}}}
    plan = database.run({"explain": count})["queryPlanner"]["winningPlan"]["inputStage"]
    assert plan["indexBounds"] == {
        "startKey": {"a": "a", "b": MIN_KEY},
        "startKeyInclusive": False,
        "endKey": {"a": "b, c", "b": MAX_KEY},
        "endKeyInclusive": True,
    }
    assert database.run(count)["n"] == 1


def test_distinct_goes_from_value_to_value() -> None:
    database = Database()
    database.insert("c", *({"_id": i, "a": i % 5} for i in range(500)))
    database.run({"createIndexes": "c", "indexes": [{"key": {"a": 1}, "name": "a"}]})
    explained = database.run({"explain": {"distinct": "c", "key": "a"}})["executionStats"]
    assert (explained["totalKeysExamined"], explained["totalDocsExamined"]) == (5, 0)
    assert database.run({"distinct": "c", "key": "a"})["values"] == [0, 1, 2, 3, 4]


def test_what_the_bounds_say_is_not_in_the_filter() -> None:
    database = Database()
    database.insert("c", {"a": 1})
    database.run({"createIndexes": "c", "indexes": [{"key": {"a": 1}, "name": "a"}]})
    plan = winner(database, filter={"a": {"$gt": 3, "$lt": 9}, "b": {"$ne": 2}})
    assert plan["filter"] == {"b": {"$not": {"$eq": 2}}}
    assert plan["inputStage"]["indexBounds"] == {"a": ["(3, 9)"]}


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


@pytest.mark.parametrize(
    ("condition", "shown"),
    [
        (5, "[5, 5]"),
        (2.5, "[2.5, 2.5]"),
        ("x", '["x", "x"]'),
        (None, "[null, null]"),
        (True, "[true, true]"),
        (ObjectId(b"\x01" * 12), f"[ObjectId('{'01' * 12}'), ObjectId('{'01' * 12}')]"),
        (Date(1000), "[new Date(1000), new Date(1000)]"),
        ({"x": 1}, "[{ x: 1 }, { x: 1 }]"),
        ({"$gt": 5}, "(5, inf]"),
        ({"$lte": 5}, "[-inf, 5]"),
        ({"$gte": 1, "$lt": 3}, "[1, 3)"),
        ({"$gt": "b"}, '("b", {})'),
        ({"$lt": "b"}, '["", "b")'),
        ({"$gt": Date(5)}, "(new Date(5), new Date(9223372036854775807)]"),
        ({"$lt": Timestamp(1, 2)}, None),
        ({"$gt": MIN_KEY}, "(MinKey, MaxKey]"),
        ({"$in": [3, 1]}, ["[1, 1]", "[3, 3]"]),
        ({"$regex": "^ab"}, ['["ab", "ac")', "[/^ab/, /^ab/]"]),
    ],
    ids=str,
)
def test_bounds_are_shown_as_the_shell_writes_them(condition: object, shown: object) -> None:
    database = Database()
    database.insert("c", {"a": 1})
    database.run({"createIndexes": "c", "indexes": [{"key": {"a": 1}, "name": "a"}]})
    plan = winner(database, filter={"a": condition})
    bounds = plan["inputStage"]["indexBounds"]["a"]
    if shown is not None:
        assert bounds == (shown if type(shown) is list else [shown])


def test_bounds_are_shown_in_the_direction_of_reading() -> None:
    database = Database()
    database.insert("c", *({"a": n, "b": n} for n in range(9)))
    keys = [{"a": 1, "b": -1}, {"b": -1}]
    specs = [{"key": key, "name": str(key)} for key in keys]
    database.run({"createIndexes": "c", "indexes": specs})

    def read(sort: dict, **query: object) -> tuple[str, list]:
        scan = winner(database, filter=query, sort=sort)["inputStage"]
        return scan["direction"], [bound for of in scan["indexBounds"].values() for bound in of]

    assert read({"b": -1}, a=1, b={"$gt": 3}) == ("forward", ["[1, 1]", "[inf, 3)"])
    assert read({"b": 1}, a=1, b={"$gt": 3}) == ("backward", ["[1, 1]", "(3, inf]"])
    assert read({"b": -1}, b={"$lt": 3}) == ("forward", ["(3, -inf]"])
    assert read({"b": 1}, b={"$lt": 3}) == ("backward", ["[-inf, 3)"])
