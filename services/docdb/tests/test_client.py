"""Our own client: commands, cursors, logins, errors, and a server that goes away."""

import socket
import threading

import pytest

from services.common.resp_client import ConnectionLost
from services.docdb.client import (
    CommandError,
    DocumentClient,
    MongoURL,
    from_json,
    parse_mongo_url,
    to_json,
)
from services.docdb.tests.support import running_server


def test_addresses() -> None:
    assert parse_mongo_url("mongodb://docdb") == MongoURL("docdb", 27017)
    assert parse_mongo_url("mongodb://a%40b:p%3A@h:1/auth") == MongoURL("h", 1, "auth", "a@b", "p:")
    for wrong in ("redis://h", "mongodb://", "mongodb://a,b", "h:1", "mongodb://h:port"):
        with pytest.raises(ValueError):
            parse_mongo_url(wrong)


def test_commands_and_cursors() -> None:
    with running_server() as (host, port, process):
        client = DocumentClient(MongoURL(host, port))
        people = [{"_id": number} for number in range(250)]
        assert client.run("shop", {"insert": "people", "documents": people})["n"] == 250
        assert client.find("shop", "people", sort={"_id": 1}) == people
        assert client.find("shop", "people", {"_id": {"$gt": 247}}, limit=1) == [{"_id": 248}]
        with pytest.raises(CommandError) as caught:
            client.run("shop", {"find": "people", "filter": {"$nope": 1}})
        assert (caught.value.code, caught.value.code_name) == (2, "BadValue")
        threads = [threading.Thread(target=client.find, args=("shop", "people")) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        process.kill()
        process.wait()
        with pytest.raises(ConnectionLost):
            client.run("shop", {"ping": 1})
        client.close()


def test_logins() -> None:
    with running_server("--password", "geheim") as (host, port, _):
        assert DocumentClient(MongoURL(host, port, user="admin", password="geheim")).run(
            "shop", {"count": "people"}
        )["n"] == 0  # fmt: skip
        with pytest.raises(CommandError):
            DocumentClient(MongoURL(host, port, user="admin", password="wrong")).run(
                "shop", {"count": "people"}
            )
        with pytest.raises(CommandError):
            DocumentClient(MongoURL(host, port)).run("shop", {"count": "people"})


def test_something_else_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def answer() -> None:
            connection, _ = listener.accept()
            connection.recv(1000)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            connection.close()

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(ConnectionLost):
            DocumentClient(MongoURL("127.0.0.1", port)).run("a", {"ping": 1})
        thread.join()


def test_extended_json() -> None:
    value = from_json('{"_id": {"$oid": "0123456789abcdef01234567"}, "n": {"$numberLong": "5"}}')
    assert to_json(value) == {
        "_id": {"$oid": "0123456789abcdef01234567"}, "n": {"$numberLong": "5"}}  # fmt: skip
    for wrong in ("{", '{"$oid": "x"}', "[" * 100_000):
        with pytest.raises(ValueError):
            from_json(wrong)
