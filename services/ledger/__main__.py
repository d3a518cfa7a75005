"""`python3 -m services.ledger`: one node of the Hipochain network."""

from services.common.options import Option, parse_options, seconds, url_option, whole_number
from services.common.redis_url import parse_redis_url
from services.ledger.gossip import is_node_name
from services.web.health import check_health
from services.web.options import http_options

DESCRIPTION = "A node of the Hipochain ledger: follows the list `hiponet`, serves the balances."

MAX_BODY_BYTES = 64 * 1024
"""A group of several hundred transactions. # Real: 16 in Algorand"""


def main() -> None:
    options = parse_options("ledger", DESCRIPTION, _options())
    if options.health:
        raise SystemExit(check_health(options))
    # Imported only to serve: a health check is another process, started every few seconds.
    from services.ledger.service import serve

    serve(options)


def _options() -> list[Option]:
    return [
        *http_options(4251, max_body_bytes=MAX_BODY_BYTES),
        Option("name", "ledger", "what this node is called among its peers", _node_name),
        Option("data-dir", "", "directory of the snapshot; empty keeps none"),
        Option("snapshot-every", 60.0, "seconds between snapshots; 0: only at the end", seconds()),
        Option("stop-at-round", None, "round after which nothing more is applied", whole_number(1)),
        url_option("kvdb", "redis://127.0.0.1:4242/0", parse_redis_url),
        url_option("pubsub", "redis://127.0.0.1:4243", parse_redis_url),
    ]


def _node_name(text: str) -> str:
    if not is_node_name(text):
        raise ValueError("must be 1 to 64 letters, digits, dots, colons or dashes")
    return text


if __name__ == "__main__":
    main()
