"""Transactions as a client sees them: isolation, conflicts, and the disk."""

from pathlib import Path

import pytest

from services.docdb.command import Pending
from services.docdb.tests.support import Database
from services.docdb.tests.test_persistence import finish_snapshot, restarted
from services.docdb.tests.transacting import TRANSIENT, ids, insert, update, with_three_documents


@pytest.fixture
def database() -> Database:
    return with_three_documents()


def test_nobody_sees_it_before_the_commit_and_everybody_after(database: Database) -> None:
    session = database.session().start()
    assert session.run(insert({"_id": 4, "v": 40}))["n"] == 1
    session.run(update({"_id": 1}, {"$set": {"v": 11}}))
    session.run({"delete": "c", "deletes": [{"q": {"_id": 2}, "limit": 1}]})
    own = [{"_id": 1, "v": 11}, {"_id": 3, "v": 30}, {"_id": 4, "v": 40}]
    assert session.find("c") == own
    assert ids(database.find("c")) == [1, 2, 3]
    assert session.commit()["ok"] == 1.0
    assert database.find("c") == own
    assert database.run({"validate": "c"})["valid"]


def test_an_abort_leaves_nothing(database: Database) -> None:
    before = database.find("c")
    session = database.session().start()
    session.run(insert({"_id": 4}))
    session.run(update({}, {"$inc": {"v": 1}}, multi=True))
    assert session.abort()["ok"] == 1.0
    assert database.find("c") == before
    assert database.engine.catalog.snapshots == []
    assert database.insert("c", {"_id": 4})["n"] == 1


def test_a_snapshot_stays_as_it_was_with_every_plan(database: Database) -> None:
    index = {"key": {"v": 1}, "name": "v"}
    database.run({"createIndexes": "c", "indexes": [index]})
    session = database.session().start()
    before = session.find("c")
    database.insert("c", {"_id": 9, "v": 15})
    database.run(update({"_id": 1}, {"$set": {"v": 99}}))
    database.run({"delete": "c", "deletes": [{"q": {"_id": 3}, "limit": 1}]})
    assert session.find("c") == before
    assert session.find("c", {"v": {"$gte": 15}}) == before[1:]
    assert session.find("c", sort={"v": -1}) == before[::-1]
    assert session.find("c", {"_id": 3}) == [before[2]]
    assert session.find("c", {"_id": 9}) == []
    pipeline = [{"$match": {"v": {"$gt": 0}}}, {"$count": "n"}]
    reply = session.run({"aggregate": "c", "pipeline": pipeline, "cursor": {}})
    assert reply["cursor"]["firstBatch"] == [{"n": 3}]
    assert session.commit()["ok"] == 1.0
    assert sorted(ids(database.find("c"))) == [1, 2, 9]


def test_a_cursor_reads_its_snapshot_to_the_end(database: Database) -> None:
    session = database.session().start()
    cursor = session.run({"find": "c", "batchSize": 1})["cursor"]
    database.run({"delete": "c", "deletes": [{"q": {}, "limit": 0}]})
    more = {"getMore": cursor["id"], "collection": "c"}
    assert ids(session.run(more)["cursor"]["nextBatch"]) == [2, 3]
    session.commit()


def test_a_cursor_ends_with_its_transaction(database: Database) -> None:
    session = database.session().start()
    cursor = session.run({"find": "c", "batchSize": 1})["cursor"]
    session.commit()
    assert database.run({"getMore": cursor["id"], "collection": "c"})["code"] == 43


@pytest.mark.parametrize(
    "second",
    [
        update({"_id": 1}, {"$set": {"v": 2}}),
        {"delete": "c", "deletes": [{"q": {"_id": 1}, "limit": 1}]},
        {"findAndModify": "c", "query": {"_id": 1}, "remove": True},
        insert({"_id": 5}),
    ],
    ids=["update", "delete", "findAndModify", "insert"],
)
def test_the_first_writer_wins(database: Database, second: dict) -> None:
    one, two = database.session().start(), database.session().start()
    two.find("c")
    one.run(update({"_id": 1}, {"$set": {"v": 1}}))
    one.run(insert({"_id": 5}))
    reply = two.run(second)
    assert (reply["code"], reply["codeName"]) == (112, "WriteConflict")
    assert reply["errorLabels"] == TRANSIENT
    assert two.commit()["code"] == 251
    assert one.commit()["ok"] == 1.0


def test_what_has_changed_since_the_snapshot_cannot_be_written(database: Database) -> None:
    for second in (update({"_id": 1}, {"$set": {"v": 2}}), insert({"_id": 7})):
        session = database.session().start()
        session.find("c")
        database.run(update({"_id": 1}, {"$inc": {"v": 1}}))
        database.insert("c", {"_id": 7})
        assert session.run(second)["code"] == 112
        database.run({"delete": "c", "deletes": [{"q": {"_id": 7}, "limit": 1}]})


def test_unique_keys_are_claimed(database: Database) -> None:
    index = {"key": {"v": 1}, "name": "v", "unique": True}
    database.run({"createIndexes": "c", "indexes": [index]})
    one, two = database.session().start(), database.session().start()
    one.run(update({"_id": 1}, {"$set": {"v": 77}}))
    assert two.run(insert({"_id": 8, "v": 77}))["code"] == 112
    # What the first has taken away may come back.
    two = database.session().start()
    assert two.run(insert({"_id": 8, "v": 10}))["code"] == 112
    assert one.run(insert({"_id": 9, "v": 77}))["writeErrors"][0]["code"] == 11000


def test_a_write_outside_waits_until_the_record_is_free(database: Database) -> None:
    session = database.session().start()
    session.run(update({"_id": 1}, {"$set": {"v": 1}}))
    statements = [
        {"q": {"_id": 2}, "u": {"$inc": {"v": 1}}},
        {"q": {"_id": 1}, "u": {"$inc": {"v": 5}}},
        {"q": {}, "u": {"$inc": {"w": 1}}, "multi": True},
    ]
    pending = database.run({"update": "c", "updates": statements})
    assert type(pending) is Pending and pending.retry(False) is None
    assert database.find("c", {"_id": 2})[0]["v"] == 21
    session.commit()
    assert database.engine.transactions.wakes_waiting
    assert database.travelled(pending.retry(False))["nModified"] == 5
    assert [d["v"] for d in database.find("c")] == [6, 21, 30]
    assert [d["w"] for d in database.find("c")] == [1, 1, 1]


def test_a_write_that_had_to_wait_is_on_the_disk_all_the_same(database: Database) -> None:
    session = database.session().start()
    session.run(update({"_id": 1}, {"$set": {"v": 1}}))
    journal = database.engine.journal
    pending = database.run(update({"_id": 1}, {"$set": {"v": 2}}) | {"writeConcern": {"j": True}})
    journal.needs_sync = False
    assert pending.retry(False) is None and not journal.needs_sync
    session.commit()
    assert pending.retry(False)["nModified"] == 1
    assert journal.needs_sync


def test_a_write_waits_no_longer_than_it_says(database: Database) -> None:
    session = database.session().start()
    session.run({"delete": "c", "deletes": [{"q": {"_id": 1}, "limit": 1}]})
    command = {"findAndModify": "c", "query": {"_id": 1}, "remove": True, "maxTimeMS": 500}
    pending = database.run(command)
    assert pending.timeout_s == 0.5
    assert pending.retry(True)["code"] == 50


def test_who_waits_is_seen_and_can_be_stopped(database: Database) -> None:
    session = database.session().start()
    session.run(update({"_id": 1}, {"$set": {"v": 1}}))
    pending = database.run(update({"_id": 1}, {"$set": {"v": 2}}))
    other = database.engine.connect()
    waiting, database.client = database.client, other
    found = database.run({"currentOp": 1}, "admin")["inprog"]
    assert [op["type"] for op in found] == ["op", "idleSession"]
    assert found[0]["command"]["update"] == "c"
    database.run({"killOp": 1, "op": found[0]["opid"]}, "admin")
    assert pending.retry(False)["code"] == 11601
    assert waiting.waits_for is None
    session.abort()


def test_collections_and_indexes_are_made_with_the_commit(database: Database) -> None:
    session = database.session().start()
    assert session.run({"create": "new", "validator": {"n": {"$gt": 0}}})["ok"] == 1.0
    spec = {"key": {"n": 1}, "name": "n", "unique": True}
    assert session.run({"createIndexes": "new", "indexes": [spec]})["numIndexesAfter"] == 2
    session.run({"insert": "new", "documents": [{"_id": 1, "n": 1}, {"_id": 2, "n": 2}]})
    session.run({"insert": "implicit", "documents": [{"_id": 1}]})
    assert session.find("new", {"n": 2}) == [{"_id": 2, "n": 2}]
    assert database.find("new") == []
    session.commit()
    assert database.find("new") == [{"_id": 1, "n": 1}, {"_id": 2, "n": 2}]
    assert database.find("implicit") == [{"_id": 1}]
    reply = database.insert("new", {"_id": 3, "n": 2})
    assert reply["writeErrors"][0]["code"] == 11000
    assert database.insert("new", {"_id": 3, "n": 3})["n"] == 1
    assert database.run({"validate": "new"})["valid"]


@pytest.mark.parametrize(
    "change",
    [
        {"drop": "c"},
        {"createIndexes": "c", "indexes": [{"key": {"v": 1}, "name": "v"}]},
        {"collMod": "c", "validator": {"x": 1}},
    ],
)
def test_a_changed_catalog_ends_who_has_read_it(database: Database, change: dict) -> None:
    session = database.session().start()
    session.run(insert({"_id": 5}))
    assert database.run(change)["ok"] == 1.0
    reply = session.commit()
    assert (reply["code"], reply["errorLabels"]) == (246, TRANSIENT)
    assert 5 not in ids(database.find("c"))


def test_reads_at_one_time_without_a_transaction(database: Database) -> None:
    concern = {"level": "snapshot"}
    first = database.run({"find": "c", "readConcern": concern})["cursor"]
    at = first["atClusterTime"]
    database.insert("c", {"_id": 4})
    again = {"find": "c", "readConcern": concern | {"atClusterTime": at}}
    assert database.run(again)["cursor"]["firstBatch"] == first["firstBatch"]
    distinct = {"distinct": "c", "key": "_id", "readConcern": concern | {"atClusterTime": at}}
    assert database.run(distinct)["values"] == [1, 2, 3]
    assert len(database.run({"find": "c", "readConcern": concern})["cursor"]["firstBatch"]) == 4
    assert database.run({"count": "c", "readConcern": concern})["code"] == 72
    database.now_s += 301
    database.engine.tick()
    assert database.run(again)["code"] == 239
    assert database.engine.catalog.snapshots == []


def test_a_commit_survives_a_restart_as_a_whole(tmp_path: Path) -> None:
    database = Database(data_dir=str(tmp_path), replset="rs")
    database.insert("c", {"_id": 1})
    session = database.session().start()
    session.run(insert({"_id": 2}))
    session.run({"create": "new"})
    session.commit()
    lost = database.session().start()
    lost.run(insert({"_id": 3}))
    for step in ("journal", "snapshot"):
        if step == "snapshot":
            finish_snapshot(database)
        database = restarted(tmp_path, database, replset="rs")
        assert ids(database.find("c")) == [1, 2]
        assert "new" in database.engine.catalog.databases["test"].collections
        again = database.session()
        again.id, again.number = session.id, session.number
        assert again.commit()["ok"] == 1.0
        again.id, again.number = lost.id, lost.number
        assert again.commit()["code"] == 251
