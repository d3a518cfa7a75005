"""Our dashboard as a plain WSGI application, for other servers to run."""

import os

from services.common import logs
from services.common.health import Vitals
from services.common.mongo_url import parse_mongo_url
from services.common.redis_url import RedisURL, parse_redis_url
from services.sqldb.client import parse_sql_url
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
        docdb_url=parse_mongo_url(_with_scheme("DOCDB_URL", "mongodb")),
        sqldb_url=parse_sql_url(_with_scheme("SQLDB_URL", "postgresql")),
    )
    dashboard = Dashboard(settings, Vitals("web"), logs.configure("web"))
    dashboard.start()
    return dashboard.app


def _redis_url(name: str) -> RedisURL:
    return parse_redis_url(_with_scheme(name, "redis"))


def _with_scheme(name: str, scheme: str) -> str:
    return os.environ[name].replace("http://", f"{scheme}://")
