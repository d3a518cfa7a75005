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
import resource
import sys
from collections.abc import Callable

from services.common import lifecycle, logs
from services.common.event_loop import EventLoop
from services.common.health import Vitals
from services.common.options import Option, flag, network_options, seconds, whole_number
from services.web.application import Application
from services.web.client import HTTPClient, HTTPClientError
from services.web.http_decoder import Limits
from services.web.openapi import add_openapi
from services.web.requests import Request
from services.web.server import HTTPServer, Settings

# Descriptors that are no client: logs, the event loop, files, connections to other services.
_SPARE_DESCRIPTORS = 200


def http_options(port: int, *, max_body_bytes: int = 1024 * 1024) -> list[Option]:
    """The options of every HTTP service."""
    return [
        *network_options(port),
        Option("threads", 8, "requests that run at the same time", whole_number(1, 1000)),
        Option("max-connections", 10_000, "clients connected at the same time", whole_number(1)),
        Option("max-body", max_body_bytes, "bytes of a request's body", whole_number(0)),
        Option("idle-timeout", 30.0, "seconds a client may keep an idle connection", seconds(0.1)),
        Option("access-log", False, "yes writes a log line for each request", flag),
    ]


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
    _raise_descriptor_limit(options.max_connections)
    listener = lifecycle.bind(name, options.host, options.port)
    vitals.address = lifecycle.address_of(listener)
    loop = EventLoop(log)
    application.max_body_bytes = options.max_body
    server = HTTPServer(application, listener, loop, log, _settings(options))
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


def check_health(options: argparse.Namespace) -> int:
    """Ask the running service whether it serves; the exit status of `--health`."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(options.host, options.host)  # noqa: S104
    try:
        with HTTPClient(f"http://{host}:{options.port}", timeout_s=3) as client:
            report = client.get("/healthz").check().json()
    except HTTPClientError as error:
        print(f"{options.service}: {error}", file=sys.stderr)
        return 1
    print(f"{options.service}: {report['status']}")
    return 0


def _settings(options: argparse.Namespace) -> Settings:
    return Settings(
        threads=options.threads,
        max_connections=options.max_connections,
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


def _raise_descriptor_limit(max_connections: int) -> None:
    """Each client is a descriptor, and many systems start processes with 1,024 of them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max_connections + _SPARE_DESCRIPTORS
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
