"""The HTTP API without a socket: what it answers, and how it refuses."""

import pytest

from services.broker.api import build_application
from services.broker.task_routes import MAX_SUBMISSIONS
from services.broker.tests.support import HandClock, parts_on
from services.common.redis_url import RedisURL
from services.kvdb.client import KVClient
from services.web.test_client import TestClient


def client_on(kv: KVClient) -> TestClient:
    clock = HandClock()
    return build_application(parts_on(kv, clock), clock).test_client()


@pytest.fixture
def client(kv: KVClient) -> TestClient:
    return client_on(kv)


def is_problem(reply, status: int) -> bool:
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json()["status"] == reply.status == status
    return bool(reply.json()["detail"])


def test_a_task_is_submitted_and_shown(client: TestClient):
    created = client.post("/tasks", json={"task": "echo", "args": [1], "kwargs": {"a": None}})
    assert created.status == 201
    task = created.json()
    assert created.headers["Location"] == f"/tasks/{task['id']}"
    assert client.get(f"/tasks/{task['id']}").json() == task
    assert (task["state"], task["args"], task["kwargs"]) == ("queued", [1], {"a": None})
    assert (task["attempts"], task["result"], task["error"]) == (0, None, None)
    assert task["created_at"] == "2027-01-15T08:00:00.000Z"
    assert task["history"] == [
        {"state": "queued", "at": task["created_at"], "worker": None, "detail": None}
    ]


def test_an_idempotent_submission_says_whether_it_is_new(client: TestClient):
    document = {"task": "echo", "options": {"idempotency_key": "k"}}
    first, second = client.post("/tasks", json=document), client.post("/tasks", json=document)
    assert (first.status, second.status) == (201, 200)
    assert first.json() == second.json()


def test_several_tasks_are_submitted_in_one_request(client: TestClient):
    created = client.post("/tasks", json=[{"task": "echo", "args": [n]} for n in range(3)])
    assert created.status == 201
    assert [task["args"] for task in created.json()["tasks"]] == [[0], [1], [2]]


def test_of_several_tasks_all_are_taken_or_none(client: TestClient):
    refused = client.post("/tasks", json=[{"task": "echo"}, {"task": "echo", "args": 7}])
    assert is_problem(refused, 422)
    assert refused.json()["field"] == "1.args"
    assert client.get("/tasks").json()["tasks"] == []


@pytest.mark.parametrize("documents", [[], [{"task": "echo"}] * (MAX_SUBMISSIONS + 1)])
def test_too_few_or_too_many_are_refused(client: TestClient, documents: list):
    assert is_problem(client.post("/tasks", json=documents), 422)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"not json", 400),
        (b"\xff", 400),
        (b"[" * 100 + b"]" * 100, 400),
        (b'{"task": "echo", "args": [NaN]}', 400),
        (b"{}", 422),
        (b'{"task": 7}', 422),
        (b'{"task": "echo", "args": "no list"}', 422),
        (b'{"task": "echo", "options": {"retries": "many"}}', 422),
        (b'{"task": "echo", "args": ["' + b"x" * 1024 * 1024 + b'"]}', 413),
    ],
)
def test_bad_input_is_refused_and_stores_nothing(client: TestClient, kv, body, status):
    headers = {"Content-Type": "application/json"}
    assert is_problem(client.post("/tasks", body=body, headers=headers), status)
    assert kv.execute("DBSIZE") == 0


def test_an_unknown_task_is_not_found(client: TestClient):
    for method, path in [
        ("GET", "/tasks/no-such-task"),
        ("GET", "/tasks/no-such-task/wait"),
        ("POST", "/tasks/no-such-task/cancel"),
        ("POST", "/tasks/no-such-task/retry"),
    ]:
        assert is_problem(client.request(method, path), 404)


def test_a_task_is_cancelled_and_retried(client: TestClient):
    path = f"/tasks/{client.post('/tasks', json={'task': 'echo'}).json()['id']}"
    assert is_problem(client.post(f"{path}/retry"), 409)
    assert client.post(f"{path}/cancel").json()["state"] == "cancelled"
    refused = client.post(f"{path}/cancel")
    assert is_problem(refused, 409)
    assert refused.json()["state"] == "cancelled"
    assert client.post(f"{path}/retry").json()["state"] == "queued"


def test_waiting_answers_with_the_task_as_it_is(client: TestClient):
    path = f"/tasks/{client.post('/tasks', json={'task': 'echo'}).json()['id']}"
    assert client.get(f"{path}/wait?timeout=0").json()["state"] == "queued"
    client.post(f"{path}/cancel")
    assert client.get(f"{path}/wait").json()["state"] == "cancelled"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("state=lost", "state"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=many", "limit"),
        ("limit=1.5", "limit"),
        ("limit=nan", "limit"),
        ("cursor=here", "cursor"),
    ],
)
def test_a_bad_query_is_refused_with_its_place(client: TestClient, query: str, field: str):
    refused = client.get(f"/tasks?{query}")
    assert is_problem(refused, 422)
    assert refused.json()["field"] == field


def test_tasks_are_listed_by_page_and_by_state(client: TestClient):
    ids = [client.post("/tasks", json={"task": "echo"}).json()["id"] for _ in range(5)]
    client.post(f"/tasks/{ids[0]}/cancel")
    page = client.get("/tasks?state=queued,running&limit=3").json()
    rest = client.get(f"/tasks?state=queued&limit=3&cursor={page['next_cursor']}").json()
    assert {task["id"] for task in page["tasks"] + rest["tasks"]} == set(ids[1:])
    assert rest["next_cursor"] is None
    assert "result" not in page["tasks"][0]


def test_queues_workers_and_definitions_are_shown(client: TestClient):
    client.post("/tasks", json={"task": "echo"})
    queues = client.get("/queues").json()
    assert queues["queues"] == [client.get("/queues/default").json()]
    assert queues["states"]["queued"] == 1
    assert client.get("/workers").json() == {"workers": []}
    assert client.get("/definitions").json() == {"definitions": {}}


def test_without_kvdb_the_service_says_so():
    client = client_on(KVClient(RedisURL("127.0.0.1", 1)))
    for reply in (
        client.post("/tasks", json={"task": "echo"}),
        client.get("/tasks/t1"),
        client.get("/tasks"),
        client.get("/workers"),
    ):
        assert is_problem(reply, 503)
        assert reply.headers["Retry-After"] == "1"
