"""The tasks: the broker's API, passed on with its own words."""

import pytest

from services.web.application import Application
from services.web.dashboard.tasks.history import HISTORY_S, QueueHistory
from services.web.dashboard.tests.fakes import Browser, http_service, make_dashboard
from services.web.errors import HTTPError
from services.web.responses import Response

HOSTILE = "<script>alert(1)</script>"


class FakeBroker:
    """Answers as the broker does, and remembers what it was asked."""

    def __init__(self):
        self.app = Application("broker")
        self.asked = []
        self.tasks = [
            {
                "id": "01",
                "task": HOSTILE,
                "state": "queued",
                "args": [HOSTILE, 1, None],
                "kwargs": {"n": 2},
                "attempts": 0,
            }
        ]
        self._add_routes()

    def _add_routes(self):
        app = self.app

        @app.get("/tasks")
        def tasks(request):
            self.asked.append(dict(request.query.items()))
            return {"tasks": self.tasks, "next_cursor": "5-01"}

        @app.get("/queues")
        def queues(request):
            queue = {"name": "default", "depth": 1, "oldest_age_s": 2.5, "paused": False}
            return {"queues": [queue], "states": {"queued": 1}}

        for collection in ("queues", "schedules", "workflows"):
            app.route(f"/{collection}/<path:name>", ("PUT", "POST", "DELETE"))(self._changed)
        app.post("/tasks/requeue")(self._changed)

        @app.get("/schedules")
        def schedules(request):
            return {"schedules": [{"name": "nightly"}]}

        @app.get("/workflows")
        def workflows(request):
            return {"workflows": [{"id": "w1"}], "next_cursor": None}

        @app.get("/workflows/<id>")
        def workflow(request, id):
            return {"id": id, "root": {"kind": "task"}}

        @app.get("/definitions")
        def definitions(request):
            return {"definitions": {"echo": {}}}

        @app.get("/workers")
        def workers(request):
            return {"workers": [{"name": "worker-1", "service": "worker", "status": "ok"}]}

        @app.post("/tasks")
        def submit(request):
            self.asked.append(request.json())
            if "task" not in request.json():
                raise HTTPError(422, "task: is missing", field="task")
            return {"id": "02", "state": "queued"}

        @app.get("/tasks/<id>")
        def task(request, id):
            if id != "01":
                raise HTTPError(404, f"there is no task {id}")
            return {"id": id, "result": 2**70}

        @app.post("/tasks/<id>/<verb>")
        def change(request, id, verb):
            self.asked.append((id, verb))
            return {"id": id, "state": verb}

    def _changed(self, request, name=""):
        document = request.json() if request.body else None
        self.asked.append((request.method, request.path, document))
        if request.method == "DELETE":
            return Response(status=204)
        if name == "refused":
            raise HTTPError(422, "cron: has no minute 75", field="cron")
        return {"name": name}


@pytest.fixture(scope="module")
def broker():
    broker = FakeBroker()
    with http_service(broker.app) as broker.url:
        yield broker


@pytest.fixture
def browser(broker):
    broker.asked.clear()
    dashboard = make_dashboard(broker=broker.url)
    yield Browser(dashboard)
    dashboard.stop()


def test_the_list_shows_arguments_as_text(browser):
    overview = browser.get("/api/tasks").json()
    (task,) = overview["tasks"]
    assert task["arguments"] == f'"{HOSTILE}", 1, null, n=2'
    assert (task["id"], task["state"], task["worker"]) == ("01", "queued", None)
    assert overview["states"] == {"queued": 1}
    (queue,) = overview["queues"]
    assert (queue["name"], queue["depth"]) == ("default", 1)
    assert [depth for _, depth in queue["history"]["depth"]][-1] == 1
    assert [age for _, age in queue["history"]["age"]][-1] == 2.5


def test_a_task_that_moved_while_the_broker_listed_is_shown_once(broker, browser):
    broker.tasks.append({**broker.tasks[0], "state": "running"})
    assert [task["state"] for task in browser.get("/api/tasks").json()["tasks"]] == ["queued"]
    broker.tasks.pop()


def test_long_arguments_are_cut(broker, browser):
    broker.tasks[0]["args"], kept = ["x" * 5000], broker.tasks[0]["args"]
    assert len(browser.get("/api/tasks").json()["tasks"][0]["arguments"]) == 200
    broker.tasks[0]["args"] = kept


def test_a_submission_is_handed_on_as_it_is(broker, browser):
    body = {"task": "echo", "args": [1], "options": {"retries": 3}}
    answer = browser.send("POST", "/api/tasks", body)
    assert (answer.status, answer.json()) == (201, {"id": "02", "state": "queued"})
    assert body in broker.asked


def test_what_the_broker_refuses_is_refused_with_its_words(browser):
    answer = browser.send("POST", "/api/tasks", {"args": []})
    assert answer.status == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["detail"] == "task: is missing"


@pytest.mark.parametrize("body", [[], "echo", 5])
def test_what_is_no_object_never_reaches_the_broker(broker, browser, body):
    assert browser.send("POST", "/api/tasks", body).status == 400
    assert body not in broker.asked


def test_one_task(browser):
    assert browser.get("/api/tasks/01").json() == {"id": "01", "result": str(2**70)}
    assert browser.get("/api/tasks/none").status == 404


@pytest.mark.parametrize("verb", ["cancel", "retry"])
def test_a_task_is_changed(broker, browser, verb):
    assert browser.send("POST", f"/api/tasks/01/{verb}").json()["state"] == verb
    assert ("01", verb) in broker.asked


@pytest.mark.parametrize("id", ["a?b", "a%2Fb", "..", "%2e%2e", "a#b"])
def test_an_id_stays_one_segment_of_the_path(broker, browser, id):
    browser.send("POST", f"/api/tasks/{id}/cancel")
    changes = [asked for asked in broker.asked if isinstance(asked, tuple)]
    assert all(asked[-1] == "cancel" for asked in changes if len(asked) == 2)


def test_a_page_of_those_that_fit(broker, browser):
    page = browser.get("/api/tasks/page?state=dead,failed&queue=a%20b&cursor=7-x&nonsense=1").json()
    assert page["next_cursor"] == "5-01"
    assert page["tasks"][0]["arguments"].startswith(f'"{HOSTILE}"')
    asked = {"limit": "100", "state": "dead,failed", "queue": "a b", "cursor": "7-x"}
    assert asked in broker.asked


@pytest.mark.parametrize(
    ("method", "path", "body", "asked"),
    [
        ("POST", "/api/tasks/bulk/requeue", {"state": "dead"}, "/tasks/requeue"),
        ("POST", "/api/tasks/queues/a%20b", {"paused": True}, "/queues/a b"),
        ("PUT", "/api/tasks/schedules/nightly", {"task": "echo"}, "/schedules/nightly"),
        ("POST", "/api/tasks/schedules/nightly", {"paused": True}, "/schedules/nightly"),
        ("POST", "/api/tasks/schedules/nightly/run", {}, "/schedules/nightly/run"),
        ("DELETE", "/api/tasks/schedules/nightly", None, "/schedules/nightly"),
        ("POST", "/api/tasks/workflows/w1/cancel", {}, "/workflows/w1/cancel"),
    ],
)
def test_changes_are_handed_on(broker, browser, method, path, body, asked):
    assert browser.send(method, path, body).status in (200, 204)
    assert (method, asked, body) in broker.asked


def test_the_words_of_a_refused_schedule_are_those_of_the_broker(browser):
    answer = browser.send("PUT", "/api/tasks/schedules/refused", {"cron": "75 * * * *"})
    assert (answer.status, answer.json()["detail"]) == (422, "cron: has no minute 75")


def test_there_are_three_verbs_for_many(browser):
    assert browser.send("POST", "/api/tasks/bulk/explode", {}).status == 404


def test_one_workflow(browser):
    assert browser.get("/api/tasks/workflows/w1").json()["root"] == {"kind": "task"}


def test_each_tab_has_a_topic(broker):
    topics = make_dashboard(broker=broker.url)._polls
    assert topics["task-schedules"].poll() == {"schedules": [{"name": "nightly"}]}
    assert topics["task-workflows"].poll()["workflows"] == [{"id": "w1"}]
    assert topics["task-workers"].poll()["workers"][0]["name"] == "worker-1"
    assert [task["id"] for task in topics["task-dead"].poll()["tasks"]] == ["01"]


def test_a_tab_says_why_it_is_empty():
    topics = make_dashboard()._polls
    for name in ("task-workers", "task-schedules", "task-workflows", "task-dead"):
        assert "refused" in topics[name].poll()["error"]


def test_the_history_of_a_queue_forgets_what_is_old():
    now_s = 0.0
    history = QueueHistory(lambda: now_s)
    for depth in range(100):
        history.add([{"name": "mail", "depth": depth, "oldest_age_s": None}, {"name": 7}])
        now_s += 3
    points = history.of("mail")["depth"]
    assert points[-1] == [3.0, 99]
    assert points[0][0] <= HISTORY_S + 3
    assert len(points) == HISTORY_S / 3 + 1
    assert history.of("nobody") == {"depth": [], "age": []}


def test_looks_that_follow_each_other_closely_are_one_point():
    now_s = 0.0
    history = QueueHistory(lambda: now_s)
    for depth in range(50):
        history.add([{"name": "mail", "depth": depth, "oldest_age_s": depth / 10}])
        now_s += 0.1
    points = history.of("mail")["depth"]
    assert points[-1][1] == 49
    assert len(points) < 10


def test_the_definitions(browser):
    assert browser.get("/api/tasks/definitions").json() == {"definitions": {"echo": {}}}


def test_workers_are_processes_of_the_overview(browser):
    services = {one["name"]: one for one in browser.get("/api/services").json()["services"]}
    assert services["worker-1"]["service"] == "worker"
    assert services["worker-1"]["state"] == "ok"


def test_without_the_broker_everything_says_so():
    browser = Browser(make_dashboard())
    assert "refused" in browser.get("/api/tasks").json()["error"]
    assert browser.get("/api/tasks/01").status == 503
    assert browser.send("POST", "/api/tasks", {"task": "echo"}).status == 503


def test_a_broker_that_talks_nonsense_breaks_nothing():
    app = Application("nonsense")

    @app.route("/<path:anything>", ("GET",))
    def nonsense(request, anything):
        return [1, 2, 3]

    with http_service(app) as url:
        browser = Browser(make_dashboard(broker=url, ledger=(url,)))
        assert browser.get("/api/tasks").json()["tasks"] == []
        assert browser.get("/api/ledger").json()["agreement"] == "unknown"
        assert browser.get("/api/services").status == 200
