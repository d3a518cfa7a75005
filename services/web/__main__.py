"""`python3 -m services.web`: the dashboard, served by our HTTP server."""

import argparse

from services.common import logs
from services.common.health import Vitals
from services.common.mongo_url import parse_mongo_url
from services.common.options import (
    Option,
    checked,
    parse_options,
    password_options,
    read_password,
    url_option,
)
from services.common.redis_url import parse_redis_url
from services.sqldb.client import parse_sql_url
from services.web.dashboard.upstream import parse_http_url, parse_http_urls
from services.web.health import check_health
from services.web.options import http_options

DESCRIPTION = "The dashboard: every service of the constellation, live in a browser."

KVDB_PORT, PUBSUB_PORT, DOCDB_PORT, SQLDB_PORT = 4242, 4243, 4244, 4245
LEDGER_URLS = "http://127.0.0.1:4251,http://127.0.0.1:4252,http://127.0.0.1:4253"
# Addresses that mean "everywhere" are no name that a browser could ask for.
EVERYWHERE = ("0.0.0.0", "::", "")  # noqa: S104


def main() -> None:
    options = parse_options("web", DESCRIPTION, _options())
    if options.health:
        raise SystemExit(check_health(options))
    _serve(options)


def _serve(options: argparse.Namespace) -> None:
    # Imported only to serve: a health check is another process, started every few seconds.
    from services.web.dashboard.shell import Dashboard, Settings
    from services.web.service import run_http_service

    names = [name.strip() for name in options.allowed_hosts.split(",") if name.strip()]
    if options.host not in EVERYWHERE:
        names.append(options.host)
    settings = Settings(
        kvdb_url=parse_redis_url(options.kvdb_url, KVDB_PORT),
        pubsub_url=parse_redis_url(options.pubsub_url, PUBSUB_PORT),
        broker_url=parse_http_url(options.broker_url),
        ledger_urls=parse_http_urls(options.ledger_urls),
        docdb_url=parse_mongo_url(options.docdb_url, DOCDB_PORT),
        sqldb_url=parse_sql_url(options.sqldb_url, SQLDB_PORT),
        allowed_hosts=names,
        password=read_password(options),
    )
    log = logs.configure("web", options.log_level)
    vitals = Vitals("web")
    dashboard = Dashboard(settings, vitals, log)
    run_http_service(
        "web",
        dashboard.app,
        options,
        vitals,
        log=log,
        on_start=dashboard.start,
        on_stop=dashboard.stop,
    )


def _options() -> list[Option]:
    return [
        *http_options(8080),
        *password_options(),
        url_option("kvdb", f"redis://127.0.0.1:{KVDB_PORT}/0", parse_redis_url),
        url_option("pubsub", f"redis://127.0.0.1:{PUBSUB_PORT}", parse_redis_url),
        url_option("docdb", f"mongodb://127.0.0.1:{DOCDB_PORT}", parse_mongo_url),
        url_option("sqldb", f"postgresql://127.0.0.1:{SQLDB_PORT}", parse_sql_url),
        url_option("broker", "http://127.0.0.1:4246", parse_http_url),
        Option(
            "ledger-urls",
            LEDGER_URLS,
            "where the nodes of the ledger are, separated by commas",
            checked(parse_http_urls),
            env="LEDGER_URLS",
        ),
        Option(
            "allowed-hosts",
            "",
            "names, separated by commas, by which browsers may call this, besides localhost",
        ),
    ]


if __name__ == "__main__":
    main()
