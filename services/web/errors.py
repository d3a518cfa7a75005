"""What goes wrong in a request, and the page or document that says so.

`HTTPError` is the one exception for what the client did wrong (or for what the service cannot do
right now). A handler raises it where it sees the mistake; the application turns it into a response
in one place: `application/problem+json` (RFC 9457) for programs, a small HTML page for a browser.
Any other exception is our bug: it is logged with its traceback and answered as a bare 500.
"""

from __future__ import annotations

import html
from http import HTTPStatus
from typing import TYPE_CHECKING

from services.web.headers import HeaderSource
from services.web.responses import HTMLResponse, JSONResponse, Response

if TYPE_CHECKING:
    from services.web.requests import Request


class HTTPError(Exception):
    """A request that ends in `status`; `detail` is a sentence for the person who sent it.

    Further keyword arguments become members of the problem document (RFC 9457, section 3.2).
    """

    def __init__(
        self, status: int, detail: str = "", *, headers: HeaderSource = None, **members: object
    ) -> None:
        super().__init__(status, detail)
        self.status = status
        self.detail = detail
        self.headers = headers
        self.members = members

    @property
    def title(self) -> str:
        """The status in words: `Not Found`."""
        return reason(self.status)

    def __str__(self) -> str:
        return f"{self.status} {self.title}: {self.detail}" if self.detail else self.title


def reason(status: int) -> str:
    """The reason phrase of a status code."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def error_response(error: HTTPError, request: Request) -> Response:
    """The response that tells the client about `error`, in the form that it asked for."""
    if request.prefers_html():
        return HTMLResponse(_page(error), error.status, error.headers)
    problem: dict[str, object] = {"title": error.title, "status": error.status}
    if error.detail:
        problem["detail"] = error.detail
    problem.update(error.members)
    return JSONResponse(problem, error.status, error.headers, "application/problem+json")


def _page(error: HTTPError) -> str:
    title = html.escape(f"{error.status} {error.title}")
    return (
        "<!doctype html>\n"
        f'<html lang="en"><meta charset="utf-8"><title>{title}</title>\n'
        f"<h1>{title}</h1>\n<p>{html.escape(error.detail)}</p>\n</html>\n"
    )
