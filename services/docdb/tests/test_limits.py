"""Limits of time and memory: a query that takes too much ends, and nothing else does."""

import pytest

from services.docdb.command import Pending
from services.docdb.tests.support import Database

BACKTRACKS = {"a": {"$regex": "^(x+)+$"}}


@pytest.fixture
def database() -> Database:
    database = Database()
    database.insert("c", *({"_id": number, "a": "x" * 40 + "!"} for number in range(20)))
    return database


@pytest.mark.parametrize(
    "command",
    [
        {"find": "c", "filter": BACKTRACKS},
        {"count": "c", "query": BACKTRACKS},
        {"distinct": "c", "key": "_id", "query": BACKTRACKS},
        {"aggregate": "c", "pipeline": [{"$match": BACKTRACKS}], "cursor": {}},
        {"explain": {"find": "c", "filter": BACKTRACKS}},
    ],
    ids=["find", "count", "distinct", "aggregate", "explain"],
)
def test_a_query_that_does_not_end_is_ended(database: Database, command: dict) -> None:
    """Also in the middle of a regular expression."""
    reply = database.run(command | {"maxTimeMS": 50})
    assert (reply["code"], reply["codeName"]) == (50, "MaxTimeMSExpired")
    assert len(database.find("c")) == 20


def test_the_limit_is_of_all_batches_together(database: Database) -> None:
    database.run({"update": "c", "updates": [{"q": {"_id": 0}, "u": {"a": "x"}}]})
    command = {"find": "c", "filter": BACKTRACKS, "batchSize": 1, "maxTimeMS": 700}
    cursor = database.run(command)["cursor"]
    assert len(cursor["firstBatch"]) == 1
    more = {"getMore": cursor["id"], "collection": "c"}
    assert database.run(more)["code"] == 50
    assert database.run(more)["code"] == 43


def test_a_transaction_ends_with_its_query() -> None:
    database = Database(replset="rs")
    database.insert("c", {"_id": 1, "a": "x" * 40 + "!"})
    session = database.session().start()
    session.run({"insert": "c", "documents": [{"_id": 2}]})
    assert session.run({"find": "c", "filter": BACKTRACKS, "maxTimeMS": 50})["code"] == 50
    assert session.commit()["code"] == 251
    assert database.engine.catalog.snapshots == []


def test_a_server_has_a_limit_for_those_who_say_none() -> None:
    database = Database(read_limit_s=0.05)
    database.insert("c", {"_id": 1, "a": "x" * 40 + "!"})
    assert database.run({"find": "c", "filter": BACKTRACKS})["code"] == 50


def test_who_writes_is_asked_between_statements(database: Database) -> None:
    statement = {"q": {"a": {"$regex": "^(x+)+$"}, "_id": 50}, "u": {"$set": {"n": 1}}}
    reply = database.run({"update": "c", "updates": [statement], "maxTimeMS": 60_000})
    assert reply["n"] == 0
    takes_long = {"$expr": {"$gt": [{"$size": {"$range": [0, 600_000]}}, 0]}}
    slow = {"q": takes_long, "u": {"$set": {"n": 1}}, "multi": True}
    reply = database.run({"update": "c", "updates": [slow, slow], "maxTimeMS": 150})
    assert reply["n"] == 20
    assert [(error["index"], error["code"]) for error in reply["writeErrors"]] == [(1, 50)]


@pytest.mark.parametrize("limit", [-1, 2**31, 1.5, "1", True])
def test_limits_that_are_none(database: Database, limit: object) -> None:
    assert database.run({"find": "c", "maxTimeMS": limit})["code"] == 2


STAGES = [
    {"$sort": {"a": 1}},
    {"$group": {"_id": "$_id", "a": {"$push": "$a"}}},
    {"$bucketAuto": {"groupBy": "$_id", "buckets": 2, "output": {"a": {"$push": "$a"}}}},
    {"$setWindowFields": {"sortBy": {"_id": 1}, "output": {"n": {"$sum": "$_id"}}}},
]


@pytest.mark.parametrize("stage", STAGES, ids=[next(iter(stage)) for stage in STAGES])
def test_a_stage_holds_so_much(stage: dict) -> None:
    database = Database(stage_memory_bytes=1_000_000)
    database.insert("c", *({"_id": number, "a": "x" * 1000} for number in range(900)))
    # Not right behind the collection, where an index could help.
    pipeline = [{"$match": {}}, {"$addFields": {"b": 1}}, stage]
    command = {"aggregate": "c", "pipeline": pipeline, "cursor": {}}
    assert database.run(command)["ok"] == 1.0
    database.insert("c", *({"_id": number, "a": "x" * 1000} for number in range(900, 1800)))
    reply = database.run(command)
    assert (reply["code"], reply["codeName"]) == (292, "QueryExceededMemoryLimitNoDiskUseAllowed")


def test_a_sort_of_a_find_holds_so_much() -> None:
    database = Database(stage_memory_bytes=10_000)
    database.insert("c", *({"_id": number, "a": "x" * 1000} for number in range(20)))
    assert database.run({"find": "c", "sort": {"a": 1}})["code"] == 292
    assert database.run({"find": "c", "sort": {"a": 1}, "limit": 5})["ok"] == 1.0
    assert database.run({"find": "c", "sort": {"_id": 1}})["ok"] == 1.0


def test_nothing_waits_for_ever(database: Database) -> None:
    database.run({"create": "capped", "capped": True, "size": 4096})
    database.insert("capped", {"_id": 1})
    find = {"find": "capped", "tailable": True, "awaitData": True, "maxTimeMS": 60_000}
    cursor = database.run(find)["cursor"]
    more = {"getMore": cursor["id"], "collection": "capped", "maxTimeMS": 100}
    pending = database.run(more)
    assert type(pending) is Pending and pending.timeout_s == 0.1
