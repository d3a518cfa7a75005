"""`python3 -m services.web`: the dashboard, served by our HTTP server."""

import argparse
from collections.abc import Callable
from dataclasses import replace

from services.common import logs
from services.common.health import Vitals
from services.common.options import Option, parse_options, url_option
from services.common.redis_url import RedisURL, parse_redis_url
from services.web.dashboard.shell import Dashboard, Settings
from services.web.dashboard.upstream import parse_http_url, parse_http_urls
from services.web.service import check_health, http_options, run_http_service

DESCRIPTION = "The dashboard: every service of the constellation, live in a browser."

KVDB_PORT, PUBSUB_PORT = 4242, 4243
LEDGER_URLS = "http://127.0.0.1:4251,http://127.0.0.1:4252,http://127.0.0.1:4253"
# Addresses that mean "everywhere" are no name that a browser could ask for.
EVERYWHERE = ("0.0.0.0", "::", "")  # noqa: S104


def main() -> None:
    options = parse_options("web", DESCRIPTION, _options())
    if options.health:
        raise SystemExit(check_health(options))
    log = logs.configure("web", options.log_level)
    vitals = Vitals("web")
    dashboard = Dashboard(_settings(options), vitals, log)
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
        _url("kvdb", f"redis://127.0.0.1:{KVDB_PORT}/0", _redis_url(KVDB_PORT)),
        _url("pubsub", f"redis://127.0.0.1:{PUBSUB_PORT}", _redis_url(PUBSUB_PORT)),
        _url("broker", "http://127.0.0.1:4246", parse_http_url),
        Option(
            "ledger-urls",
            LEDGER_URLS,
            "where the nodes of the ledger are, separated by commas",
            _checked(parse_http_urls),
            env="LEDGER_URLS",
        ),
        Option(
            "allowed-hosts",
            "",
            "names, separated by commas, by which browsers may call this, besides localhost",
        ),
    ]


def _redis_url(default_port: int) -> Callable[[str], RedisURL]:
    return lambda url: parse_redis_url(url, default_port)


def _url(service: str, default: str, parse: Callable[[str], object]) -> Option:
    return replace(url_option(service, default), parse=_checked(parse))


def _checked(parse: Callable[[str], object]) -> Callable[[str], str]:
    """A parser that refuses what `parse` refuses, and leaves the text as it is, for `--help`."""

    def check(text: str) -> str:
        parse(text)
        return text

    return check


def _settings(options: argparse.Namespace) -> Settings:
    names = [name.strip() for name in options.allowed_hosts.split(",") if name.strip()]
    if options.host not in EVERYWHERE:
        names.append(options.host)
    return Settings(
        kvdb_url=parse_redis_url(options.kvdb_url, KVDB_PORT),
        pubsub_url=parse_redis_url(options.pubsub_url, PUBSUB_PORT),
        broker_url=parse_http_url(options.broker_url),
        ledger_urls=parse_http_urls(options.ledger_urls),
        allowed_hosts=names,
    )


if __name__ == "__main__":
    main()
