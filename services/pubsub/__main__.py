"""Options → server → run."""

import sys
from urllib.parse import urlsplit

from services.common.health import VERSION
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
from services.pubsub.broker import Limits
from services.pubsub.client import is_well
from services.pubsub.server import Address, PubSubServer, fit_connections

MB = 1024 * 1024

DESCRIPTION = """Publish/subscribe: messages on channels, to whoever is subscribed at that moment.

Speaks the agreed JSON lines and RESP2/RESP3 (the pub/sub commands of Redis) on one port."""


def addresses(text: str) -> tuple[Address, ...]:
    """`HOST:PORT,HOST:PORT` as pairs. Raises ValueError."""
    return tuple(_address(part) for part in map(str.strip, text.split(",")) if part)


def _address(text: str) -> Address:
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
        raise SystemExit(0 if is_well(options.host, options.port, password) else 1)
    if options.max_output_mb < options.max_request_mb:
        print("pubsub: --max-output-mb must be at least --max-request-mb", file=sys.stderr)
        raise SystemExit(2)  # One message could be too much for every subscriber.
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
