"""The replica set of one as a driver sees it: pymongo, with processes that are killed."""

import threading
from pathlib import Path

import pytest

from services.docdb.tests.support import Database, running_server

pymongo = pytest.importorskip("pymongo")

from pymongo.errors import OperationFailure, PyMongoError  # noqa: E402

OPTIONS = ("--replset", "rs", "--test-commands", "yes")


def test_hello_and_what_drivers_ask() -> None:
    database = Database(replset="rs", replset_host="db.example:27017")
    hello = database.run({"hello": 1}, "admin")
    assert (hello["setName"], hello["hosts"]) == ("rs", ["db.example:27017"])
    assert hello["isWritablePrimary"] and hello["me"] == hello["primary"]
    assert hello["$clusterTime"]["clusterTime"] == hello["operationTime"]
    status = database.run({"replSetGetStatus": 1}, "admin")
    assert [member["stateStr"] for member in status["members"]] == ["PRIMARY"]
    written = database.insert("c", {"_id": 1})
    assert written["opTime"]["ts"] == written["operationTime"] > hello["operationTime"]
    assert "setName" not in Database().run({"hello": 1}, "admin")
    assert Database().run({"replSetGetStatus": 1}, "admin")["code"] == 76


def test_write_concerns_that_one_member_cannot_fulfil() -> None:
    database = Database(replset="rs")
    for wanted, code in ((2, 100), ("everywhere", 79)):
        insert = {"insert": "c", "documents": [{}], "writeConcern": {"w": wanted}}
        reply = database.run(insert)
        assert (reply["ok"], reply["n"], reply["writeConcernError"]["code"]) == (1.0, 1, code)
    assert len(database.find("c")) == 2


def test_fail_points_are_for_tests_alone() -> None:
    point = {"configureFailPoint": "failCommand", "mode": {"times": 1},
             "data": {"failCommands": ["ping"], "errorCode": 10107}}  # fmt: skip
    assert Database(replset="rs").run(point, "admin")["code"] == 59
    database = Database(test_commands=True)
    assert database.run(point, "admin")["ok"] == 1.0
    assert database.run({"ping": 1})["codeName"] == "NotWritablePrimary"
    assert database.run({"ping": 1})["ok"] == 1.0


def test_labels_tell_what_can_be_tried_again() -> None:
    database = Database(replset="rs", test_commands=True)
    session = database.session()

    def fail(command: str, code: int) -> None:
        data = {"failCommands": [command], "errorCode": code}
        point = {"configureFailPoint": "failCommand", "mode": {"times": 1}, "data": data}
        database.run(point, "admin")

    fail("insert", 10107)
    reply = session.write({"insert": "c", "documents": [{"_id": 1}]})
    assert reply["errorLabels"] == ["RetryableWriteError"]
    session.start()
    fail("insert", 10107)
    reply = session.run({"insert": "c", "documents": [{"_id": 1}]})
    assert reply["errorLabels"] == ["TransientTransactionError"]
    fail("commitTransaction", 91)
    assert session.commit()["errorLabels"] == ["RetryableWriteError"]


def test_a_driver_in_transactions(tmp_path: Path) -> None:
    with running_server("--data-dir", str(tmp_path), *OPTIONS) as (host, port, _):
        client = pymongo.MongoClient(host, port, replicaSet="rs")
        accounts = client.bank.accounts
        accounts.insert_many([{"_id": "a", "n": 10}, {"_id": "b", "n": 0}])

        def move(session: object) -> None:
            accounts.update_one({"_id": "a"}, {"$inc": {"n": -3}}, session=session)
            accounts.update_one({"_id": "b"}, {"$inc": {"n": 3}}, session=session)

        with client.start_session() as session:
            session.with_transaction(move)
        assert [d["n"] for d in accounts.find()] == [7, 3]
        with client.start_session() as one, client.start_session() as two:
            one.start_transaction()
            two.start_transaction()
            accounts.update_one({"_id": "a"}, {"$inc": {"n": 1}}, session=one)
            with pytest.raises(OperationFailure) as caught:
                accounts.update_one({"_id": "a"}, {"$inc": {"n": 1}}, session=two)
            assert caught.value.has_error_label("TransientTransactionError")
            one.commit_transaction()
        client.close()


def test_a_retried_write_happens_once(tmp_path: Path) -> None:
    """The connection is lost behind the write: the driver sends it again by itself."""
    with running_server(*OPTIONS) as (host, port, _):
        client = pymongo.MongoClient(host, port, replicaSet="rs")
        point = {"configureFailPoint": "onPrimaryTransactionalWrite", "mode": {"times": 1}}
        client.test.c.insert_one({"_id": 1, "n": 0})
        client.admin.command(point)
        assert client.test.c.update_one({"_id": 1}, {"$inc": {"n": 1}}).modified_count == 1
        assert client.test.c.find_one() == {"_id": 1, "n": 1}
        client.close()


def test_a_waiting_write_goes_on_when_the_transaction_ends() -> None:
    with running_server(*OPTIONS) as (host, port, _):
        client = pymongo.MongoClient(host, port, replicaSet="rs")
        numbers = client.test.c
        numbers.insert_one({"_id": 1, "n": 0})
        with client.start_session() as session:
            session.start_transaction()
            numbers.update_one({"_id": 1}, {"$inc": {"n": 1}}, session=session)
            change = ({"_id": 1}, {"$inc": {"n": 10}})
            waiting = threading.Thread(target=numbers.update_one, args=change)
            waiting.start()
            while not any(op.get("command", {}).get("update") == "c"
                          for op in client.admin.command("currentOp")["inprog"]):  # fmt: skip
                pass
            session.commit_transaction()
        waiting.join(20)
        assert numbers.find_one() == {"_id": 1, "n": 11}
        client.close()


def test_kill_9_leaves_whole_transactions(tmp_path: Path) -> None:
    """Several times over: transfers are under way, and the process is killed among them.

    Each transfer takes one from an account, gives it to another, and writes that down. A change
    stream that was interrupted goes on with the next start, and misses nothing.
    """
    acknowledged: set[int] = set()
    told: list[int] = []
    token = None
    number = 0
    for round_number in range(3):
        with running_server("--data-dir", str(tmp_path), *OPTIONS) as (host, port, process):
            client = pymongo.MongoClient(
                host, port, replicaSet="rs", retryWrites=False, serverSelectionTimeoutMS=500
            )
            bank = client.bank
            if round_number == 0:
                bank.accounts.insert_many([{"_id": n, "n": 100} for n in range(4)])
                bank.create_collection("transfers")
            told_now, token = follow(bank, token)
            told += told_now
            number = 1 + max((d["_id"] for d in bank.transfers.find()), default=number)
            killer = threading.Timer(0.7, process.kill)
            killer.start()
            while transfer(client, number):
                acknowledged.add(number)
                number += 1
            killer.join()
            client.close()
    assert len(acknowledged) >= 10
    with running_server("--data-dir", str(tmp_path), *OPTIONS) as (host, port, _):
        client = pymongo.MongoClient(host, port, replicaSet="rs")
        told += follow(client.bank, token)[0]
        found = [document["_id"] for document in client.bank.transfers.find()]
        assert acknowledged <= set(found)
        assert told == found
        counts = dict.fromkeys(range(4), 100)
        for n in found:
            counts[n % 4] -= 1
            counts[(n + 1) % 4] += 1
        assert {d["_id"]: d["n"] for d in client.bank.accounts.find()} == counts
        client.close()


def transfer(client: "pymongo.MongoClient", number: int) -> bool:
    """Whether the server has said that it is done."""
    bank = client.bank
    try:
        with client.start_session() as session, session.start_transaction():
            bank.accounts.update_one({"_id": number % 4}, {"$inc": {"n": -1}}, session=session)
            bank.transfers.insert_one({"_id": number}, session=session)
            other = (number + 1) % 4
            bank.accounts.update_one({"_id": other}, {"$inc": {"n": 1}}, session=session)
    except PyMongoError:
        return False
    return True


def follow(bank: object, token: object) -> tuple[list[int], object]:
    """The transfers that a change stream tells of, up to now, and where to go on."""
    found = []
    with bank.transfers.watch(resume_after=token, max_await_time_ms=50) as stream:
        while (event := stream.try_next()) is not None:
            found.append(event["documentKey"]["_id"])
        return found, stream.resume_token
