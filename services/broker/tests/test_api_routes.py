"""The routes of queues, schedules, workflows and of many tasks at once, and how they refuse."""

import pytest

from services.broker import keys
from services.broker.api import build_application
from services.broker.outcomes import Failed, Succeeded
from services.broker.task_record import TaskError
from services.broker.tests.support import HandClock, Store, parts_on
from services.broker.tests.world import World
from services.kvdb.client import KVClient
from services.web.openapi import describe
from services.web.test_client import TestClient


@pytest.fixture
def client(kv: KVClient) -> TestClient:
    clock = HandClock()
    return build_application(parts_on(kv, clock), clock).test_client()


def refusal(reply) -> tuple[int, str | None]:
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json()["status"] == reply.status
    assert reply.json()["detail"]
    return reply.status, reply.json().get("field")


# Queues.


def test_a_queue_is_paused_weighed_and_shown(client: TestClient):
    client.post("/tasks", json={"task": "echo"})
    paused = client.post("/queues/default", json={"paused": True, "weight": 3})
    assert (paused.status, paused.json()) == (
        200,
        {
            "name": "default",
            "depth": 1,
            "by_priority": {"5": 1},
            "blocked": 0,
            "weight": 3,
            "paused": True,
            "oldest_age_s": 0.0,
        },
    )
    assert client.post("/queues/default", json={"paused": False}).json()["weight"] == 3
    client.post("/queues/new", json={"weight": 2})
    assert [queue["name"] for queue in client.get("/queues").json()["queues"]] == ["default", "new"]
    assert refusal(client.get("/queues/unknown")) == (404, None)


@pytest.mark.parametrize(
    ("name", "document", "field"),
    [
        ("q", {}, "body"),
        ("q", [], "body"),
        ("q", {"weight": 0}, "weight"),
        ("q", {"weight": 1001}, "weight"),
        ("q", {"weight": True}, "weight"),
        ("q", {"weight": 1.5}, "weight"),
        ("q", {"paused": "yes"}, "paused"),
        ("q", {"pause": True}, "pause"),
        ("a%20b", {"paused": True}, "name"),
    ],
)
def test_settings_that_do_not_fit_change_nothing(client, kv, name, document, field):
    assert refusal(client.post(f"/queues/{name}", json=document)) == (422, field)
    assert kv.execute("DBSIZE") == 0


# Schedules.


def test_a_schedule_from_its_writing_to_its_end(client: TestClient):
    body = {"task": "echo", "cron": "0 9 * * mon-fri", "timezone": "Europe/Berlin"}
    created = client.put("/schedules/morning", json=body)
    assert (created.status, created.headers["Location"]) == (201, "/schedules/morning")
    shown = created.json()
    assert (shown["next_run"], shown["last_run"]) == ("2027-01-18T08:00:00.000Z", None)
    assert client.put("/schedules/morning", json=body).status == 200
    assert client.get("/schedules").json() == {"schedules": [shown]}
    assert client.post("/schedules/morning", json={"paused": True}).json()["next_run"] is None
    assert client.post("/schedules/morning", json={"paused": False}).json() == shown
    ran = client.post("/schedules/morning/run", json={})
    assert (ran.status, ran.json()["schedule"]) == (201, "morning")
    assert client.delete("/schedules/morning").status == 204
    assert refusal(client.get("/schedules/morning")) == (404, None)
    assert refusal(client.delete("/schedules/morning")) == (404, None)
    assert refusal(client.post("/schedules/morning/run", json={})) == (404, None)
    assert refusal(client.post("/schedules/morning", json={"paused": True})) == (404, None)


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"task": "echo"}, "every"),
        ({"task": "echo", "cron": "61 * * * *"}, "cron"),
        ({"task": "echo", "cron": "* * * * *", "timezone": "Mars/Base"}, "timezone"),
        ({"every": 5}, "task"),
        ([], "body"),
    ],
)
def test_schedules_that_do_not_fit_change_nothing(client, kv, document, field):
    assert refusal(client.put("/schedules/s", json=document)) == (422, field)
    client.put("/schedules/s", json={"task": "echo", "every": 5})
    before = client.get("/schedules/s").json()
    assert refusal(client.put("/schedules/s", json=document)) == (422, field)
    assert refusal(client.post("/schedules/s", json={"every": 9})) == (422, "body")
    assert refusal(client.post("/schedules/s", json={"paused": 1})) == (422, "paused")
    assert client.get("/schedules/s").json() == before
    assert refusal(client.put("/schedules/s", body=b"{")) == (400, None)


# Workflows.


def test_a_workflow_from_its_submission_to_its_end(client: TestClient):
    body = {"name": "nightly", "chain": [{"task": "a"}, {"group": [{"task": "b"}, {"task": "c"}]}]}
    created = client.post("/workflows", json=body)
    shown = created.json()
    assert (created.status, created.headers["Location"]) == (201, f"/workflows/{shown['id']}")
    assert (shown["state"], shown["name"]) == ("running", "nightly")
    assert shown["tasks"] == {"total": 3, "submitted": 1, "finished": 0, "failed": 0}
    first, group = shown["root"]["nodes"]
    assert (first["state"], group["state"], group["kind"]) == ("running", "waiting", "group")
    task = client.get(f"/tasks/{first['task_id']}").json()
    assert (task["task"], task["workflow"]) == ("a", shown["id"])
    assert client.get(f"/workflows/{shown['id']}").json() == shown
    assert client.get(f"/workflows/{shown['id']}/wait?timeout=0").json() == shown
    cancelled = client.post(f"/workflows/{shown['id']}/cancel", json={})
    assert (cancelled.status, cancelled.json()["state"]) == (200, "cancelled")
    assert client.get(f"/tasks/{task['id']}").json()["state"] == "cancelled"
    assert refusal(client.post(f"/workflows/{shown['id']}/cancel", json={})) == (409, None)
    assert refusal(client.get("/workflows/unknown")) == (404, None)


def test_workflows_are_listed_newest_first(client: TestClient):
    ids = [client.post("/workflows", json={"task": "a"}).json()["id"] for _ in range(5)]
    page = client.get("/workflows?limit=3").json()
    rest = client.get(f"/workflows?limit=3&cursor={page['next_cursor']}").json()
    listed = [one["id"] for one in page["workflows"] + rest["workflows"]]
    assert listed == sorted(ids, reverse=True)
    assert (rest["next_cursor"], "root" in page["workflows"][0]) == (None, False)
    assert refusal(client.get("/workflows?cursor=x")) == (422, "cursor")


def test_a_workflow_that_does_not_fit_is_not_begun(client: TestClient, kv: KVClient):
    body = {"chain": [{"task": "a"}, {"group": [{"task": "b", "args": 7}]}]}
    assert refusal(client.post("/workflows", json=body)) == (422, "chain.1.group.0.args")
    assert kv.execute("DBSIZE") == 0


# Many at once.


@pytest.fixture
def dead_letters(store: Store, kv: KVClient):
    """Three dead tasks, one failed, one that waits; the client sees the same store."""
    world = World(store, kv)
    worker = world.worker()
    dead = [world.submit("boom", retries=1, retry_delay=0) for _ in range(3)]
    failed = world.submit("boom")
    failure = Failed(TaskError("ValueError", "boom"))
    for _ in range(2):
        world.start(worker)
        world.finish(worker, failure)
        world.turn(1)
    waiting = world.submit("later", queue="slow", countdown=60)
    assert world.states(*dead, failed, waiting) == ["dead"] * 3 + ["failed", "scheduled"]
    yield world, dead, failed, waiting
    world.close()


def test_dead_letters_are_requeued(client: TestClient, dead_letters):
    world, dead, failed, _ = dead_letters
    changed = client.post("/tasks/requeue", json={"state": "dead", "limit": 2})
    assert changed.json() == {"changed": 2, "more": True}
    assert client.post("/tasks/requeue", json={}).json() == {"changed": 1, "more": False}
    assert world.states(*dead, failed) == ["queued"] * 3 + ["failed"]
    assert [world.task(task_id).failures for task_id in dead] == [0, 0, 0]


def test_dead_letters_are_purged_by_filter(client: TestClient, dead_letters, kv: KVClient):
    world, dead, failed, waiting = dead_letters
    nothing = client.post("/tasks/purge", json={"task": "other"}).json()
    assert nothing == {"changed": 0, "more": False}
    changed = client.post("/tasks/purge", json={"state": ["dead", "failed"], "task": "boom"}).json()
    assert changed == {"changed": 4, "more": False}
    assert refusal(client.get(f"/tasks/{failed}")) == (404, None)
    assert world.states(waiting) == ["scheduled"]
    assert kv.execute("EXISTS", *(keys.record(one) for one in dead)) == 0


def test_many_are_cancelled(client: TestClient, dead_letters):
    world, _, failed, waiting = dead_letters
    body = {"ids": [waiting, failed, "unknown"]}
    assert client.post("/tasks/cancel", json=body).json() == {"changed": 1, "more": False}
    assert world.states(waiting, failed) == ["cancelled", "failed"]


@pytest.mark.parametrize("document", [{}, {"limit": 5}, {"queue": None}])
def test_a_filter_that_was_forgotten_cancels_nothing(
    client: TestClient, dead_letters, document: dict[str, object]
):
    world, _, _, waiting = dead_letters
    assert refusal(client.post("/tasks/cancel", json=document)) == (422, "body")
    assert world.states(waiting) == ["scheduled"]


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("/tasks?stat=dead", "stat"),
        ("/tasks?state=dead&offset=3", "offset"),
        ("/tasks/t1?verbose=1", "verbose"),
        ("/tasks/t1/wait?timeout=0&interval=1", "interval"),
        ("/queues?x", "x"),
        ("/workflows?state=running", "state"),
    ],
)
def test_an_unknown_parameter_is_refused(client: TestClient, path: str, parameter: str):
    assert refusal(client.get(path)) == (400, parameter)


def test_a_refused_parameter_changes_nothing(client: TestClient, dead_letters):
    world, _, _, waiting = dead_letters
    assert refusal(client.post(f"/tasks/{waiting}/cancel?dry_run=1")) == (400, "dry_run")
    assert world.states(waiting) == ["scheduled"]


@pytest.mark.parametrize("verb", ["requeue", "purge", "cancel"])
@pytest.mark.parametrize(
    ("document", "field"),
    [
        ([], "body"),
        ({"state": "lost"}, "state"),
        ({"state": []}, "state"),
        ({"state": [7]}, "state"),
        ({"state": {"dead": 1}}, "state"),
        ({"limit": 0}, "limit"),
        ({"limit": True}, "limit"),
        ({"queue": 7}, "queue"),
        ({"ids": []}, "ids"),
        ({"ids": [7]}, "ids"),
        ({"older": 7}, "older"),
    ],
)
def test_filters_that_do_not_fit(client: TestClient, verb: str, document: object, field: str):
    assert refusal(client.post(f"/tasks/{verb}", json=document)) == (422, field)


def test_what_is_not_finished_is_not_purged(client: TestClient, dead_letters):
    for verb, state in (
        ("purge", "queued"),
        ("requeue", "running"),
        ("requeue", "succeeded"),
        ("cancel", "dead"),
    ):
        assert refusal(client.post(f"/tasks/{verb}", json={"state": state})) == (422, "state")


def test_what_cannot_be_requeued_keeps_nobody_else_from_it(client: TestClient, dead_letters):
    world, dead, _, _ = dead_letters
    done = world.submit("echo")
    world.work(lambda task: Succeeded(None))
    assert world.states(done) == ["succeeded"]
    body = {"ids": [done, dead[0]]}
    assert client.post("/tasks/requeue", json=body).json() == {"changed": 1, "more": False}


# All of it.


def test_the_description_knows_every_route(kv: KVClient):
    clock = HandClock()
    application = build_application(parts_on(kv, clock), clock)
    described = describe(application)["paths"]
    assert {(path, method) for path in described for method in described[path]} == {
        ("/tasks", "get"),
        ("/tasks", "post"),
        ("/tasks/requeue", "post"),
        ("/tasks/purge", "post"),
        ("/tasks/cancel", "post"),
        ("/tasks/{task_id}", "get"),
        ("/tasks/{task_id}/wait", "get"),
        ("/tasks/{task_id}/cancel", "post"),
        ("/tasks/{task_id}/retry", "post"),
        ("/queues", "get"),
        ("/queues/{name}", "get"),
        ("/queues/{name}", "post"),
        ("/workers", "get"),
        ("/definitions", "get"),
        ("/schedules", "get"),
        ("/schedules/{name}", "get"),
        ("/schedules/{name}", "put"),
        ("/schedules/{name}", "post"),
        ("/schedules/{name}", "delete"),
        ("/schedules/{name}/run", "post"),
        ("/workflows", "get"),
        ("/workflows", "post"),
        ("/workflows/{workflow_id}", "get"),
        ("/workflows/{workflow_id}/wait", "get"),
        ("/workflows/{workflow_id}/cancel", "post"),
    }
    assert all(one["summary"] for methods in described.values() for one in methods.values())
