"""The profiler: what was slow is remembered, and written down where that is asked for."""

import json

import pytest

from services.docdb.tests.support import Database


def slow(database: Database) -> list[dict]:
    return [json.loads(line)["attr"] for line in database.run({"getLog": "global"}, "admin")["log"]]


def test_a_slow_operation_is_in_the_log() -> None:
    database = Database()
    database.insert("c", *({"_id": number} for number in range(5)))
    assert slow(database) == []
    assert database.run({"profile": 0, "slowms": 0})["was"] == 0
    database.find("c", {"n": 1})
    database.find("c", {"_id": 1})
    scan, by_id = [one for one in slow(database) if one["type"] == "query"]
    assert (scan["planSummary"], scan["docsExamined"], scan["nreturned"]) == ("COLLSCAN", 5, 0)
    assert (by_id["planSummary"], by_id["keysExamined"]) == ("IDHACK", 1)
    assert scan["command"]["filter"] == {"n": 1}
    assert database.run({"profile": -1})["slowms"] == 0
    assert database.run({"listCollections": 1})["cursor"]["firstBatch"][0]["name"] == "c"


def test_a_profile_is_written_into_its_database() -> None:
    database = Database()
    database.run({"profile": 2})
    database.insert("c", {"_id": 1})
    database.run({"distinct": "c", "key": "_id", "comment": "here"})
    database.run({"profile": 0})
    database.find("c")
    found = database.find("system.profile", projection={"op": 1, "ns": 1, "command.comment": 1})
    assert [(one["op"], one["ns"]) for one in found] == [
        ("insert", "test.c"),
        ("command", "test.c"),
    ]
    assert found[1]["command"] == {"comment": "here"}
    assert database.run({"drop": "system.profile"})["ok"] == 1


def test_what_is_long_is_cut() -> None:
    database = Database()
    database.run({"profile": 2})
    database.find("c", {"a": {"$in": ["x" * 100] * 100}})
    (entry,) = database.find("system.profile", {"op": "query"})
    assert len(entry["command"]["$truncated"]) == 4000


@pytest.mark.parametrize(
    "command", [{"profile": 3}, {"profile": "x"}, {"profile": 1, "slowms": "x"}]
)
def test_what_is_no_level_is_refused(command: dict) -> None:
    assert Database().run(command)["code"] == 2


@pytest.mark.parametrize(
    ("command", "summary"),
    [
        ({"find": "c", "filter": {"a": 1}}, 'IXSCAN {"a": 1}'),
        ({"find": "c", "filter": {"$or": [{"a": 1}, {"a": 2}]}}, 'IXSCAN {"a": 1}'),
        ({"find": "c", "filter": {"$or": [{"a": 1}, {"_id": {"$gt": 2}}]}},
         'IXSCAN {"a": 1}, IXSCAN {"_id": 1}'),
        ({"distinct": "c", "key": "a"}, 'DISTINCT_SCAN {"a": 1}'),
        ({"find": "c", "filter": {"at": {"$near": [1, 1]}}}, 'GEO_NEAR_2D {"at": "2d"}'),
        ({"find": "c", "filter": {"$text": {"$search": "x"}}},
         'IXSCAN {"_fts": "text", "_ftsx": 1}'),
        ({"find": "none"}, "EOF"),
    ],
)  # fmt: skip
def test_the_plan_in_short(command: dict, summary: str) -> None:
    database = Database()
    keys = [{"a": 1}, {"at": "2d"}, {"t": "text"}]
    specs = [{"key": key, "name": str(key)} for key in keys]
    assert database.run({"createIndexes": "c", "indexes": specs})["ok"] == 1.0
    database.run({"profile": 0, "slowms": 0})
    assert database.run(command)["ok"] == 1.0
    summaries = [one["planSummary"] for one in slow(database) if "planSummary" in one]
    assert summaries[-1] == summary
