"""The request: a reader of the WSGI environ that parses each part when it is first asked for.

Everything a client can send wrong ends here as an `HTTPError` with a sentence that says what was
wrong: a body that is too large (413), of another type than asked for (415), no JSON, nested too
deeply, not UTF-8 (400).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generic, NoReturn, TypeVar
from urllib.parse import quote, unquote, urlsplit

from services.web.errors import HTTPError
from services.web.headers import RequestHeaders
from services.web.multidict import MultiDict
from services.web.multipart import Form, UploadedFile, read_form

if TYPE_CHECKING:
    from services.web.sessions import Session

MAX_BODY_BYTES = 1024 * 1024
MAX_JSON_DEPTH = 64
_BLOCK_BYTES = 64 * 1024


Value = TypeVar("Value")


class lazy(Generic[Value]):
    """A property that is computed once and then an ordinary attribute.

    functools.cached_property does the same, with a lock until Python 3.12; a request belongs to one
    thread and needs none.
    """

    def __init__(self, compute: Callable[[Any], Value]) -> None:
        self._compute = compute
        self._name = compute.__name__
        self.__doc__ = compute.__doc__

    def __get__(self, request: Any, owner: type) -> Value:
        if request is None:
            return self
        value = request.__dict__[self._name] = self._compute(request)
        return value


class Request:
    """One request of one client. `state` is where hooks leave things for handlers."""

    def __init__(self, environ: dict[str, Any], *, max_body_bytes: int = MAX_BODY_BYTES) -> None:
        self.environ = environ
        self.method: str = environ["REQUEST_METHOD"]
        self.max_body_bytes = max_body_bytes

    @lazy
    def state(self) -> dict[str, Any]:
        """Values that live as long as this request."""
        return {}

    @lazy
    def path(self) -> str:
        """The path below the application's mount point, percent-decoded; at least `/`."""
        return _text(self.environ.get("PATH_INFO", "")) or "/"

    @lazy
    def script_name(self) -> str:
        """Where the application is mounted: empty, or `/prefix`."""
        return _text(self.environ.get("SCRIPT_NAME", ""))

    @lazy
    def query_string(self) -> str:
        """What follows the `?`, undecoded."""
        return str(self.environ.get("QUERY_STRING", ""))

    @lazy
    def url_path(self) -> str:
        """Mount point, path and query string as a reference that the client can follow."""
        path = quote(self.script_name + self.path, safe="/:@!$&'()*+,;=~")
        # Two slashes in front would name a host, and a redirect there would leave this one.
        path = "/" + path.lstrip("/")
        return f"{path}?{self.query_string}" if self.query_string else path

    @lazy
    def headers(self) -> RequestHeaders:
        """The header fields; names in any case."""
        return RequestHeaders(self.environ)

    @lazy
    def query(self) -> MultiDict:
        """The fields of the query string."""
        # WSGI hands bytes over as Latin-1; browsers percent-encode, so this is ASCII nearly always.
        return MultiDict.from_urlencoded(_text(self.query_string))

    @lazy
    def cookies(self) -> MultiDict:
        """The cookies, percent-decoded as `Response.set_cookie` encodes them."""
        pairs = []
        for part in self.headers.get("cookie", "").split(";"):
            name, equals, value = part.strip().partition("=")
            if equals:
                pairs.append((name, unquote(value.strip('"'))))
        return MultiDict(pairs)

    @lazy
    def session(self) -> Session:
        """What `sessions.Sessions` keeps for this browser."""
        open_session = self.state.get("open_session")
        if open_session is None:
            raise RuntimeError("no sessions: Sessions([key]).install(app) gives requests theirs")
        return open_session()

    @property
    def client_address(self) -> str:
        """The address of whoever holds the other end of the connection."""
        return str(self.environ.get("REMOTE_ADDR", ""))

    @property
    def id(self) -> str:
        """What names this request in the logs of everybody on its way; empty if nothing does."""
        return str(self.environ.get("HTTP_X_REQUEST_ID", ""))

    @property
    def host(self) -> str:
        """Host and port as the client named them."""
        return str(self.environ.get("HTTP_HOST", ""))

    def is_origin_ours(self, origin: str) -> bool:
        """Whether pages of `origin` come from the host that this request was sent to.

        Only the host is compared: behind a proxy that ends TLS the page is https, we are not.
        """
        try:
            return urlsplit(origin).netloc == self.host
        except ValueError:
            return False  # Such as `http://[`, which no browser sends.

    @property
    def scheme(self) -> str:
        """`http` or `https`."""
        return str(self.environ.get("wsgi.url_scheme", "http"))

    @lazy
    def content_type(self) -> str:
        """The media type of the body in lower case, without its parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def trailers(self) -> Mapping[str, str]:
        """Fields behind a chunked body, names in lower case; empty under a server that has none."""
        return self.environ.get("glassbox.trailers", {})

    @property
    def stream(self) -> BinaryIO:
        """The body as a file, for handlers that do not want it in memory."""
        return self.environ["wsgi.input"]

    @lazy
    def body(self) -> bytes:
        """The whole body, read once. Errors: 413 beyond `max_body_bytes`, 400 when cut short."""
        return b"".join(self._blocks())

    @property
    def _content_length(self) -> int | None:
        """The length of the body; None for a chunked one under a server that marks its end."""
        text = self.environ.get("CONTENT_LENGTH") or ""
        if not text:
            return None if self.environ.get("wsgi.input_terminated") else 0
        if not (text.isascii() and text.isdigit() and len(text) <= 18):
            raise HTTPError(400, "Content-Length is not a number")
        return int(text)

    def require_json_type(self) -> None:
        """Raises 415 where a browser sends something that is not called JSON.

        A foreign page can make a browser send any text as a form, but `application/json` only
        after this server allowed it (CORS preflight). Browsers mark what pages send with
        `Origin` or `Sec-Fetch-Site`; a program that sends neither, such as curl with its `-d`,
        is taken at its word.
        """
        is_json = self.content_type == "application/json" or self.content_type.endswith("+json")
        is_of_page = "origin" in self.headers or "sec-fetch-site" in self.headers
        if is_of_page and not is_json:
            raise HTTPError(415, "the body must be JSON: send Content-Type: application/json")

    def json(self, *, max_depth: int = MAX_JSON_DEPTH) -> Any:
        """The body as JSON. Errors: 415 as `require_json_type`, 400 for anything but JSON."""
        self.require_json_type()
        if not self.body.strip():
            raise HTTPError(400, "the body is empty; JSON was expected")
        value = _parse_json(self.body)
        _check_depth(value, self.body, max_depth)
        return value

    @lazy
    def form(self) -> MultiDict[str]:
        """The fields of a form as a browser sends it. Errors: 415 for another content type."""
        if self.content_type == "multipart/form-data":
            return self._multipart.fields
        if self.content_type != "application/x-www-form-urlencoded":
            raise HTTPError(
                415, "the body must be a form (application/x-www-form-urlencoded or multipart)"
            )
        try:
            return MultiDict.from_urlencoded(self.body.decode())
        except UnicodeDecodeError as error:
            raise HTTPError(400, "the form is not UTF-8") from error

    @property
    def files(self) -> MultiDict[UploadedFile]:
        """The files of a form, as streams. Errors: 415 for a form that cannot have any."""
        if self.content_type != "multipart/form-data":
            raise HTTPError(415, "files come in a form of type multipart/form-data")
        return self._multipart.files

    @lazy
    def _multipart(self) -> Form:
        return read_form(self._blocks(), self.headers["content-type"])

    def _blocks(self) -> Iterator[bytes]:
        """The body piece by piece. Errors: as `body`."""
        length = self._content_length
        remaining = self.max_body_bytes + 1 if length is None else length
        self._check_length(length or 0)
        while remaining > 0 and (block := self.stream.read(min(remaining, _BLOCK_BYTES))):
            remaining -= len(block)
            yield block
        if length is None:
            self._check_length(self.max_body_bytes + 1 - remaining)
        elif remaining:
            raise HTTPError(400, f"the body ends after {length - remaining} of {length} bytes")

    def prefers_html(self) -> bool:
        """Whether a page would be more welcome than a JSON document (a browser asks for pages)."""
        accept = self.environ.get("HTTP_ACCEPT", "")
        return "html" in accept and quality(accept, "text/html") > quality(
            accept, "application/json"
        )

    def _check_length(self, length: int) -> None:
        if length > self.max_body_bytes:
            raise HTTPError(413, f"the body is larger than {self.max_body_bytes} bytes")

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.environ.get('PATH_INFO', '')!r}>"


def quality(accept: str, offered: str) -> float:
    """How welcome `offered` is, from 0 to 1, by a header such as Accept or Accept-Encoding
    (RFC 9110, section 12.5)."""
    kind = offered.partition("/")[0]
    ranks = {offered: 3, f"{kind}/*": 2, "*/*": 1, "*": 1}
    best_rank, best_quality = 0, 0.0
    for item in accept.split(","):
        name, *parameters = (part.strip().lower() for part in item.split(";"))
        rank = ranks.get(name, 0)
        if rank > best_rank:
            best_rank, best_quality = rank, _quality_value(parameters)
    return best_quality


def _quality_value(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0


def _parse_json(body: bytes) -> Any:
    try:
        return json.loads(body, parse_constant=_refuse_constant, parse_float=_finite)
    except UnicodeDecodeError as error:
        raise HTTPError(400, "the body is not UTF-8") from error
    except RecursionError as error:
        raise HTTPError(400, "the JSON is nested too deeply") from error
    except ValueError as error:
        raise HTTPError(400, f"the body is not JSON: {error}") from error


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:32]} is too large a number")
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _check_depth(value: Any, body: bytes, max_depth: int) -> None:
    # Fewer brackets than the limit cannot nest deeper: nearly every body ends here.
    if body.count(b"[") + body.count(b"{") <= max_depth:
        return
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > max_depth:
            raise HTTPError(400, f"the JSON is nested deeper than {max_depth}")
        inside: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                inside.extend(one.values())
            elif isinstance(one, list):
                inside.extend(one)
        level = [one for one in inside if isinstance(one, (dict, list))]


def _text(wsgi_text: str) -> str:
    """WSGI's str, which holds one byte per character, as the UTF-8 that it stands for."""
    if wsgi_text.isascii():
        return wsgi_text
    try:
        return wsgi_text.encode("latin-1").decode()
    except UnicodeError as error:
        raise HTTPError(400, "the URL is not UTF-8") from error
