"""What the OpenAPI document says of the answers is so."""

import pytest

from services.broker import schemas
from services.broker.api import build_application
from services.broker.task_options import OPTIONS
from services.broker.tests.support import HandClock, parts_on
from services.kvdb.client import KVClient
from services.web.openapi import describe
from services.web.test_client import TestClient
from services.web.typed_values import shape_of

ECHO = {"task": "echo", "args": [1], "options": {"retries": 1, "delivery": "at_most_once"}}


@pytest.fixture
def client(kv: KVClient) -> TestClient:
    clock = HandClock()
    return build_application(parts_on(kv, clock), clock).test_client()


def test_the_options_are_those_that_are_parsed():
    assert set(schemas.Options.__annotations__) == set(OPTIONS)


def test_every_operation_tells_what_it_gives(kv: KVClient):
    clock = HandClock()
    document = describe(build_application(parts_on(kv, clock), clock))
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            successes = [one for name, one in operation["responses"].items() if name != "default"]
            assert ("content" in successes[0]) != (method == "delete"), f"{method} {path}"


def test_answers_about_one_thing(client: TestClient):
    task = client.post("/tasks", json=ECHO).json()
    client.put("/schedules/often", json={**ECHO, "every": 60})
    workflow = client.post("/workflows", json={"chain": [{"task": "echo"}, ECHO]}).json()
    for path, kind in {
        f"/tasks/{task['id']}": schemas.Task,
        f"/tasks/{task['id']}/wait?timeout=0": schemas.Task,
        f"/workflows/{workflow['id']}": schemas.Workflow,
        "/queues/default": schemas.Queue,
        "/schedules/often": schemas.Schedule,
    }.items():
        shape_of(kind).read(client.get(path).json(), path)


def test_answers_about_many_things(client: TestClient):
    client.post("/tasks", json=[ECHO, ECHO])
    client.put("/schedules/often", json={**ECHO, "every": 60})
    client.post("/workflows", json={"chain": [ECHO]})
    for path, kind in {
        "/tasks": schemas.TaskPage,
        "/workflows": schemas.WorkflowPage,
        "/queues": schemas.Queues,
        "/schedules": schemas.Schedules,
        "/workers": schemas.Workers,
        "/definitions": schemas.Definitions,
    }.items():
        shape_of(kind).read(client.get(path).json(), path)
