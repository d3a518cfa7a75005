"""CORS, as a browser asks."""

import pytest

from services.web.application import Application
from services.web.cors import CORS

PAGE = {"Origin": "https://app.example"}
STRANGER = {"Origin": "https://evil.example"}
PREFLIGHT = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "x-token"}


def client_of(*args, **options):
    app = Application()
    CORS(*args, **options).install(app)
    app.put("/x")(lambda request: {"a": 1})
    return app.test_client()


def test_named_origins():
    client = client_of(["https://app.example"], credentials=True, expose=["X-Total"])
    reply = client.put("/x", headers=PAGE)
    assert reply.headers["access-control-allow-origin"] == "https://app.example"
    assert reply.headers["access-control-allow-credentials"] == "true"
    assert reply.headers["access-control-expose-headers"] == "X-Total"
    assert reply.headers["vary"] == "Origin"
    for headers in (STRANGER, {}):
        reply = client.put("/x", headers=headers)
        assert (reply.status, reply.headers["vary"]) == (200, "Origin")
        assert "access-control-allow-origin" not in reply.headers
    # Errors can be read by the page as well.
    assert "access-control-allow-origin" in client.get("/none", headers=PAGE).headers


def test_preflight():
    client = client_of(["https://app.example"], max_age_s=60)
    reply = client.options("/x", headers=PAGE | PREFLIGHT)
    assert (reply.status, reply.body) == (204, b"")
    assert "PUT" in reply.headers["access-control-allow-methods"]
    assert reply.headers["access-control-allow-headers"] == "x-token"
    assert reply.headers["access-control-max-age"] == "60"
    refused = client.options("/x", headers=STRANGER | PREFLIGHT)
    assert not [name for name in refused.headers if name.lower().startswith("access-control")]
    only = client_of(["https://app.example"], headers=["x-other"], methods=["get"])
    reply = only.options("/x", headers=PAGE | PREFLIGHT)
    assert reply.headers["access-control-allow-headers"] == "x-other"
    assert reply.headers["access-control-allow-methods"] == "GET"
    # An OPTIONS without the question is an ordinary one.
    assert "PUT" in client.options("/x").headers["allow"]


def test_everybody():
    client = client_of("*")
    reply = client.put("/x", headers=STRANGER)
    assert reply.headers["access-control-allow-origin"] == "*"
    assert "vary" not in reply.headers
    with pytest.raises(ValueError, match="by name"):
        CORS("*", credentials=True)
