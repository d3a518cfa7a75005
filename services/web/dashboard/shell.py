"""The shell: the one application around all panels, and what each of them may use of it.

    Guard ─▶ Login ─▶ route of a panel ─▶ its page in the shell, or JSON ─▶ Guard's headers, audit
                             │
                             └─ ConnectionLost, ReplyError, … ─▶ one problem document

A panel gets the `Dashboard` in its `install` and adds to it: routes, topics for the stream, probes
for the overview. It knows nothing of the other panels, and the shell knows nothing of any.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypedDict

from services.common.health import VERSION, Vitals
from services.common.logs import Log
from services.common.mongo_url import MongoURL
from services.common.redis_url import RedisURL
from services.common.resp import ReplyError
from services.common.resp_client import ConnectionLost
from services.pubsub.client import Subscriber
from services.sqldb.client import SqlAddress
from services.web.application import Application
from services.web.dashboard.audit_log import AuditLog
from services.web.dashboard.collector import Collector, Probe
from services.web.dashboard.guard import Guard
from services.web.dashboard.live import Poll, Stream, Topic
from services.web.dashboard.login import Login, next_path
from services.web.dashboard.metrics import add_metrics
from services.web.dashboard.panel import FOLDER, Panel, find_panels
from services.web.dashboard.upstream import Refused, Unreachable
from services.web.dashboard.vital_signs import VitalSigns, from_report
from services.web.errors import HTTPError, error_response
from services.web.openapi import documented
from services.web.requests import Request
from services.web.responses import EventStreamResponse, HTMLResponse, JSONResponse, Response
from services.web.routing import Router
from services.web.static import StaticFiles
from services.web.template_expressions import Filters
from services.web.template_filters import FILTERS
from services.web.templates import Templates

MAX_TOPICS = 40
"""How much one page may watch."""

# What a process does not tell is a dash; the page's modules write it the same way.
_FILTERS: Filters = {
    "duration_or_dash": lambda seconds: "–" if seconds is None else FILTERS["duration"](seconds),
    "size_or_dash": lambda size: "–" if size is None else FILTERS["size"](size),
    "reasons": lambda problems: "; ".join(problems.values()),
}


class SessionToken(TypedDict):
    """What a page, or a program, needs to change something."""

    csrf_token: str


TopicFactory = Callable[[str], Topic]


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the other services are, and by which names this one may be called."""

    kvdb_url: RedisURL
    pubsub_url: RedisURL
    broker_url: str
    ledger_urls: Sequence[str]
    docdb_url: MongoURL
    sqldb_url: SqlAddress
    allowed_hosts: Sequence[str] = ()
    password: str = ""
    """What a login asks for; empty: there is no login."""


class Dashboard:
    """What the panels are installed in. `app` is the WSGI application."""

    def __init__(self, settings: Settings, vitals: Vitals, log: Log) -> None:
        self.settings = settings
        self.vitals = vitals
        self.log = log
        self.app = Application("Glassbox dashboard", version=VERSION)
        self.guard = Guard(settings.allowed_hosts)
        self.login = Login(settings.password, self._login_page, log)
        self.audit_log = AuditLog(log)
        self.collector = Collector(vitals, log)
        self._templates = Templates(FOLDER, filters=_FILTERS)
        self._polls: dict[str, Poll] = {}
        self._announced: dict[str, Poll] = {}
        self._subscriber: Subscriber | None = None
        self._families: dict[str, TopicFactory] = {}
        self._requests = itertools.count(1)
        self.requests_total = 0
        self._stop_hooks: list[Callable[[], None]] = []
        self.panels = find_panels()
        self._install()

    # What a panel adds.

    def add_routes(self, router: Router) -> None:
        self.app.include("", router)

    def add_poll(self, poll: Poll, *, announced_on: str | None = None) -> None:
        """A topic that is polled; its name is that of its event.

        `announced_on` is the pub/sub channel on which the service announces changes: a message
        there wakes the poll, so that the page follows at once and not at the next interval.
        """
        self._polls[poll.event] = poll
        if announced_on is not None:
            self._announced[announced_on] = poll

    def add_topic_family(self, prefix: str, factory: TopicFactory) -> None:
        """Topics named `prefix:…`; the factory gives the topic of a name, or raises HTTPError."""
        self._families[prefix] = factory

    def add_probe(
        self,
        name: str,
        service: str,
        address: str,
        ask: Callable[[], Sequence[VitalSigns]],
        *,
        is_listing: bool = False,
    ) -> None:
        """A process, or a listing of several, for the overview."""
        self.collector.add(Probe(name, service, address, ask, is_listing))

    def latest(self, topic: str) -> object:
        """What a polled topic said last, without asking; None where it has not been asked yet."""
        initial = self._polls[topic].initial()
        return initial[0][1] if initial else None

    def poll(self, topic: str) -> Poll:
        """The poll behind a topic of that name. Errors: KeyError."""
        return self._polls[topic]

    def on_stop(self, hook: Callable[[], None]) -> None:
        self._stop_hooks.append(hook)

    # Running.

    def start(self) -> None:
        """Start the threads that feed the topics."""
        for poll in self._polls.values():
            poll.start()
        self._subscriber = Subscriber(
            self.settings.pubsub_url,
            lambda channel, _: self._announced[channel].wake(),
            self.log,
            channels=list(self._announced),
        )
        self._subscriber.start()

    def stop(self) -> None:
        if self._subscriber is not None:
            self._subscriber.stop()
        for poll in self._polls.values():
            poll.stop()
        for hook in self._stop_hooks:
            hook()

    # The application.

    def _install(self) -> None:
        self.app.before_request(self.guard.check_host)
        self.login.install(self.app)
        self.app.before_request(self.guard.check_change)
        self.app.after_request(self.guard.finish)
        self.app.after_request(self.audit_log.note)
        self.app.after_request(self._count)
        for panel in self.panels:
            panel.install(self)
            self._add_page(panel)
            self.app.mount(f"/static/{panel.name}", StaticFiles(FOLDER / panel.name / "static"))
        self.add_probe("web", "web", self.vitals.address, lambda: [self._own_vital_signs()])
        self.app.mount("/static", StaticFiles(FOLDER / "static"))
        self.add_routes(self._own_routes())
        add_metrics(self)
        self._add_error_handlers()

    def _own_vital_signs(self) -> VitalSigns:
        report = self.vitals.report() | {"requests_total": self.requests_total}
        return from_report("web", report)

    def _count(self, request: Request, response: Response) -> None:
        self.requests_total = next(self._requests)

    def _add_page(self, panel: Panel) -> None:
        @self.app.get(panel.path, name=panel.name, in_schema=False)
        def page(request: Request) -> Response:
            return self.render(request, f"{panel.name}/page.html", panel, **panel.context(self))

    def render(
        self,
        request: Request,
        template: str,
        panel: Panel | None,
        status: int = 200,
        **values: object,
    ) -> Response:
        """A page within the shell. `panel` is where it stands in the navigation."""
        html = self._templates.render(
            template,
            panel=panel,
            panels=self.panels,
            version=VERSION,
            csrf_token=self.guard.token(request),
            is_logged_in="user" in request.state,
            **values,
        )
        # The page holds a token of this session: nobody in between may keep it.
        return HTMLResponse(html, status, {"Cache-Control": "no-store"})

    def _login_page(self, request: Request, status: int, problem: str) -> Response:
        return self.render(
            request,
            "templates/login.html",
            None,
            status,
            problem=problem,
            name=request.state.get("user", ""),
            next=next_path(request),
        )

    def _own_routes(self) -> Router:
        router = Router()

        @router.get("/api/session")
        @documented(result=SessionToken)
        def session(request: Request) -> Response:
            """The token that every request which changes something must carry."""
            token = self.guard.token(request)
            return JSONResponse({"csrf_token": token}, headers={"Cache-Control": "no-store"})

        @router.get("/api/stream", in_schema=False)
        def stream(request: Request) -> Response:
            """The topics that the query names, as one stream of server-sent events."""
            topics = Stream(self._topics(request.query.get_all("topic")))
            return EventStreamResponse(topics, topics.initial)

        @router.get("/favicon.ico", in_schema=False)
        def favicon(request: Request) -> Response:
            return Response(status=308, headers={"Location": "/static/favicon.svg"})

        return router

    def _topics(self, names: Sequence[str]) -> list[Topic]:
        if not names or len(names) > MAX_TOPICS:
            raise HTTPError(400, f"a stream has 1 to {MAX_TOPICS} topics: ?topic=services")
        return [self._topic(name) for name in dict.fromkeys(names)]

    def _topic(self, name: str) -> Topic:
        prefix, colon, _ = name.partition(":")
        if not colon and name in self._polls:
            return self._polls[name]
        if colon and prefix in self._families:
            return self._families[prefix](name)
        raise HTTPError(400, f"there is no topic {name[:100]!r}")

    def _add_error_handlers(self) -> None:
        """What a service behind the dashboard does wrong, as an error of this request."""

        @self.app.error_handler(ConnectionLost)
        @self.app.error_handler(Unreachable)
        def unreachable(request: Request, error: Exception) -> Response:
            return error_response(HTTPError(503, f"a service does not answer: {error}"), request)

        @self.app.error_handler(ReplyError)
        def reply_error(request: Request, error: ReplyError) -> Response:
            return error_response(HTTPError(400, str(error)), request)

        @self.app.error_handler(Refused)
        def refused(request: Request, error: Refused) -> Response:
            return error_response(HTTPError(error.status, str(error)), request)

        @self.app.error_handler(404)
        def not_found(request: Request, error: HTTPError) -> Response:
            if not request.prefers_html():
                return error_response(error, request)
            return self.render(request, "templates/not_found.html", None, status=404)
