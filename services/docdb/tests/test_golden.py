"""Golden scripts: commands in, replies out, in texts that a person reviews.

    > {"find": "c", "filter": {"a": 1}}       a command; below it the reply: a cursor's documents
    {"_id": 1, "a": 1}                        one by one, else the reply without `ok`,
    error 9 FailedToParse: …                  or the error
    A1> {"insert": …}                         the same in transaction 1 of session A: its first
                                              command begins it
    A1~ {"insert": …}                         the same as a retryable write, under this number
    +                                         what else the last cursor has
    = {"$add": [1, 2.5]}                      an expression; below it its value
    3.5

A script that begins with `# Replica set` runs on one. Values are relaxed extended JSON.
`DOCDB_RECORD_GOLDEN=1 pytest …` writes the replies down anew.
"""

import os
import re
from pathlib import Path

import pytest

from services.docdb.bson import extended_json
from services.docdb.command import Pending
from services.docdb.tests.support import Database, Session

SCRIPTS = sorted((Path(__file__).parent / "golden").glob("*.txt"))


def shown(value: object) -> str:
    return extended_json.dump(value, relaxed=True)


TIMES = ("$clusterTime", "operationTime", "opTime", "electionId")


def run_command(database: Database, text: str, sessions: dict[str, Session]) -> list[str]:
    session, text = re.fullmatch(r"(\w\d[>~]|>) (.*)", text).groups()
    command = extended_json.parse(text)
    on = command.pop("$db", "test")
    if session == ">":
        return shown_reply(database, database.run(command, on))
    user = sessions.setdefault(session[0], Session(database, session[0].encode() * 16))
    number = int(session[1])
    if session[2] == "~":
        is_again = number == user.number
        return shown_reply(database, user.write(command, again=is_again))
    if number > user.number:
        user.number = number - 1
        user.start()
    present, user.number = user.number, number
    reply = user.run(command, on)
    user.number = present
    return shown_reply(database, reply)


def shown_reply(database: Database, reply: dict) -> list[str]:
    for name in TIMES:
        reply.pop(name, None)
    if "executionStats" in reply:
        reply["executionStats"]["executionTimeMillis"] = 0
    if not reply.pop("ok"):
        labels = "".join(f" +{label}" for label in reply.get("errorLabels", ()))
        return [f"error {reply['code']} {reply['codeName']}: {reply['errmsg']}{labels}"]
    if "cursor" in reply:
        cursor = reply["cursor"]
        database.last_cursor = cursor
        found = cursor["firstBatch"] if "firstBatch" in cursor else cursor["nextBatch"]
        return [shown(document) for document in found]
    return [shown(reply)]


def run_more(database: Database) -> list[str]:
    cursor = database.last_cursor
    on, _, name = cursor["ns"].partition(".")
    reply = database.run({"getMore": cursor["id"], "collection": name}, on)
    if type(reply) is Pending:
        reply = database.travelled(reply.retry(True))
    return shown_reply(database, reply)


def evaluate(database: Database, text: str) -> list[str]:
    spec = extended_json.parse(text)
    pipeline = [{"$documents": [{"n": 5, "s": "text", "a": [3, 1, 2], "d": {"x": 1}}]},
                {"$replaceWith": {"value": spec}}]  # fmt: skip
    reply = database.run({"aggregate": 1, "pipeline": pipeline, "cursor": {}})
    if not reply["ok"]:
        return [f"error {reply['code']} {reply['codeName']}: {reply['errmsg']}"]
    document = reply["cursor"]["firstBatch"][0]
    return [shown(document["value"]) if "value" in document else "missing"]


def run(script: str) -> str:
    is_replica_set = script.startswith("# Replica set")
    database, lines = Database(replset="rs" if is_replica_set else ""), []
    sessions: dict[str, Session] = {}
    for line in script.splitlines():
        if re.match(r"(\w\d[>~]|>) ", line):
            lines += [line, *run_command(database, line, sessions)]
        elif line == "+":
            lines += [line, *run_more(database)]
        elif line.startswith("= "):
            lines += [line, *evaluate(database, line[2:])]
        elif not line or line.startswith("#"):
            lines.append(line)
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("path", SCRIPTS, ids=[path.stem for path in SCRIPTS])
def test_script(path: Path) -> None:
    script = path.read_text(encoding="utf-8")
    found = run(script)
    if os.environ.get("DOCDB_RECORD_GOLDEN"):
        path.write_text(found, encoding="utf-8")
    assert found == script
