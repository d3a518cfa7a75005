"""The tasks: the broker's API, passed on with its own words."""

import pytest

from services.web.application import Application
from services.web.dashboard.tests.fakes import Browser, http_service, make_dashboard
from services.web.errors import HTTPError

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
            return {"tasks": self.tasks, "next_cursor": None}

        @app.get("/queues")
        def queues(request):
            return {"queues": [{"name": "default", "depth": 1}], "states": {"queued": 1}}

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
    assert overview["queues"] == [{"name": "default", "depth": 1}]


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
    assert broker.asked == [body]


def test_what_the_broker_refuses_is_refused_with_its_words(browser):
    answer = browser.send("POST", "/api/tasks", {"args": []})
    assert answer.status == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["detail"] == "task: is missing"


@pytest.mark.parametrize("body", [[], "echo", 5])
def test_what_is_no_object_never_reaches_the_broker(broker, browser, body):
    assert browser.send("POST", "/api/tasks", body).status == 400
    assert broker.asked == []


def test_one_task(browser):
    assert browser.get("/api/tasks/01").json() == {"id": "01", "result": str(2**70)}
    assert browser.get("/api/tasks/none").status == 404


@pytest.mark.parametrize("verb", ["cancel", "retry"])
def test_a_task_is_changed(broker, browser, verb):
    assert browser.send("POST", f"/api/tasks/01/{verb}").json()["state"] == verb
    assert broker.asked == [("01", verb)]


@pytest.mark.parametrize("id", ["a?b", "a%2Fb", "..", "%2e%2e", "a#b"])
def test_an_id_stays_one_segment_of_the_path(broker, browser, id):
    browser.send("POST", f"/api/tasks/{id}/cancel")
    assert all(verb == "cancel" for _, verb in broker.asked)


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
