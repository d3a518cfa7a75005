"""`python3 -m services.broker`: the task queue's HTTP API and its scheduler."""

import argparse
from dataclasses import replace

from services.broker.store import kvdb_url, pubsub_url, store_options
from services.common import logs
from services.common.health import Vitals
from services.common.options import Option, parse_options
from services.web.health import check_health
from services.web.options import http_options

DESCRIPTION = "The broker of the task queue: takes tasks over HTTP and keeps them in kvdb."
THREADS = 48
# Whoever waits for a task holds a thread; these are for everybody else. Threads count where a
# container limits its processes (compose.yaml).
THREADS_FOR_OTHERS = 8


def main() -> None:
    options = parse_options("broker", DESCRIPTION, _options())
    if options.health:
        raise SystemExit(check_health(options))
    _serve(options)


def _serve(options: argparse.Namespace) -> None:
    # Imported only to serve: a health check is another process, started every few seconds.
    from services.broker.service import Broker
    from services.web.service import run_http_service

    log = logs.configure("broker", options.log_level)
    vitals = Vitals("broker")
    broker = Broker(
        kvdb_url(options),
        pubsub_url(options),
        vitals,
        log,
        max_waiting=max(1, options.threads - THREADS_FOR_OTHERS),
    )
    run_http_service(
        "broker",
        broker.application,
        options,
        vitals,
        log=log,
        on_start=broker.start,
        on_stopping=broker.release_waiting,
        on_stop=broker.stop,
    )


def _options() -> list[Option]:
    http = [
        replace(option, default=THREADS) if option.name == "threads" else option
        for option in http_options(4246)
    ]
    return [*http, *store_options()]


if __name__ == "__main__":
    main()
