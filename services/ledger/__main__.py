"""`python3 -m services.ledger`: one node of the Hipochain network."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from services.common.health import Vitals
from services.common.lifecycle import fail
from services.common.logs import Log, configure
from services.common.options import Option, parse_options, seconds, url_option, whole_number
from services.common.redis_url import parse_redis_url
from services.ledger.api import build_application
from services.ledger.follower import Follower
from services.ledger.gossip import is_node_name
from services.ledger.hiponet import connect_to
from services.ledger.ledger import Ledger
from services.ledger.node import Node
from services.ledger.snapshot import SnapshotError, SnapshotFile
from services.web.service import check_health, http_options, run_http_service

DESCRIPTION = "A node of the Hipochain ledger: follows the list `hiponet`, serves the balances."

MAX_BODY_BYTES = 64 * 1024
"""A group of several hundred transactions. # Real: 16 in Algorand"""


def main() -> None:
    options = parse_options("ledger", DESCRIPTION, _options())
    if options.health:
        raise SystemExit(check_health(options))
    # Balances have no largest value, and Python by default writes only 4,300 digits.
    sys.set_int_max_str_digits(0)
    log = configure(options.name, options.log_level)
    vitals = Vitals("ledger")
    snapshot_file = _open_data_dir(options)
    hiponet = connect_to(parse_redis_url(options.kvdb_url, 4242))
    follower = Follower(
        hiponet,
        log,
        ledger=_load(snapshot_file, options.stop_at_round, log),
        stop_at_round=options.stop_at_round,
    )
    node = Node(
        options.name,
        hiponet,
        parse_redis_url(options.pubsub_url, 4243),
        follower,
        vitals,
        log,
        snapshot_file=snapshot_file,
        snapshot_every_s=options.snapshot_every,
    )
    run_http_service(
        "ledger",
        build_application(node),
        options,
        vitals,
        log=log,
        on_start=node.start,
        on_stop=node.stop,
    )


def _options() -> list[Option]:
    return [
        *http_options(4251, max_body_bytes=MAX_BODY_BYTES),
        Option("name", "ledger", "what this node is called among its peers", _node_name),
        Option("data-dir", "", "directory of the snapshot; empty keeps none"),
        Option("snapshot-every", 60.0, "seconds between snapshots; 0: only at the end", seconds()),
        Option("stop-at-round", None, "round after which nothing more is applied", whole_number(1)),
        replace(url_option("kvdb", "redis://127.0.0.1:4242/0"), parse=_redis_url),
        replace(url_option("pubsub", "redis://127.0.0.1:4243"), parse=_redis_url),
    ]


def _node_name(text: str) -> str:
    if not is_node_name(text):
        raise ValueError("must be 1 to 64 letters, digits, dots, colons or dashes")
    return text


def _redis_url(text: str) -> str:
    parse_redis_url(text, 0)
    return text


def _open_data_dir(options: argparse.Namespace) -> SnapshotFile | None:
    if not options.data_dir:
        return None
    try:
        return SnapshotFile(Path(options.data_dir))
    except OSError as error:
        fail("ledger", f"--data-dir {options.data_dir}: {error.strerror}")


def _load(snapshot_file: SnapshotFile | None, stop_at_round: int | None, log: Log) -> Ledger | None:
    """The ledger of the snapshot; None where there is none that can be used."""
    if snapshot_file is None:
        return None
    try:
        ledger = snapshot_file.load()
    except SnapshotError as error:
        log.warning("the snapshot is of no use; reading the whole list", reason=error)
        return None
    if ledger is None or (stop_at_round is not None and ledger.round > stop_at_round):
        return None
    log.info("snapshot loaded", round=ledger.round, index=ledger.index)
    return ledger


if __name__ == "__main__":
    main()
