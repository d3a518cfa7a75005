"""The OpenAPI document."""

from typing import TypedDict

from services.web.application import Application
from services.web.openapi import add_openapi, describe, documented


class Sum(TypedDict):
    total: int


def application():
    app = Application("demo", version="2.0", description="A demo.")

    @app.get("/tasks/<int:id>/log/<path:file>")
    def log(request, id, file):
        """A task's
        log.

        With all its lines.
        """

    @app.post("/tasks")
    def submit(request):
        """Submit a task."""

    @app.route("/tasks", ["GET", "PUT"])
    def tasks(request):
        pass

    @app.get("/hidden", in_schema=False)
    def hidden(request):
        pass

    app.mount("/static", lambda environ, start_response: [])
    return app


def test_the_document():
    document = describe(application())
    assert document["openapi"] == "3.1.0"
    assert document["info"] == {"title": "demo", "version": "2.0", "description": "A demo."}
    assert set(document["paths"]) == {"/tasks/{id}/log/{file}", "/tasks"}
    log = document["paths"]["/tasks/{id}/log/{file}"]["get"]
    assert log["summary"] == "A task's log."
    assert log["description"] == "With all its lines."
    assert log["operationId"] == "log"
    assert log["parameters"][0] == {
        "name": "id",
        "in": "path",
        "required": True,
        "schema": {"type": "integer", "minimum": 0},
    }
    assert set(document["paths"]["/tasks"]) == {"get", "put", "post"}
    assert "requestBody" in document["paths"]["/tasks"]["post"]
    assert "requestBody" not in document["paths"]["/tasks"]["get"]


def test_what_a_handler_tells_of_itself():
    app = Application()

    @app.post("/sums/<int:id>")
    @documented(query={"round": int}, body=list[int], result=Sum, status=201)
    def add(request, id):
        """Add."""

    @app.delete("/sums")
    @documented(result=None, status=204)
    def forget(request):
        """Forget."""

    # Asked twice, because making the document must not use up what the handler tells.
    assert describe(app) == describe(app)
    paths = describe(app)["paths"]
    operation = paths["/sums/{id}"]["post"]
    assert [(one["name"], one["in"]) for one in operation["parameters"]] == [
        ("id", "path"),
        ("round", "query"),
    ]
    body = operation["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"type": "array", "items": {"type": "integer"}}
    answer = operation["responses"]["201"]["content"]["application/json"]["schema"]
    assert answer["properties"] == {"total": {"type": "integer"}}
    assert set(operation["responses"]) == {"201", "default"}
    assert paths["/sums"]["delete"]["responses"]["204"] == {"description": "Success"}


def test_operation_ids_are_unique():
    document = describe(application())
    ids = [one["operationId"] for path in document["paths"].values() for one in path.values()]
    assert len(ids) == len(set(ids)) == 4


def test_it_is_served():
    app = application()
    add_openapi(app)
    reply = app.test_client().get("/openapi.json")
    assert reply.status == 200
    assert reply.json()["info"]["title"] == "demo"
    assert "/openapi.json" not in reply.json()["paths"]
