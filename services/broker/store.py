"""Where the queue is kept: the addresses of kvdb and pubsub, as options of broker and worker."""

import argparse
from dataclasses import replace

from services.common.options import Option, url_option
from services.common.redis_url import RedisURL, parse_redis_url

KVDB_PORT = 4242
PUBSUB_PORT = 4243


def store_options() -> list[Option]:
    """`--kvdb-url` and `--pubsub-url`; a real Redis will do for either, or for both."""
    return [
        replace(url_option("kvdb", f"redis://127.0.0.1:{KVDB_PORT}/0"), parse=_checked),
        replace(url_option("pubsub", f"redis://127.0.0.1:{PUBSUB_PORT}"), parse=_checked),
    ]


def kvdb_url(options: argparse.Namespace) -> RedisURL:
    return parse_redis_url(options.kvdb_url, KVDB_PORT)


def pubsub_url(options: argparse.Namespace) -> RedisURL:
    return parse_redis_url(options.pubsub_url, PUBSUB_PORT)


def _checked(text: str) -> str:
    parse_redis_url(text, 0)
    return text
