"""`python3 -m services.pubsub`: options → server → run."""

import argparse
import sys
from urllib.parse import urlsplit

from services.common.descriptors import fit_connections
from services.common.health import VERSION
from services.common.health_check import check_resp_server
from services.common.lifecycle import announce, bind, on_stop_signal
from services.common.logs import configure
from services.common.options import (
    Option,
    network_options,
    parse_options,
    password_options,
    read_password,
    seconds,
    whole_number,
)

MB = 1024 * 1024

DESCRIPTION = """Publish/subscribe: messages on channels, to whoever is subscribed at that moment.

Speaks the agreed JSON lines and RESP2/RESP3 (the pub/sub commands of Redis) on one port."""


def addresses(text: str) -> tuple[tuple[str, int], ...]:
    """`HOST:PORT,HOST:PORT` as pairs. Raises ValueError."""
    return tuple(_address(part) for part in map(str.strip, text.split(",")) if part)


def _address(text: str) -> tuple[str, int]:
    try:
        url = urlsplit(f"//{text}")
        if url.netloc == text and url.hostname and url.port:
            return url.hostname, url.port
    except ValueError:
        pass
    raise ValueError("is not of the form HOST:PORT,HOST:PORT")


OPTIONS = [
    *network_options(4243),
    *password_options(),
    Option("max-connections", 10_000, "clients at once; more are refused", whole_number(1)),
    Option(
        "max-request-mb", 8, "size of one request, in MB; a longer one is refused", whole_number(1)
    ),
    Option("max-depth", 64, "levels of nesting in one JSON request", whole_number(1, 500)),
    Option(
        "max-output-mb",
        32,
        "output that waits for one slow reader, in MB; at more it is dropped",
        whole_number(1),
    ),
    Option(
        "max-subscriptions",
        100_000,
        "channels and patterns that one client may be subscribed to",
        whole_number(1),
    ),
    Option(
        "idle-timeout-s",
        0,
        "close a client that is not subscribed and silent for so many seconds; 0 never does",
        seconds(),
    ),
    Option("upstream", "", "other brokers to form a hub with, as HOST:PORT,HOST:PORT", addresses),
]


def main() -> None:
    options = parse_options("pubsub", DESCRIPTION, OPTIONS)
    password = read_password(options)
    if options.health:
        raise SystemExit(check_resp_server("pubsub", options.host, options.port, password))
    if options.max_output_mb < options.max_request_mb:
        print("pubsub: --max-output-mb must be at least --max-request-mb", file=sys.stderr)
        raise SystemExit(2)  # One message could be too much for every subscriber.
    _serve(options, password)


def _serve(options: argparse.Namespace, password: str) -> None:
    # Imported only to serve: a health check is another process, started every few seconds.
    from services.pubsub.broker import Limits
    from services.pubsub.server import PubSubServer

    log = configure("pubsub", options.log_level)
    listener = bind("pubsub", options.host, options.port)
    limits = Limits(
        max_connections=fit_connections(options.max_connections, log),
        max_request_bytes=options.max_request_mb * MB,
        max_depth=options.max_depth,
        max_subscriptions=options.max_subscriptions,
        max_output_bytes=options.max_output_mb * MB,
        idle_timeout_s=options.idle_timeout_s,
    )
    server = PubSubServer(
        listener,
        limits,
        log,
        password=password,
        upstreams=options.upstream or (),
        grace_s=options.grace,
    )
    on_stop_signal(server.stop)
    log.info("serving", version=VERSION, address=server.address)
    announce("pubsub", listener)
    server.run()


if __name__ == "__main__":
    main()
