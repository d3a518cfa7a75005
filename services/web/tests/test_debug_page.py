"""The debug page: everything for the developer, nothing for anybody else."""

from services.web.application import Application
from services.web.errors import HTTPError

BROWSER = {"Accept": "text/html,*/*;q=0.8"}


class Broken:
    def __repr__(self):
        raise ValueError("even this fails")


def make(debug):
    app = Application(debug=debug)

    @app.get("/fail")
    def fail(request):
        password = "<b>secret</b>"
        broken = Broken()
        raise RuntimeError(f"bad <i>{len(password)}</i> {type(broken).__name__}")

    @app.get("/deep")
    def deep(request):
        return deep(request)

    @app.get("/no")
    def no(request):
        raise HTTPError(409, "no")

    return app.test_client()


def test_a_failure_with_source_and_values():
    reply = make(True).get("/fail", headers=BROWSER)
    assert reply.status == 500
    assert "RuntimeError: bad &lt;i&gt;13&lt;/i&gt; Broken" in reply.text
    assert "raise RuntimeError(f&quot;bad" in reply.text
    assert "&lt;b&gt;secret&lt;/b&gt;" in reply.text
    assert "&lt;Broken whose repr failed: ValueError&gt;" in reply.text
    assert "<b>secret" not in reply.text
    assert "script" not in reply.headers["content-security-policy"]


def test_programs_get_a_traceback():
    reply = make(True).get("/fail")
    assert reply.headers["content-type"].startswith("text/plain")
    assert reply.text.startswith("Traceback (most recent call last):\n")
    assert reply.text.endswith("RuntimeError: bad <i>13</i> Broken\n")


def test_a_recursion_without_end():
    reply = make(True).get("/deep", headers=BROWSER)
    assert "RecursionError" in reply.text
    assert reply.text.count("<section>") == 40


def test_without_debug_nothing_is_shown():
    for headers in (BROWSER, {}):
        reply = make(False).get("/fail", headers=headers)
        assert reply.status == 500
        assert "secret" not in reply.text
        assert "RuntimeError" not in reply.text


def test_what_is_the_clients_mistake_is_no_failure():
    assert make(True).get("/no").json()["detail"] == "no"
