"""Golden scripts: commands in, replies out, in texts that a person reviews.

    > {"find": "c", "filter": {"a": 1}}       a command; below it the reply: a cursor's documents
    {"_id": 1, "a": 1}                        one by one, else the reply without `ok`,
    error 9 FailedToParse: …                  or the error
    = {"$add": [1, 2.5]}                      an expression; below it its value
    3.5

Values are relaxed extended JSON. `DOCDB_RECORD_GOLDEN=1 pytest …` writes the replies down anew.
"""

import os
from pathlib import Path

import pytest

from services.docdb.bson import extended_json
from services.docdb.tests.support import Database

SCRIPTS = sorted((Path(__file__).parent / "golden").glob("*.txt"))


def shown(value: object) -> str:
    return extended_json.dump(value, relaxed=True)


def run_command(database: Database, text: str) -> list[str]:
    reply = database.run(extended_json.parse(text))
    if not reply.pop("ok"):
        return [f"error {reply['code']} {reply['codeName']}: {reply['errmsg']}"]
    if "cursor" in reply:
        return [shown(document) for document in reply["cursor"]["firstBatch"]]
    return [shown(reply)]


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
    database, lines = Database(), []
    for line in script.splitlines():
        if line.startswith("> "):
            lines += [line, *run_command(database, line[2:])]
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
