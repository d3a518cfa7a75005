"""The application: what handlers return, what goes wrong, hooks, mounting."""

import io
import sys
from wsgiref.validate import validator

import pytest

from services.web.application import Application
from services.web.errors import HTTPError
from services.web.requests import Request
from services.web.responses import JSONResponse, Response, TextResponse


@pytest.fixture
def app():
    app = Application(title="broker")

    @app.post("/tasks")
    def submit(request: Request) -> Response:
        return JSONResponse(request.json(), status=201, headers={"Location": "/tasks/1"})

    @app.get("/tasks/<task_id>")
    def show(request: Request, task_id: str) -> dict:
        if task_id == "none":
            raise HTTPError(404, "no such task", task=task_id)
        return {"id": task_id}

    @app.get("/list")
    def listing(request):
        return [1, 2]

    @app.get("/page/")
    def page(request):
        return "<p>é"

    @app.get("/fail")
    def fail(request):
        raise ZeroDivisionError("secret detail")

    @app.get("/nothing")
    def nothing(request):
        pass

    return app


BROWSER = {"Accept": "text/html,*/*;q=0.8"}


def test_what_handlers_return(app):
    client = app.test_client()
    assert client.get("/tasks/7").json() == {"id": "7"}
    assert client.get("/list").json() == [1, 2]
    page = client.get("/page/")
    assert page.text == "<p>é"
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    created = client.post("/tasks", json={"a": 1})
    assert (created.status, created.json()) == (201, {"a": 1})
    assert created.headers["location"] == "/tasks/1"


def test_the_clients_mistakes_are_problem_documents(app):
    reply = app.test_client().get("/tasks/none")
    assert reply.status == 404
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json() == {
        "title": "Not Found",
        "status": 404,
        "detail": "no such task",
        "task": "none",
    }
    assert app.test_client().post("/tasks", body=b"x").status == 400


def test_a_browser_gets_a_page_and_everything_in_it_is_escaped(app):
    reply = app.test_client().get("/<script>alert(1)</script>", headers=BROWSER)
    assert reply.status == 404
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert "<script>" not in reply.text
    assert "&lt;script&gt;" in reply.text


@pytest.mark.parametrize("path", ["/fail", "/nothing"])
def test_our_bugs_are_logged_and_told_as_500_without_detail(app, path, caplog):
    reply = app.test_client().get(path)
    assert reply.status == 500
    assert "secret" not in reply.text
    assert "Traceback" in caplog.text
    assert path in caplog.text


def test_405_head_and_options(app):
    client = app.test_client()
    reply = client.delete("/tasks/7")
    assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    reply = client.options("/tasks")
    assert (reply.status, reply.headers["allow"], reply.body) == (204, "OPTIONS, POST", b"")
    reply = client.head("/tasks/7")
    assert (reply.status, reply.body) == (200, b"")
    assert reply.headers["content-length"] == "10"
    assert client.head("/tasks").status == 405


def test_trailing_slashes_are_redirected_both_ways(app):
    client = app.test_client()
    reply = client.get("/page?x=1")
    assert (reply.status, reply.headers["location"]) == (308, "/page/?x=1")
    reply = client.post("/tasks/", json={})
    assert (reply.status, reply.headers["location"]) == (308, "/tasks")
    assert client.get("/nowhere/").status == 404


def test_a_redirect_never_leaves_the_host():
    app = Application()
    app.get("/<path:rest>/x")(lambda request, rest: "")
    reply = app.test_client().get("//evil.example/x/")
    assert reply.headers["location"] == "/evil.example/x"


def test_hooks_see_every_request_and_response(app):
    seen = []

    @app.before_request
    def guard(request):
        seen.append(request.path)
        request.state["by"] = "hook"
        if request.path == "/forbidden":
            raise HTTPError(403, "no")
        if request.path == "/early":
            return TextResponse("early")
        return None

    @app.after_request
    def secure(request, response):
        response.headers["X-By"] = request.state.get("by", "")

    client = app.test_client()
    assert client.get("/early").text == "early"
    assert client.get("/forbidden").status == 403
    for path in ("/tasks/1", "/early", "/forbidden", "/fail", "/none"):
        assert client.get(path).headers["x-by"] == "hook"
    assert seen[:3] == ["/early", "/forbidden", "/tasks/1"]


def test_an_after_hook_may_replace_the_response_and_may_fail(app):
    @app.after_request
    def replace(request, response):
        if request.path == "/list":
            return TextResponse("replaced")
        raise KeyError("hook")

    assert app.test_client().get("/list").text == "replaced"
    assert app.test_client().get("/tasks/1").status == 500


def test_error_handlers_by_class_and_by_status(app, caplog):
    @app.error_handler(ArithmeticError)
    def arithmetic(request, error):
        return JSONResponse({"kind": type(error).__name__}, status=422)

    @app.error_handler(404)
    def missing(request, error):
        return TextResponse(f"nothing: {error.detail}", status=404)

    client = app.test_client()
    assert client.get("/fail").json() == {"kind": "ZeroDivisionError"}
    assert client.get("/tasks/none").text == "nothing: no such task"
    assert client.delete("/tasks/1").json()["status"] == 405
    assert not caplog.text


def test_an_error_handler_that_fails_is_a_bug_like_any_other(app, caplog):
    @app.error_handler(ArithmeticError)
    def arithmetic(request, error):
        raise KeyError("in the handler")

    assert app.test_client().get("/fail").status == 500
    assert "in the handler" in caplog.text


def test_mounted_applications(app):
    inner = Application("inner")

    @inner.get("/where/<path:rest>")
    def where(request, rest):
        return {"script": request.script_name, "path": request.path, "url": request.url_path}

    @inner.get("/plain")
    def plain(request):
        return "plain"

    @inner.get("/")
    def index(request):
        return "inner index"

    app.mount("/deep/app", inner)
    client = app.test_client()
    assert client.get("/deep/app/where/a b").json() == {
        "script": "/deep/app",
        "path": "/where/a b",
        "url": "/deep/app/where/a%20b",
    }
    assert client.get("/deep/app/").text == "inner index"
    assert client.get("/deep/app").text == "inner index"
    assert client.get("/deep/app/none").json()["detail"] == "nothing is found at /none"
    assert client.get("/deep/apple").status == 404
    redirect = client.get("/deep/app/plain/")
    assert (redirect.status, redirect.headers["location"]) == (308, "/deep/app/plain")


@pytest.mark.parametrize(
    ("prefix", "path", "script", "rest"),
    [
        ("/", "/a/b", "", "/a/b"),
        ("", "/", "", "/"),
        ("/café", "/café/b", "/café", "/b"),
        ("/café/", "/café", "/café", "/"),
    ],
)
def test_prefixes_of_mounts(prefix, path, script, rest):
    def inner(environ, start_response):
        request = Request(environ)
        return JSONResponse([request.script_name, request.path])(environ, start_response)

    outer = Application()
    outer.mount(prefix, inner)
    assert outer.test_client().get(path).json() == [script, rest]


def test_hooks_run_around_a_mounted_application(app):
    def plain(environ, start_response):
        start_response("200 OK", [("X-Mine", "theirs")])
        return [environ["PATH_INFO"].encode()]

    @app.after_request
    def add(request, response):
        response.headers["X-Mine"] = "ours"
        response.headers["X-Added"] = "yes"

    app.mount("plain", plain)
    reply = app.test_client().get("/plain/x")
    assert reply.body == b"/x"
    assert reply.headers.get_all("x-mine") == ["theirs"]
    assert reply.headers["x-added"] == "yes"


@pytest.mark.parametrize("path", ["/tasks/1", "/page/", "/fail", "/none", "/page"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "DELETE"])
def test_the_standard_librarys_validator_finds_nothing(app, method, path):
    environ = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "h",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    started = []
    body = validator(app)(environ, lambda *arguments: started.append(arguments) or (lambda b: None))
    list(body)
    body.close()
    assert len(started) == 1


def test_options_of_the_server_itself():
    reply = Application().test_client().options("*")
    assert (reply.status, reply.body) == (204, b"")
    assert "OPTIONS" in reply.headers["allow"]
