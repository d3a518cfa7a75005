"""Change streams that go on: after a token, after a restart, and not when history is gone."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.docdb.bson.types import Timestamp
from services.docdb.command import Pending
from services.docdb.replication.resume_token import ResumeToken, TokenKind, read_token
from services.docdb.tests.streams import Stream, change, types
from services.docdb.tests.support import Database
from services.docdb.tests.test_persistence import finish_snapshot, restarted


@pytest.fixture
def database() -> Database:
    return Database(replset="rs")


def test_where_to_begin(database: Database) -> None:
    first = database.insert("c", {"_id": 1})["operationTime"]
    stream = Stream(database)
    second = database.insert("c", {"_id": 2})["operationTime"]
    for options, wanted in (
        ({"startAtOperationTime": first}, [1, 2]),
        ({"startAtOperationTime": second}, [2]),
        ({"resumeAfter": stream.token}, [2]),
        ({"startAfter": stream.token}, [2]),
    ):
        found = Stream(database, **options).reply["cursor"]["firstBatch"]
        assert [event["documentKey"]["_id"] for event in found] == wanted
    assert Stream(database).reply["cursor"]["firstBatch"] == []


def test_who_waits_gets_the_event(database: Database) -> None:
    stream = Stream(database)
    more = {"getMore": stream.reply["cursor"]["id"], "collection": "c", "maxTimeMS": 300}
    pending = database.run(more)
    assert type(pending) is Pending and pending.timeout_s == 0.3
    database.insert("other", {"_id": 1})
    assert pending.retry(False) is None
    database.insert("c", {"_id": 1})
    assert len(pending.retry(False)["cursor"]["nextBatch"]) == 1


@pytest.mark.parametrize("with_snapshot", [False, True])
def test_it_goes_on_after_a_restart(tmp_path: Path, with_snapshot: bool) -> None:
    database = Database(data_dir=str(tmp_path), replset="rs")
    stream = Stream(database)
    database.run({"create": "c", "changeStreamPreAndPostImages": {"enabled": True}})
    database.insert("c", {"_id": 1, "n": 1}, {"_id": 2, "n": 1})
    change(database, {"q": {"_id": 1}, "u": {"$inc": {"n": 1}}}, {"q": {"_id": 2}, "u": {"n": 7}})
    session = database.session().start()
    session.run({"insert": "c", "documents": [{"_id": 3}, {"_id": 4}]})
    session.commit()
    database.run({"dropDatabase": 1})
    options = {"fullDocumentBeforeChange": "whenAvailable", "resumeAfter": stream.token}
    before = Stream(database, **options).reply["cursor"]["firstBatch"]
    assert len(before) == 8
    if with_snapshot:
        finish_snapshot(database)
    database = restarted(tmp_path, database, replset="rs")
    assert Stream(database, **options).reply["cursor"]["firstBatch"] == before
    middle = options | {"resumeAfter": before[2]["_id"]}
    assert Stream(database, **middle).reply["cursor"]["firstBatch"] == before[3:]
    database.insert("c", {"_id": 9})
    last = Stream(database, 1, resumeAfter=before[5]["_id"]).reply["cursor"]["firstBatch"]
    assert types(last)[-1] == "invalidate"


def test_history_that_is_gone(tmp_path: Path) -> None:
    database = Database(replset="rs", oplog_bytes=10_000)
    stream = Stream(database)
    token = stream.token
    for number in range(30):
        database.insert("c", {"_id": number, "x": "x" * 500})
    reply = stream.more()
    assert (reply["code"], reply["codeName"]) == (286, "ChangeStreamHistoryLost")
    assert reply["errorLabels"] == ["NonResumableChangeStreamError"]
    assert Stream(database, resumeAfter=token).reply["code"] == 286


def test_a_replica_set_begins_where_a_standalone_was(tmp_path: Path) -> None:
    database = Database(data_dir=str(tmp_path))
    database.insert("c", {"_id": 1})
    database = restarted(tmp_path, database, replset="rs")
    stream = Stream(database)
    database.insert("c", {"_id": 2})
    assert len(stream.events()) == 1
    token = stream.token
    database = restarted(tmp_path, database)
    database.insert("c", {"_id": 3})
    assert [document["_id"] for document in database.find("c")] == [1, 2, 3]
    # What the standalone has done is in no oplog: a stream would miss it.
    database = restarted(tmp_path, database, replset="rs")
    assert Stream(database, resumeAfter=token).reply["code"] == 286


def test_a_capped_collection_tells_what_it_forgets(tmp_path: Path) -> None:
    database = Database(data_dir=str(tmp_path), replset="rs")
    stream = Stream(database)
    database.run({"create": "c", "capped": True, "size": 4096, "max": 1})
    database.insert("c", {"_id": 1}, {"_id": 2})
    assert types(stream.events()) == ["insert", "insert", "delete"]
    before = Stream(database, resumeAfter=stream.reply["cursor"]["postBatchResumeToken"])
    database = restarted(tmp_path, database, replset="rs")
    again = Stream(database, resumeAfter=stream.reply["cursor"]["postBatchResumeToken"])
    assert again.reply["cursor"]["firstBatch"] == before.reply["cursor"]["firstBatch"]
    assert database.find("c") == [{"_id": 2}]


def test_large_events_come_in_pieces(database: Database) -> None:
    database.run({"create": "c", "changeStreamPreAndPostImages": {"enabled": True}})
    large = "x" * 9_000_000
    database.insert("c", {"_id": 1, "v": large})
    options = {"fullDocumentBeforeChange": "required"}
    split = {"$changeStreamSplitLargeEvent": {}}
    stream = Stream(database, "c", split, **options)
    change(database, {"q": {"_id": 1}, "u": {"v": large[:-1]}})
    one = stream.events()
    two = stream.events()
    assert [len(one), len(two)] == [1, 1]
    assert one[0]["splitEvent"] == {"fragment": 1, "of": 2}
    assert two[0]["splitEvent"] == {"fragment": 2, "of": 2}
    again = Stream(database, "c", split, **options, resumeAfter=one[0]["_id"])
    assert again.reply["cursor"]["firstBatch"] == two


@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(-1, 2**32 - 2),
    st.sampled_from(TokenKind),
    st.integers(0, 255),
)
def test_tokens(time: int, increment: int, place: int, kind: TokenKind, fragment: int) -> None:
    token = ResumeToken((Timestamp(time, increment), place), kind, fragment)
    assert read_token(token.document()) == token
