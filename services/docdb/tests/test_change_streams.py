"""Change streams: which events there are, and what is watched."""

import pytest

from services.docdb.bson.types import Timestamp
from services.docdb.tests.streams import Stream, change, types
from services.docdb.tests.support import Database


@pytest.fixture
def database() -> Database:
    return Database(replset="rs")


def test_events_of_documents(database: Database) -> None:
    stream = Stream(database)
    database.insert("c", {"_id": 1, "a": 1, "l": [1, 2, 3], "d": {"x": 1, "y": 2}, "gone": 0})
    change(
        database,
        {"q": {"_id": 1}, "u": {"$set": {"a": 2, "d.y": 3, "l": [1, 2]}, "$unset": {"gone": 1}}},
        {"q": {"_id": 1}, "u": {"a": 5}},
    )
    database.run({"delete": "c", "deletes": [{"q": {}, "limit": 1}]})
    database.insert("other", {"_id": 1})
    insert, update, replace, delete = stream.events()
    assert list(insert)[:6] == ["_id", "operationType", "clusterTime", "wallTime",
                                "fullDocument", "ns"]  # fmt: skip
    assert insert["ns"] == {"db": "test", "coll": "c"}
    assert insert["documentKey"] == delete["documentKey"] == {"_id": 1}
    assert insert["fullDocument"]["l"] == [1, 2, 3]
    assert update["updateDescription"] == {
        "updatedFields": {"a": 2, "d.y": 3},
        "removedFields": ["gone"],
        "truncatedArrays": [{"field": "l", "newSize": 2}],
    }
    assert "fullDocument" not in update and "fullDocument" not in delete
    assert (replace["operationType"], replace["fullDocument"]) == ("replace", {"_id": 1, "a": 5})
    times = [event["clusterTime"] for event in (insert, update, replace, delete)]
    assert times == sorted(set(times))
    assert stream.events() == []


@pytest.mark.parametrize(
    ("target", "on", "options", "seen"),
    [
        ("c", "test", {}, ["c"]),
        (1, "test", {}, ["c", "d"]),
        (1, "admin", {"allChangesForCluster": True}, ["c", "d", "e"]),
    ],
)
def test_what_is_watched(
    database: Database, target: object, on: str, options: dict, seen: list[str]
) -> None:
    stream = Stream(database, target, on=on, **options)
    database.insert("c", {"_id": 1})
    database.insert("d", {"_id": 1})
    database.run({"insert": "e", "documents": [{"_id": 1}]}, "second")
    database.run({"createUser": "eva", "pwd": "x", "roles": []}, "admin")
    assert [event["ns"]["coll"] for event in stream.events()] == seen


def test_a_drop_ends_a_stream(database: Database) -> None:
    database.insert("c", {"_id": 1})
    streams = [Stream(database), Stream(database, 1), Stream(database, 1, on="admin",
               allChangesForCluster=True)]  # fmt: skip
    database.run({"drop": "c"})
    database.insert("d", {"_id": 1})
    database.run({"dropDatabase": 1})
    database.insert("c", {"_id": 1})
    rest = ["drop", "insert", "drop", "dropDatabase"]
    found = [stream.events() for stream in streams]
    assert types(found[0]) == ["drop", "invalidate"]
    assert types(found[1]) == [*rest, "invalidate"]
    assert types(found[2]) == [*rest, "insert"]
    assert [stream.is_open for stream in streams] == [False, False, True]
    end = found[0][-1]["_id"]
    assert Stream(database, resumeAfter=end).reply["code"] == 260
    later = Stream(database, startAfter=end)
    assert types(later.reply["cursor"]["firstBatch"]) == ["insert"]
    again = Stream(database, resumeAfter=found[0][0]["_id"])
    assert types(again.reply["cursor"]["firstBatch"]) == ["invalidate"]


def test_a_rename_ends_both_its_ends(database: Database) -> None:
    database.insert("c", {"_id": 1})
    database.insert("d", {"_id": 2})
    source, target = Stream(database), Stream(database, "d", showExpandedEvents=True)
    rename = {"renameCollection": "test.c", "to": "test.d", "dropTarget": True}
    assert database.run(rename, "admin")["ok"] == 1.0
    for stream in (source, target):
        found = stream.events()
        assert types(found) == ["rename", "invalidate"]
        assert found[0]["to"] == {"db": "test", "coll": "d"}
    assert found[0]["operationDescription"].keys() == {"to", "dropTarget"}
    assert database.find("d") == [{"_id": 1}]


def test_expanded_events(database: Database) -> None:
    stream, plain = Stream(database, 1, showExpandedEvents=True), Stream(database, 1)
    database.run({"create": "c"})
    database.run({"createIndexes": "c", "indexes": [{"key": {"a": 1}, "name": "a"}]})
    database.run({"collMod": "c", "index": {"name": "a", "hidden": True}})
    database.run({"dropIndexes": "c", "index": "a"})
    database.insert("c", {"_id": 1})
    found = stream.events()
    assert types(found) == ["create", "createIndexes", "modify", "dropIndexes", "insert"]
    assert len({event["collectionUUID"] for event in found}) == 1
    assert types(plain.events()) == ["insert"]


def test_the_document_as_it_is_and_as_it_was(database: Database) -> None:
    database.run({"create": "c", "changeStreamPreAndPostImages": {"enabled": True}})
    now = Stream(database, fullDocument="updateLookup")
    then = Stream(database, fullDocument="required", fullDocumentBeforeChange="required")
    database.insert("c", {"_id": 1, "n": 0})
    for _ in range(2):
        change(database, {"q": {"_id": 1}, "u": {"$inc": {"n": 1}}})
    assert [event["fullDocument"]["n"] for event in now.events()] == [0, 2, 2]
    found = then.events()
    assert [event["fullDocument"]["n"] for event in found] == [0, 1, 2]
    before = [event.get("fullDocumentBeforeChange", {}).get("n") for event in found]
    assert before == [None, 0, 1]
    database.run({"collMod": "c", "changeStreamPreAndPostImages": {"enabled": False}})
    polite = Stream(database, fullDocumentBeforeChange="whenAvailable")
    database.run({"delete": "c", "deletes": [{"q": {}, "limit": 1}]})
    assert polite.events()[0]["fullDocumentBeforeChange"] is None
    reply = then.more()
    assert (reply["code"], reply["errorLabels"]) == (47, ["NonResumableChangeStreamError"])


def test_a_transaction_comes_as_a_whole(database: Database) -> None:
    database.run({"create": "c"})
    stream = Stream(database)
    session = database.session().start()
    session.run({"insert": "c", "documents": [{"_id": 1}, {"_id": 2}]})
    assert stream.events() == []
    database.insert("c", {"_id": 3})
    session.run({"update": "c", "updates": [{"q": {"_id": 1}, "u": {"$set": {"a": 1}}}]})
    session.commit()
    found = stream.events()
    assert types(found) == ["insert", "insert", "insert", "update"]
    assert [event["documentKey"]["_id"] for event in found] == [3, 1, 2, 1]
    assert len({event["clusterTime"] for event in found[1:]}) == 1
    assert {event["txnNumber"] for event in found[1:]} == {1}
    later = Stream(database, resumeAfter=found[1]["_id"])
    assert later.events() == [] and later.reply["cursor"]["firstBatch"] == found[2:]


def test_stages_behind_it(database: Database) -> None:
    wanted = {"$match": {"fullDocument.n": {"$gt": 1}}}
    stream = Stream(database, "c", wanted, {"$project": {"documentKey": 1}})
    database.insert("c", *({"_id": n, "n": n} for n in range(4)))
    found = stream.events()
    assert [event["documentKey"]["_id"] for event in found] == [2, 3]
    assert found[0].keys() == {"_id", "documentKey"}
    broken = Stream(database, "c", {"$project": {"_id": 0}})
    database.insert("c", {"_id": 9})
    reply = broken.more()
    assert (reply["code"], reply["errorLabels"]) == (280, ["NonResumableChangeStreamError"])


@pytest.mark.parametrize(
    ("stages", "options", "code"),
    [
        ([{"$group": {"_id": 1}}], {}, 20),
        ([{"$nope": 1}], {}, 40324),
        ([], {"fullDocument": "nope"}, 2),
        ([], {"nope": 1}, 40415),
        ([], {"resumeAfter": {}}, 260),
        ([], {"resumeAfter": {"_data": "82"}}, 260),
        ([], {"resumeAfter": {"_data": "no hex"}}, 260),
        ([], {"startAtOperationTime": 5}, 14),
        ([], {"allChangesForCluster": True}, 72),
        ([], {"startAtOperationTime": Timestamp(1, 1)}, 286),
    ],
)
def test_what_is_refused(database: Database, stages: list, options: dict, code: int) -> None:
    assert Stream(database, "c", *stages, **options).reply["code"] == code


def test_it_is_first_and_on_a_replica_set_alone(database: Database) -> None:
    pipeline = [{"$match": {}}, {"$changeStream": {}}]
    command = {"aggregate": "c", "pipeline": pipeline, "cursor": {}}
    assert database.run(command)["code"] == 40602
    assert Stream(Database()).reply["code"] == 40573
