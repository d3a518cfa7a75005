"""Commands as a client sees them: cursors, guards, logins, expiry, capped collections."""

import pytest

from services.common.scram import SHA1, SHA256, ClientLogin
from services.docdb.bson.types import Binary, Date
from services.docdb.command import Pending
from services.docdb.passwords import sha1_password
from services.docdb.tests.support import Database
from services.docdb.wire import Message


@pytest.fixture
def database() -> Database:
    return Database()


def test_a_cursor_goes_batch_by_batch(database: Database) -> None:
    database.insert("c", *({"_id": number} for number in range(7)))
    first = database.run({"find": "c", "batchSize": 3})["cursor"]
    assert [len(first["firstBatch"]), first["ns"]] == [3, "test.c"]
    more = {"getMore": first["id"], "collection": "c", "batchSize": 3}
    second = database.run(more)["cursor"]
    third = database.run(more)["cursor"]
    assert [d["_id"] for d in second["nextBatch"] + third["nextBatch"]] == [3, 4, 5, 6]
    assert third["id"] == 0
    assert database.run(more)["code"] == 43
    assert database.run({"find": "c", "batchSize": 3, "singleBatch": True})["cursor"]["id"] == 0


def test_cursors_are_killed_and_expire(database: Database) -> None:
    database.insert("c", {"_id": 1}, {"_id": 2})
    one, two = (database.run({"find": "c", "batchSize": 1})["cursor"]["id"] for _ in range(2))
    reply = database.run({"killCursors": "c", "cursors": [one, 5]})
    assert (reply["cursorsKilled"], reply["cursorsNotFound"]) == ([one], [5])
    database.now_s += 601
    database.engine.tick()
    assert database.run({"getMore": two, "collection": "c"})["code"] == 43


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ({"nope": 1}, 59),
        ({"find": "c", "nope": 1}, 40415),
        ({"find": 5}, 73),
        ({"find": ""}, 73),
        ({"find": "c", "limit": -1}, 51024),
        ({"insert": "c"}, 40414),
        ({"insert": "c", "documents": []}, 16),
        ({"insert": "a$b", "documents": [{}]}, 73),
        ({"insert": "c", "documents": [{}], "writeConcern": {"w": 3}}, 2),
        ({"listDatabases": 1}, 13),
        ({"find": "c", "readConcern": {"level": "snapshot"}}, 123),
        ({"aggregate": "c", "pipeline": [{"$changeStream": {}}], "cursor": {}}, 40573),
    ],
)
def test_what_is_refused(database: Database, command: dict, code: int) -> None:
    reply = database.run(command)
    assert (reply["ok"], reply["code"]) == (0.0, code)


def test_our_own_mistakes_are_answered_too(database: Database) -> None:
    def broken(engine: object, request: object) -> dict:
        raise ZeroDivisionError

    database.engine.dispatcher.commands["ping"].handler = broken
    assert database.run({"ping": 1})["codeName"] == "InternalError"


def test_documents_that_are_too_large_or_too_deep(database: Database) -> None:
    reply = database.insert("c", {"_id": 1, "x": "x" * (16 * 1024 * 1024)})
    assert reply["writeErrors"][0]["code"] == 10334
    database.insert("c", {"_id": 2, "a": {}})
    path = ".".join("a" * 120)
    statement = {"q": {"_id": 2}, "u": {"$set": {path: 1}}}
    reply = database.run({"update": "c", "updates": [statement]})
    assert "writeErrors" in reply
    assert database.find("c") == [{"_id": 2, "a": {}}]


def test_expired_documents_go(database: Database) -> None:
    spec = {"key": {"at": 1}, "name": "at", "expireAfterSeconds": 60}
    database.run({"createIndexes": "c", "indexes": [spec]})
    now_ms = int(database.now_s * 1000)
    database.insert(
        "c",
        {"_id": 1, "at": Date(now_ms)},
        {"_id": 2, "at": Date(now_ms + 99_000)},
        {"_id": 3, "at": "never"},
        {"_id": 4, "at": [Date(now_ms), Date(now_ms)]},
    )
    database.now_s += 61
    database.engine.tick()
    assert [d["_id"] for d in database.find("c")] == [2, 3]


def test_a_tailable_cursor_waits(database: Database) -> None:
    database.run({"create": "c", "capped": True, "size": 4096})
    database.insert("c", {"_id": 1})
    cursor = database.run({"find": "c", "tailable": True, "awaitData": True})["cursor"]
    assert cursor["firstBatch"] == [{"_id": 1}]
    more = {"getMore": cursor["id"], "collection": "c", "maxTimeMS": 500, "$db": "test"}
    pending = database.engine.dispatcher.execute(database.client, Message(1, more))
    assert type(pending) is Pending and pending.timeout_s == 0.5
    assert pending.retry(False) is None
    database.insert("c", {"_id": 2})
    assert len(pending.retry(False)["cursor"]["nextBatch"]) == 1
    assert pending.retry(True)["cursor"]["nextBatch"] == []


def test_validators(database: Database) -> None:
    database.run({"create": "c", "validator": {"n": {"$gt": 0}}})
    reply = database.insert("c", {"_id": 1, "n": 0})
    assert reply["writeErrors"][0]["code"] == 121
    bypass = {"insert": "c", "documents": [{"_id": 1, "n": 0}], "bypassDocumentValidation": True}
    assert database.run(bypass)["n"] == 1
    database.run({"collMod": "c", "validationLevel": "moderate"})
    update = {"update": "c", "updates": [{"q": {}, "u": {"$set": {"n": -1}}}]}
    assert database.run(update)["nModified"] == 1


def test_collation(database: Database) -> None:
    database.insert("c", *({"_id": text} for text in ["b10", "B9", "a", "\u00c4"]))
    spec = {"locale": "en", "strength": 1, "numericOrdering": True}
    found = database.find("c", sort={"_id": 1}, collation=spec)
    assert [d["_id"] for d in found] == ["a", "\u00c4", "B9", "b10"]
    assert len(database.find("c", {"_id": "A"}, collation=spec)) == 2
    index = {"key": {"_id": 1, "x": 1}, "name": "i", "collation": spec, "unique": True}
    assert database.run({"createIndexes": "c", "indexes": [index]})["code"] == 11000


def log_in(database: Database, mechanism: str, hash_name: str, name: str, password: str) -> bool:
    secret = sha1_password(name, password) if hash_name == SHA1 else password
    login = ClientLogin(hash_name, name, secret)
    start = {"saslStart": 1, "mechanism": mechanism, "payload": Binary(login.first().encode()),
             "options": {"skipEmptyExchange": True}}  # fmt: skip
    first = database.run(start, "admin")
    final = login.final(first["payload"].data.decode())
    last = database.run(
        {"saslContinue": 1, "conversationId": 1, "payload": Binary(final.encode())}, "admin"
    )
    if not last["ok"]:
        assert last["code"] == 18
        return False
    login.check(last["payload"].data.decode())
    return last["done"]


@pytest.mark.parametrize(
    ("mechanism", "hash_name"), [("SCRAM-SHA-1", SHA1), ("SCRAM-SHA-256", SHA256)]
)
def test_logins(mechanism: str, hash_name: str) -> None:
    database = Database(password="geheim")
    assert database.run({"ping": 1})["ok"] == 1.0
    assert database.run({"find": "c"})["code"] == 13
    assert not log_in(database, mechanism, hash_name, "admin", "wrong")
    assert database.run({"find": "c"})["code"] == 13
    assert log_in(database, mechanism, hash_name, "admin", "geheim")
    assert database.insert("c", {"_id": 1})["n"] == 1
    user = {"createUser": "eva", "pwd": "x", "roles": [{"role": "read", "db": "test"}]}
    assert database.run(user, "admin")["ok"] == 1.0
    database.run({"logout": 1}, "admin")
    assert log_in(database, mechanism, hash_name, "eva", "x")
    assert database.find("c") == [{"_id": 1}]
    assert database.insert("c", {"_id": 2})["code"] == 13
    assert database.run({"find": "c"}, "other")["code"] == 13
