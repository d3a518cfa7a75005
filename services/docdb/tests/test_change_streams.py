"""Change streams: which events there are, from where they begin, and where they end."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.docdb.bson.types import Document, Timestamp
from services.docdb.command import Pending
from services.docdb.replication.resume_token import ResumeToken, TokenKind, read_token
from services.docdb.replication.update_diff import describe
from services.docdb.tests.support import Database
from services.docdb.tests.test_persistence import finish_snapshot, restarted


class Stream:
    """A change stream of a client."""

    def __init__(
        self,
        database: Database,
        target: object = "c",
        *stages: Document,
        on: str = "test",
        **options: object,
    ):
        self._database = database
        self._on = on
        pipeline = [{"$changeStream": options}, *stages]
        self.reply = database.run({"aggregate": target, "pipeline": pipeline, "cursor": {}}, on)
        if self.reply["ok"]:
            self._cursor = self.reply["cursor"]
            self.token = self._cursor["postBatchResumeToken"]

    def more(self) -> Document:
        name = self._cursor["ns"].partition(".")[2]
        reply = self._database.run({"getMore": self._cursor["id"], "collection": name}, self._on)
        if type(reply) is Pending:
            reply = self._database.travelled(reply.retry(True))
        return reply

    def events(self) -> list[Document]:
        cursor = self.more()["cursor"]
        self.token = cursor["postBatchResumeToken"]
        self._cursor = cursor
        return cursor["nextBatch"]

    @property
    def is_open(self) -> bool:
        return self._cursor["id"] != 0


@pytest.fixture
def database() -> Database:
    return Database(replset="rs")


def change(database: Database, *statements: Document, collection: str = "c") -> None:
    assert database.run({"update": collection, "updates": list(statements)})["ok"] == 1.0


def types(events: list[Document]) -> list[object]:
    return [event["operationType"] for event in events]


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


def test_the_oplog_can_be_queried(database: Database) -> None:
    database.insert("c", {"_id": 1, "a": 1})
    change(database, {"q": {"_id": 1}, "u": {"$set": {"a": 2}}})
    database.run({"delete": "c", "deletes": [{"q": {}, "limit": 1}]})
    find = {"find": "oplog.rs", "filter": {"ns": "test.c"}, "sort": {"ts": -1}}
    found = database.run(find, "local")["cursor"]["firstBatch"]
    assert [entry["op"] for entry in found] == ["d", "u", "i", "c"]
    assert (found[0]["o"], found[1]["o2"]) == ({"_id": 1}, {"_id": 1})
    insert = {"insert": "oplog.rs", "documents": [{"_id": 1}]}
    assert database.run(insert, "local")["writeErrors"][0]["code"] == 13
    assert database.run({"find": "oplog.rs", "filter": {"_id": 1}}, "local")["ok"] == 1.0


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


_values = st.recursive(
    st.integers(0, 3) | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from("abcd"), _values), st.dictionaries(st.sampled_from("abcd"),
       _values))  # fmt: skip
def test_a_description_says_all_that_has_changed(before: Document, after: Document) -> None:
    """Applied to what was before, it gives what is after."""

    def place_of(root: Document, path: tuple) -> object:
        for part in path[:-1]:
            root = root[part]
        return root

    found = describe(before, after)
    made = _copied(before)
    for path, size in found.truncated:
        del place_of(made, path)[path[-1]][size:]
    for path in found.removed:
        del place_of(made, path)[path[-1]]
    for path, value in found.updated:
        holder = place_of(made, path)
        if type(holder) is list and path[-1] == len(holder):
            holder.append(value)
        else:
            holder[path[-1]] = value
    assert made == after


def _copied(value: object) -> object:
    if type(value) is dict:
        return {name: _copied(item) for name, item in value.items()}
    return [_copied(item) for item in value] if type(value) is list else value
