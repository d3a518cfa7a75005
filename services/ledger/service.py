"""A node as a process: the snapshot is loaded, the parts are put together, the server runs."""

import argparse
import sys
from pathlib import Path

from services.common.health import Vitals
from services.common.lifecycle import fail
from services.common.logs import Log, configure
from services.common.redis_url import parse_redis_url
from services.ledger.api import build_application
from services.ledger.follower import Follower
from services.ledger.hiponet import connect_to
from services.ledger.ledger import Ledger
from services.ledger.node import Node
from services.ledger.snapshot import SnapshotError, SnapshotFile
from services.web.service import run_http_service


def serve(options: argparse.Namespace) -> None:
    """Serve until a signal says stop; the options are those of `__main__`."""
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
