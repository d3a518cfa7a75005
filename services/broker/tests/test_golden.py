"""Golden scripts: what a person does to the task queue, and what it answers, in one text file.

    UPDATE_GOLDEN=1 pytest services/broker/tests/test_golden.py     writes the answers anew

A script is commands and, indented below each, its output:

    POST /tasks {"task": "echo"}      a request; the answer is its status and the members that
                                      `show` has asked for, or a problem
    show state due_at                 which members of an answer are shown from here on
    wait 10                           seconds pass, and the scheduler does what is due
    work                              a worker starts what it may start; the tasks by name
    end ok · end ok 7 · end boom      what it runs succeeds (with a result), or fails
    die                               the worker dies, and is noticed
    # a remark

Ids are shown in the order of their appearance: `#1`. A command may use them: `GET /tasks/#1`.
"""

import json
import os
import re
from pathlib import Path

import pytest

from services.broker.api import build_application
from services.broker.outcomes import Failed, Succeeded
from services.broker.task_record import TaskError
from services.broker.tests.world import World

SCRIPTS = sorted((Path(__file__).parent / "golden").glob("*.txt"))
_ID = re.compile(r"\b[0-9a-f]{32}\b")


class Script:
    """Runs commands one after the other on a world of its own."""

    def __init__(self, world: World):
        self._world = world
        self._client = build_application(world.parts, world.clock).test_client()
        self._shown: list[str] = ["state"]
        self._ids: list[str] = []
        self._worker = world.worker("worker-1")
        self._lives = 1

    def run(self, command: str) -> list[str]:
        """The lines of its output."""
        command = re.sub(r"#(\d+)", lambda found: self._ids[int(found[1]) - 1], command)
        verb, _, rest = command.partition(" ")
        match verb:
            case "GET" | "POST" | "PUT" | "DELETE":
                lines = self._request(verb, rest)
            case "show":
                self._shown, lines = rest.split(), []
            case "wait":
                self._world.turn(float(rest))
                lines = []
            case "work":
                started = self._world.start(self._worker)
                lines = [f"{task.task} {json.dumps(task.args)}" for task in started] or ["nothing"]
            case "end":
                self._end(rest)
                lines = []
            case "die":
                self._world.lose(self._worker.id)
                self._lives += 1
                self._worker = self._world.worker(f"worker-{self._lives}")
                lines = []
            case _:
                raise AssertionError(f"{command}: no such command")
        return [_ID.sub(self._number, line) for line in lines]

    def _request(self, method: str, rest: str) -> list[str]:
        path, _, body = rest.partition(" ")
        options = {"json": json.loads(body)} if body else {}
        reply = self._client.request(method, path, **options)
        if not reply.body:
            return [str(reply.status)]
        document = reply.json()
        if reply.status >= 400:
            assert document["detail"].startswith(document.get("field", ""))
            return [f"{reply.status} {document['detail']}"]
        listed = next((value for value in document.values() if isinstance(value, list)), None)
        if method == "GET" and listed is not None and "id" not in document:
            return [str(reply.status), *map(self._members, listed)]
        return [f"{reply.status} {self._members(document)}"]

    def _members(self, document: dict[str, object]) -> str:
        known = {"id", "name"} | document.keys() & set(self._shown)
        shown = {name: document[name] for name in document if name in known}
        if not shown.keys() - {"name"}:
            shown = document
        return json.dumps(shown, ensure_ascii=False)

    def _end(self, how: str) -> None:
        if how == "boom":
            self._world.finish(self._worker, Failed(TaskError("ValueError", "boom")))
            return
        result = how.removeprefix("ok").strip()
        self._world.finish(self._worker, Succeeded(json.loads(result) if result else None))

    def _number(self, found: re.Match[str]) -> str:
        if found[0] not in self._ids:
            self._ids.append(found[0])
        return f"#{self._ids.index(found[0]) + 1}"


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_script(world: World, path: Path):
    script, expected = Script(world), path.read_text()
    lines: list[str] = []
    for line in expected.splitlines():
        if line.startswith("    "):
            continue
        lines.append(line)
        if line and not line.startswith("#"):
            lines += [f"    {output}" for output in script.run(line)]
    found = "\n".join(lines) + "\n"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(found)
    assert found == expected
