"""Where the queue is kept: the addresses of kvdb and pubsub, as options of broker and worker."""

import argparse

from services.common.options import Option, url_option
from services.common.redis_url import RedisURL, parse_redis_url

KVDB_PORT = 4242
PUBSUB_PORT = 4243


def store_options() -> list[Option]:
    """`--kvdb-url` and `--pubsub-url`; a real Redis will do for either, or for both."""
    return [
        url_option("kvdb", f"redis://127.0.0.1:{KVDB_PORT}/0", parse_redis_url),
        url_option("pubsub", f"redis://127.0.0.1:{PUBSUB_PORT}", parse_redis_url),
    ]


def kvdb_url(options: argparse.Namespace) -> RedisURL:
    return parse_redis_url(options.kvdb_url, KVDB_PORT)


def pubsub_url(options: argparse.Namespace) -> RedisURL:
    return parse_redis_url(options.pubsub_url, PUBSUB_PORT)
