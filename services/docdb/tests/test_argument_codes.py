"""What is wrong with arguments, and MongoDB's code for it: `codes/*.txt`, one case in a line.

28646 {"$filter": 1}             an expression, a stage, a command or an update,
40156 [{"$count": 1}]            with the code of the error that it gets
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from services.docdb.bson import extended_json
from services.docdb.bson.types import Date
from services.docdb.tests.support import Database

CODES = Path(__file__).parent / "codes"
BEFORE = {"_id": 1, "a": [1, 2], "s": "x", "n": 5}


def expression(database: Database, spec: object) -> dict:
    database.insert("dates", {"date": Date(1_700_000_000_000), "d": {"x": 1}})
    pipeline = [{"$project": {"r": spec}}]
    return database.run({"aggregate": "dates", "pipeline": pipeline, "cursor": {}})


def pipeline(database: Database, spec: list) -> dict:
    return database.run({"aggregate": "c", "pipeline": spec, "cursor": {}})


def command(database: Database, spec: dict) -> dict:
    return database.run(spec)


def update(database: Database, spec: object) -> dict:
    return database.run({"update": "c", "updates": [{"q": {"_id": 1}, "u": spec}]})


def code_of(reply: dict) -> int | None:
    errors = reply.get("writeErrors") or [reply]
    return errors[0].get("code")


@pytest.mark.parametrize(
    ("file", "run"),
    [
        ("expressions", expression),
        ("stages", pipeline),
        ("commands", command),
        ("updates", update),
    ],
)
def test_codes(file: str, run: Callable[[Database, object], dict]) -> None:
    cases = (CODES / f"{file}.txt").read_text(encoding="utf-8").splitlines()
    wrong = []
    for case in cases:
        if case.startswith("#"):
            continue
        code, text = case.split(" ", 1)
        database = Database()
        database.insert("c", BEFORE)
        reply = run(database, extended_json.parse(text))
        if code_of(reply) != int(code):
            wrong.append((case, reply))
        assert database.find("c", {}) == [BEFORE], case
    assert wrong == []
