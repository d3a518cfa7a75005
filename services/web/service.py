"""An HTTP service as a process: what broker, ledger and web have in common in their `__main__`.

    options = parse_options("broker", "…", [*http_options(4246), *own_options])
    if options.health:
        raise SystemExit(check_health(options))
    run_http_service("broker", app, options, Vitals("broker"))

`run_http_service` binds, prints the ready line, serves until SIGTERM or SIGINT, finishes what runs
and returns. It adds `/healthz` (the vital signs) and `/openapi.json` to the application.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

from services.common import lifecycle, logs
from services.common.descriptors import fit_connections
from services.common.event_loop import EventLoop
from services.common.health import Vitals
from services.web.application import Application
from services.web.http_decoder import Limits
from services.web.openapi import add_openapi
from services.web.requests import Request
from services.web.server import HTTPServer, Settings

# Descriptors that are no client: logs, the event loop, files, connections to other services.
_RESERVED_DESCRIPTORS = 200


def run_http_service(
    name: str,
    application: Application,
    options: argparse.Namespace,
    vitals: Vitals,
    *,
    log: logs.Log | None = None,
    on_start: Callable[[], None] | None = None,
    on_stopping: Callable[[], None] | None = None,
    on_stop: Callable[[], None] | None = None,
) -> None:
    """Serve `application` until a signal says stop.

    `on_start` runs when the port is bound and before the ready line (`vitals.address` is known);
    `on_stopping` when a signal says stop: requests that wait for something should end;
    `on_stop` after the last request was answered: the place to flush to disk.
    """
    log = log or logs.configure(name, options.log_level)
    listener = lifecycle.bind(name, options.host, options.port)
    vitals.address = lifecycle.address_of(listener)
    loop = EventLoop(log)
    application.max_body_bytes = options.max_body
    server = HTTPServer(application, listener, loop, log, _settings(options, log))
    _add_health(application, vitals, server)
    add_openapi(application)

    def stop() -> None:
        log.info("stopping", grace_s=options.grace)
        if on_stopping is not None:
            on_stopping()
        server.stop(options.grace, loop.stop)

    lifecycle.on_stop_signal(lambda: loop.call_from_thread(stop))
    if on_start is not None:
        on_start()
    lifecycle.announce(name, listener)
    log.info("serving", address=vitals.address, threads=options.threads)
    loop.run()
    if on_stop is not None:
        on_stop()
    log.info("stopped", requests=server.requests_total)


def _settings(options: argparse.Namespace, log: logs.Log) -> Settings:
    wanted = options.max_connections
    return Settings(
        threads=options.threads,
        max_connections=fit_connections(wanted, log, reserved=_RESERVED_DESCRIPTORS),
        limits=Limits(body_bytes=options.max_body),
        keep_alive_timeout_s=options.idle_timeout,
        access_log=options.access_log,
    )


def _add_health(application: Application, vitals: Vitals, server: HTTPServer) -> None:
    @application.get("/healthz")
    def healthz(request: Request) -> dict[str, object]:
        """The vital signs: state, version, uptime, memory, requests."""
        vitals.requests_total = server.requests_total
        return vitals.report()
