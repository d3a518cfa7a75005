"""Sessions: a small dict for each browser, kept in a cookie that it cannot change.

    Sessions([key]).install(app)

    request.session["user"] = 7         in one request
    request.session.get("user")         in the next one of the same browser
    flash(request, "Saved.")            said once, by the next page that asks for it

Nothing is stored here, so any process can answer any request. The price: what is in a session can
be read by its owner, must fit into a cookie (4 KB), and cannot be taken back before it ages. What
must be revocable (a login on a lost phone) belongs into a store, with only its id in here.
# Real: Flask's SecureCookieSessionInterface.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from services.web.requests import Request
from services.web.responses import Response, encode_json
from services.web.signing import Signer

if TYPE_CHECKING:
    from services.web.application import Application

# RFC 6265 promises this much for a name, a value and the attributes of one cookie.
MAX_COOKIE_BYTES = 4096
_FLASHES = "_flashes"


class Session(dict[str, Any]):
    """What is known of one browser: names and JSON values.

    `is_new` says that the browser brought none, or none that is valid.
    """

    def __init__(self, content: dict[str, Any], *, is_new: bool) -> None:
        super().__init__(content)
        self.is_new = is_new
        self._stored = encode_json(content)

    def encode(self) -> bytes:
        """The content as JSON. Errors: TypeError, ValueError for what is no JSON value."""
        return encode_json(dict(self))

    @property
    def stored(self) -> bytes:
        """The content as the browser has it."""
        return self._stored


class Sessions:
    """Gives each request its `session`, and each response the cookie where something changed.

    `secure` belongs switched on wherever the application is served by HTTPS.
    """

    def __init__(
        self,
        keys: Sequence[bytes | str],
        *,
        cookie: str = "session",
        max_age_s: int = 14 * 86400,
        secure: bool = False,
        same_site: str = "Lax",
        clock_s: Callable[[], float] = time.time,
    ) -> None:
        self._signer = Signer(keys, purpose=f"session:{cookie}", clock_s=clock_s)
        self._cookie = cookie
        self._max_age_s = max_age_s
        self._secure = secure
        self._same_site = same_site

    def install(self, app: Application) -> None:
        """Add the hooks to an application."""
        app.before_request(self.open)
        app.after_request(self.save)

    def open(self, request: Request) -> None:
        """Let `request.session` be read when a handler first asks for it."""
        request.state["open_session"] = lambda: self._read(request)

    def save(self, request: Request, response: Response) -> None:
        """Set the cookie if the session changed; delete it if nothing is left in it."""
        session = request.__dict__.get("session")
        if session is None:
            return
        # Another browser's session makes another page: no cache may mix them up.
        response.headers.add_vary("Cookie")
        content = session.encode()
        if content == session.stored:
            return
        if not session:
            response.delete_cookie(self._cookie)
            return
        token = self._signer.sign(content)
        if len(self._cookie) + len(token) > MAX_COOKIE_BYTES - 200:
            raise ValueError(f"the session has {len(token)} bytes; a cookie holds about 3,800")
        response.headers.setdefault("Cache-Control", 'private, no-cache="Set-Cookie"')
        response.set_cookie(
            self._cookie,
            token,
            max_age_s=self._max_age_s,
            secure=self._secure,
            same_site=self._same_site,
        )

    def _read(self, request: Request) -> Session:
        token = request.cookies.get(self._cookie, "")
        payload = self._signer.unsign(token, max_age_s=self._max_age_s) if token else None
        return Session({} if payload is None else json.loads(payload), is_new=payload is None)


def flash(request: Request, message: str, category: str = "info") -> None:
    """Leave a message for the next page that this browser is shown."""
    flashes = [*request.session.get(_FLASHES, ()), [category, message]]
    request.session[_FLASHES] = flashes


def take_flashes(request: Request) -> list[tuple[str, str]]:
    """The (category, message) pairs that were left, each given out once."""
    return [(category, message) for category, message in request.session.pop(_FLASHES, ())]
