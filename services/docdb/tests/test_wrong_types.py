"""Operands of wrong types, where a type is easily taken for granted: all are client's errors."""

import pytest

from services.docdb.tests.support import Database

STAGES: list[dict] = [
    {"$densify": {"field": 5, "range": {"step": 1, "bounds": "full"}}},
    {"$densify": {"field": "a", "range": {"step": 1, "bounds": [1]}}},
    {"$lookup": {"from": "c", "let": 5, "pipeline": [], "as": "x"}},
    {"$lookup": {"from": "c", "localField": 5, "foreignField": "x", "as": "x"}},
    {
        "$graphLookup": {
            "from": 5,
            "startWith": 1,
            "connectFromField": 1,
            "connectToField": 2,
            "as": 3,
        }
    },
    {"$setWindowFields": {"output": {"x": {"$sum": 1, "window": {"documents": 5}}}}},
    {
        "$setWindowFields": {
            "sortBy": {"a": 1},
            "output": {"x": {"$sum": 1, "window": {"range": ["a", "b"]}}},
        }
    },
    {"$fill": {"output": {"x": 5}}},
    {"$merge": {"into": "z", "on": [5]}},
    {"$unionWith": {"coll": 5}},
    {"$project": {"x": {"$dateToString": {"date": "$s"}}}},
    {"$project": {"x": {"$zip": {"inputs": ["$a"], "defaults": 5, "useLongestLength": True}}}},
    {"$project": {"x": {"$range": [0, "x"]}}},
    {"$project": {"x": {"$toDate": 1e300}}},
    {"$project": {"x": {"$dateAdd": {"startDate": {"$toDate": 0.0}, "unit": [1], "amount": 1}}}},
    {"$project": {"x": {"$filter": {"input": "$a", "as": 5, "cond": 1}}}},
    {"$project": {"x": {"$switch": {"branches": [5]}}}},
    {"$project": {"x": {"$convert": {"input": 1, "to": {"type": [1]}}}}},
]
COMMANDS: list[dict] = [
    {
        "find": "c",
        "filter": {"$expr": {"$let": {"vars": {"x": 5}, "in": {"$add": ["$$x", "$$y"]}}}},
    },
    {"find": "c", "filter": {"$jsonSchema": {"properties": {"a": 5}}}},
    {"find": "c", "filter": {"$jsonSchema": {"dependencies": 5}}},
    {"find": "c", "filter": {"$jsonSchema": {"pattern": 5}}},
    {"find": "c", "filter": {}, "min": {"a": 1}, "max": {"b": 1}, "hint": "x"},
    {"find": "c", "filter": {}, "sort": {"a": {"$meta": 5}}},
    {"find": "c", "filter": {}, "projection": {"a": {"$slice": ["x", 1]}}},
    {"find": "c", "filter": {}, "projection": {"a": {"$elemMatch": 5}}},
    {
        "update": "c",
        "updates": [{"q": {}, "u": {"$push": {"a": {"$each": [1], "$sort": {"b": "x"}}}}}],
    },
    {"update": "c", "updates": [{"q": 5, "u": {"$push": {"a": 1}}}]},
    {"update": "c", "updates": [{"q": {}, "u": {"$set": {"a.$[x]": 1}}, "arrayFilters": [5]}]},
    {"update": "c", "updates": [{"q": {}, "u": {"$set": {"a.$[x]": 1}}, "arrayFilters": 5}]},
    {"update": "c", "updates": [{"q": {}, "u": {"$inc": {"a.99999999": 1}}}]},
    {"update": "c", "updates": [{"q": {}, "u": [5]}]},
    {"delete": "c", "deletes": [{"q": {}, "limit": "x"}]},
    {"createIndexes": "c", "indexes": [{"key": {"a": 1, "s": 1}, "name": "x", "weights": 5}]},
    {"createIndexes": "c", "indexes": [{"key": {"a": float("nan")}, "name": "x"}]},
    {
        "createIndexes": "c",
        "indexes": [{"key": {"a": 1}, "name": "y", "partialFilterExpression": 5}],
    },
    {"create": "vv", "viewOn": 5, "pipeline": []},
    {"create": "vv", "viewOn": "c", "pipeline": [5]},
    {"create": "vw", "clusteredIndex": 5},
    {"collMod": "c", "index": 5},
    {"collMod": "c", "index": {"name": [1]}},
    {"getMore": 5, "collection": 5},
    {"killCursors": "c", "cursors": ["x"]},
    {"listCollections": 1, "cursor": 5},
    {"listCollections": 1, "cursor": {"batchSize": "x"}},
    {"aggregate": "c", "pipeline": [], "cursor": {"batchSize": "x"}},
    {"count": "c", "query": {}, "limit": "x"},
    {"distinct": "c", "key": 5},
    {"explain": {"find": 5}},
    {"explain": {"update": "c", "updates": [{}]}},
    {"explain": {"count": "c", "query": 5}},
    {"saslStart": 1, "mechanism": [1], "payload": 5},
    {"usersInfo": [5]},
    {"createUser": "x", "pwd": "x", "roles": [{"role": 5, "db": 5}]},
    {"endSessions": [{"id": 5}]},
    {
        "hello": 1,
        "saslSupportedMechs": "x",
        "speculativeAuthenticate": {"mechanism": "SCRAM-SHA-1", "payload": 5, "db": []},
    },
    {"findAndModify": "c", "query": {}, "update": {"$set": {"x": 1}}, "sort": {"a": "x"}},
    {"renameCollection": 5, "to": 5},
    {"getParameter": 1, "nope": 1},
    {"validate": 5},
    {"dropIndexes": "c", "index": 5},
    {"dropIndexes": "c", "index": {}},
]


@pytest.fixture(scope="module")
def database() -> Database:
    made = Database()
    made.insert("c", {"_id": 1, "a": [1, 2], "s": "x"})
    return made


def check(reply: dict) -> None:
    errors = [reply, *reply.get("writeErrors", [])]
    assert 1 not in [error.get("code") for error in errors], reply


@pytest.mark.parametrize("stage", STAGES, ids=str)
def test_stages(database: Database, stage: dict) -> None:
    check(database.run({"aggregate": "c", "pipeline": [stage], "cursor": {}}))


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_commands(database: Database, command: dict) -> None:
    check(database.run(command))
    check(database.run(command, "admin"))
