"""Our dashboard as a plain WSGI application, for other servers to run."""

import os

from services.common import logs
from services.common.health import Vitals
from services.common.redis_url import parse_redis_url
from services.web.application import Application
from services.web.dashboard.shell import Dashboard, Settings
from services.web.dashboard.upstream import parse_http_url, parse_http_urls


def make() -> Application:
    """The dashboard of the services that the environment names."""
    settings = Settings(
        # The addresses that the tests know are those of HTTP clients.
        kvdb_url=_redis_url("KVDB_URL"),
        pubsub_url=_redis_url("PUBSUB_URL"),
        broker_url=parse_http_url(os.environ["BROKER_URL"]),
        ledger_urls=parse_http_urls(os.environ["LEDGER_URLS"]),
    )
    dashboard = Dashboard(settings, Vitals("web"), logs.configure("web"))
    dashboard.start()
    return dashboard.app


def _redis_url(name: str):
    return parse_redis_url(os.environ[name].replace("http://", "redis://"), 6379)
