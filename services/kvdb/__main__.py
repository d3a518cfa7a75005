"""`python3 -m services.kvdb`: options, engine, server, run."""

from services.common.descriptors import fit_connections
from services.common.health import VERSION
from services.common.health_check import check_resp_server
from services.common.lifecycle import address_of, announce, bind, fail, on_stop_signal
from services.common.logs import configure
from services.common.options import (
    Option,
    flag,
    network_options,
    one_of,
    parse_options,
    password_options,
    read_password,
    seconds,
    whole_number,
)
from services.kvdb.engine import Engine
from services.kvdb.recovery import StartError
from services.kvdb.server import Server
from services.kvdb.settings import FSYNC_POLICIES, POLICIES, Settings

PORT = 4242
MB = 1024 * 1024

DESCRIPTION = "Key-value database: the agreed JSON lines, RESP2 and RESP3 on one port."

OPTIONS = [
    *network_options(PORT),
    *password_options(),
    Option("data-dir", "", "directory of the data; empty keeps nothing on disk"),
    Option(
        "snapshot-interval-s",
        60.0,
        "seconds between snapshots, when something has changed; 0 saves only when stopping "
        "and when asked to",
        seconds(),
    ),
    Option(
        "appendonly",
        True,
        "yes keeps every write in an append-only file too; no loses what came after the last "
        "snapshot",
        flag,
    ),
    Option(
        "appendfsync",
        "everysec",
        f"when a write is on the disk: {', '.join(FSYNC_POLICIES)} (the kernel decides)",
        one_of(*FSYNC_POLICIES),
    ),
    Option("repair", False, "yes cuts a damaged append-only file off where it is damaged", flag),
    Option("maxmemory-mb", 0, "megabytes of data at the most; 0 is no limit", whole_number(0)),
    Option(
        "maxmemory-policy",
        "allkeys-lru",
        f"what to do at the memory limit: {', '.join(POLICIES)}",
        one_of(*POLICIES),
    ),
    Option("max-connections", 10_000, "clients at once; more are refused", whole_number(1)),
    Option("max-request-mb", 64, "megabytes of one request or line", whole_number(1, 512)),
    Option("max-depth", 64, "levels of nesting in a JSON line", whole_number(1, 500)),
    Option(
        "max-output-mb",
        64,
        "megabytes that may wait for a client that does not read its messages",
        whole_number(1),
    ),
    Option(
        "idle-timeout-s",
        0.0,
        "seconds after which a silent client is closed; 0 is never",
        seconds(),
    ),
]


def main() -> None:
    options = parse_options("kvdb", DESCRIPTION, OPTIONS)
    settings = Settings(
        password=read_password(options),
        maxmemory=options.maxmemory_mb * MB,
        maxmemory_policy=options.maxmemory_policy,
        snapshot_interval_s=options.snapshot_interval_s,
        data_dir=options.data_dir,
        append_only=options.appendonly,
        append_fsync=options.appendfsync,
        max_connections=options.max_connections,
        idle_timeout_s=options.idle_timeout_s,
        max_request_bytes=options.max_request_mb * MB,
        max_output_bytes=options.max_output_mb * MB,
        max_depth=options.max_depth,
    )
    if options.health:
        raise SystemExit(check_resp_server("kvdb", options.host, options.port, settings.password))
    log = configure("kvdb", options.log_level)
    settings.max_connections = fit_connections(settings.max_connections, log)
    listener = bind("kvdb", options.host, options.port)
    settings.port = listener.getsockname()[1]
    engine = Engine(settings, log, address=address_of(listener))
    try:
        engine.persistence.open(engine, repairs=options.repair)
    except StartError as error:
        fail("kvdb", str(error))
    engine.settings_changed()
    server = Server(engine, listener, log, grace_s=options.grace)
    on_stop_signal(lambda: server.loop.call_from_thread(server.stop))
    log.info("serving", version=VERSION, address=engine.vitals.address)
    announce("kvdb", listener)
    raise SystemExit(0 if server.run() else 1)


if __name__ == "__main__":
    main()
