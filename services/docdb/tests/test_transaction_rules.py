"""What a transaction may not do, and how it ends."""

import pytest

from services.docdb.tests.support import Database, Session
from services.docdb.tests.transacting import TRANSIENT, ids, insert, update, with_three_documents


@pytest.fixture
def database() -> Database:
    return with_three_documents()


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ({"find": "c", "txnNumber": 1}, 72),
        ({"find": "c", "lsid": "x"}, 14),
        ({"find": "c", "session": 1, "autocommit": False}, 72),
        ({"find": "c", "session": 1, "startTransaction": True}, 72),
        ({"find": "c", "session": 1, "txnNumber": 1, "startTransaction": True}, 72),
        ({"find": "c", "session": 1, "txnNumber": 1, "autocommit": True}, 72),
        ({"find": "c", "session": 1, "txnNumber": -1, "autocommit": False}, 72),
        ({"find": "c", "session": 1, "txnNumber": 1}, 50768),
        ({"find": "c", "session": 1, "txnNumber": 1, "autocommit": False}, 251),
        ({"commitTransaction": 1}, 13),
        ({"commitTransaction": 1, "$db": "admin"}, 125),
    ],
)
def test_fields_that_do_not_go_together(database: Database, command: dict, code: int) -> None:
    if command.pop("session", 0):
        command["lsid"] = {"id": database.session().id}
    assert database.run(command, command.pop("$db", "test"))["code"] == code


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ({"count": "c"}, 263),
        ({"listCollections": 1}, 263),
        ({"drop": "c"}, 263),
        ({"createIndexes": "c", "indexes": [{"key": {"x": 1}, "name": "x"}]}, 263),
        ({"aggregate": "c", "pipeline": [{"$out": "d"}], "cursor": {}}, 263),
        ({"aggregate": "c", "pipeline": [{"$changeStream": {}}], "cursor": {}}, 263),
        ({"insert": "capped", "documents": [{}]}, 263),
        ({"find": "c", "writeConcern": {"w": 1}}, 72),
        ({"find": "nope", "hint": "nope", "filter": {"$nope": 1}}, 2),
    ],
)
def test_what_a_transaction_cannot_do(database: Database, command: dict, code: int) -> None:
    database.run({"create": "capped", "capped": True, "size": 4096})
    session = database.session().start()
    session.run(insert({"_id": 5}))
    reply = session.run(command)
    assert reply.get("writeErrors", [reply])[0]["code"] == code
    session.abort()
    assert ids(database.find("c")) == [1, 2, 3]


def test_numbers_only_grow(database: Database) -> None:
    session = database.session().start()
    session.run(insert({"_id": 5}))
    session.number += 1
    assert session.run({"find": "c"})["code"] == 251
    session.number -= 1
    session.commit()
    assert session.run({"find": "c"})["code"] == 256
    session.number -= 1
    assert session.start().run({"find": "c"})["code"] == 50911
    session.start().run(insert({"_id": 6}))
    session.start().run(insert({"_id": 7}))
    assert session.commit()["ok"] == 1.0
    assert ids(database.find("c")) == [1, 2, 3, 5, 7]
    session.number -= 1
    assert session.commit()["code"] == 225


def test_ends_can_be_asked_for_again(database: Database) -> None:
    session = database.session().start()
    session.run(insert({"_id": 5}))
    assert session.commit()["ok"] == session.commit()["ok"] == 1.0
    assert session.abort()["code"] == 256
    session.start().run(insert({"_id": 6}))
    assert session.abort()["ok"] == 1.0
    assert session.abort()["code"] == 251
    assert session.commit()["errorLabels"] == TRANSIENT
    assert ids(database.find("c")) == [1, 2, 3, 5]


def test_any_error_aborts(database: Database) -> None:
    session = database.session().start()
    session.run(insert({"_id": 5}))
    reply = session.run(insert({"_id": 1}))
    assert reply["writeErrors"][0]["code"] == 11000 and "errorLabels" not in reply
    assert session.commit()["code"] == 251
    assert ids(database.find("c")) == [1, 2, 3]


def test_it_ends_when_its_time_is_over(database: Database) -> None:
    session = database.session().start()
    session.run(update({"_id": 1}, {"$set": {"v": 1}}))
    pending = database.run(update({"_id": 1}, {"$set": {"v": 2}}))
    database.now_s += 59
    database.engine.tick()
    assert pending.retry(False) is None
    database.now_s += 2
    database.engine.tick()
    assert pending.retry(False)["nModified"] == 1
    assert session.commit()["code"] == 251


@pytest.mark.parametrize("command", ["endSessions", "killSessions", "killAllSessions"])
def test_it_ends_with_its_session(database: Database, command: str) -> None:
    session = database.session().start()
    session.run(insert({"_id": 5}))
    named = [] if command == "killAllSessions" else [{"id": session.id}]
    assert database.run({command: named}, "admin")["ok"] == 1.0
    assert session.commit()["code"] == 251
    assert database.engine.catalog.snapshots == []


def test_a_standalone_has_none(database: Database) -> None:
    session = Database().session().start()
    assert session.run({"find": "c"})["code"] == 20
    assert session.write(insert({"_id": 1}))["code"] == 20


def test_sessions_are_told_apart() -> None:
    database = Database(replset="rs")
    one: Session = database.session().start()
    two: Session = database.session().start()
    one.run(insert({"_id": 1}))
    two.run(insert({"_id": 2}))
    assert (one.find("c"), two.find("c")) == ([{"_id": 1}], [{"_id": 2}])
