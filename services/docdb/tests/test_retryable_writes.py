"""A write that comes again is not done again, and its answer is the same."""

from pathlib import Path

import pytest

from services.docdb.tests.support import Database, Session
from services.docdb.tests.test_persistence import finish_snapshot, restarted

COMMANDS = {
    "insert": {"insert": "c", "documents": [{"_id": 7}, {"_id": 8}]},
    "update": {"update": "c", "updates": [{"q": {"_id": 1}, "u": {"$inc": {"n": 1}}},
                                          {"q": {"_id": 5}, "u": {"$inc": {"n": 1}},
                                           "upsert": True}]},
    "delete": {"delete": "c", "deletes": [{"q": {"_id": 1}, "limit": 1}]},
    "findAndModify": {"findAndModify": "c", "query": {"_id": 1}, "update": {"$inc": {"n": 1}}},
    "findAndModify new": {"findAndModify": "c", "query": {"_id": 1}, "update": {"$inc": {"n": 1}},
                          "new": True},
    "findAndModify remove": {"findAndModify": "c", "query": {"_id": 1}, "remove": True},
}  # fmt: skip
TIMES = ("opTime", "$clusterTime", "operationTime")


@pytest.fixture
def database() -> Database:
    database = Database(replset="rs")
    database.insert("c", {"_id": 1, "n": 1}, {"_id": 2, "n": 1})
    return database


def plain(reply: dict) -> dict:
    return {name: value for name, value in reply.items() if name not in TIMES}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_the_answer_is_the_same_and_nothing_is_done_twice(
    database: Database, command: dict
) -> None:
    session = database.session()
    first = session.write(command)
    after = database.find("c")
    again = session.write(command, again=True)
    assert again.pop("retriedStmtIds")
    assert plain(again) == plain(first)
    assert database.find("c") == after


def test_only_what_was_not_done_is_done(database: Database) -> None:
    session = database.session()
    documents = [{"_id": 10}, {"_id": 1}, {"_id": 11}]
    first = session.write({"insert": "c", "documents": documents})
    assert (first["n"], first["writeErrors"][0]["index"]) == (1, 1)
    database.run({"delete": "c", "deletes": [{"q": {"_id": 1}, "limit": 1}]})
    again = session.write({"insert": "c", "documents": documents}, again=True)
    assert (again["n"], again["retriedStmtIds"]) == (3, [0])


def test_statements_go_by_their_numbers(database: Database) -> None:
    session = database.session()
    session.write({"insert": "c", "documents": [{"_id": 10}], "stmtIds": [4]})
    more = {"insert": "c", "documents": [{"_id": 11}, {"_id": 10}], "stmtIds": [3, 4]}
    reply = session.write(more, again=True)
    assert (reply["n"], reply["retriedStmtIds"]) == (2, [4])


def test_a_newer_number_ends_what_was_before(database: Database) -> None:
    session = database.session()
    session.write({"insert": "c", "documents": [{"_id": 10}]})
    session.write({"insert": "c", "documents": [{"_id": 11}]})
    session.number -= 1
    reply = session.write({"insert": "c", "documents": [{"_id": 10}]}, again=True)
    assert (reply["code"], reply["codeName"]) == (225, "TransactionTooOld")


def test_a_number_is_for_one_kind_of_thing(database: Database) -> None:
    session = database.session()
    session.write({"insert": "c", "documents": [{"_id": 10}]})
    assert session.commit()["code"] == 251
    session.start().run({"find": "c"})
    session.commit()
    assert session.write({"insert": "c", "documents": [{}]}, again=True)["code"] == 256


@pytest.mark.parametrize(
    "command",
    [
        {"update": "c", "updates": [{"q": {}, "u": {"$inc": {"n": 1}}, "multi": True}]},
        {"delete": "c", "deletes": [{"q": {}, "limit": 0}]},
    ],
)
def test_many_documents_cannot_be_tried_again(database: Database, command: dict) -> None:
    assert database.session().write(command)["code"] == 72


@pytest.mark.parametrize("with_snapshot", [False, True])
def test_it_is_remembered_after_a_restart(tmp_path: Path, with_snapshot: bool) -> None:
    database = Database(data_dir=str(tmp_path), replset="rs")
    database.insert("c", *({"_id": number, "n": 1} for number in range(1, 5)))
    sessions = {name: database.session() for name in COMMANDS}
    first = {name: plain(sessions[name].write(COMMANDS[name])) for name in COMMANDS}
    after = database.find("c")
    if with_snapshot:
        finish_snapshot(database)
    database = restarted(tmp_path, database, replset="rs")
    for name, command in COMMANDS.items():
        session = Session(database)
        session.id, session.number = sessions[name].id, sessions[name].number
        again = plain(session.write(command, again=True))
        # A statement that found nothing has an outcome too.
        assert again.pop("retriedStmtIds")
        assert again == first[name]
    assert database.find("c") == after
