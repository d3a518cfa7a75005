"""`python3 -m services.kvdb`: options, engine, server, run."""

import argparse

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
from services.kvdb.settings import FSYNC_POLICIES, POLICIES, Settings

PORT = 4242
MB = 1024 * 1024

DESCRIPTION = "Key-value database: the agreed JSON lines, RESP2 and RESP3 on one port."

OFF = "off"


def port_or_off(text: str) -> int | str:
    return OFF if text == OFF else whole_number(0, 65535)(text)


OPTIONS = [
    *network_options(PORT),
    *password_options(),
    Option("acl-file", "", "file of the users and what they may do; empty keeps them in memory"),
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
    Option(
        "memcached-port",
        OFF,
        "TCP port for memcached clients; 0 takes a free one, off has none",
        port_or_off,
    ),
    Option(
        "memcached-max-value-kb",
        1024,
        "kilobytes of a value that a memcached client stores",
        whole_number(1, 512 * 1024),
    ),
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


def settings_of(options: argparse.Namespace) -> Settings:
    return Settings(
        password=read_password(options),
        acl_file=options.acl_file,
        maxmemory=options.maxmemory_mb * MB,
        maxmemory_policy=options.maxmemory_policy,
        save_points=((interval_s, 1),) if (interval_s := options.snapshot_interval_s) else (),
        data_dir=options.data_dir,
        append_only=options.appendonly,
        append_fsync=options.appendfsync,
        max_connections=options.max_connections,
        idle_timeout_s=options.idle_timeout_s,
        max_request_bytes=options.max_request_mb * MB,
        max_output_bytes=options.max_output_mb * MB,
        max_depth=options.max_depth,
        memcached_max_value_bytes=options.memcached_max_value_kb * 1024,
    )


def serve(options: argparse.Namespace) -> bool:
    """Until it is told to stop; false where the last save has failed."""
    # Here, because a health check needs none of it and would spend most of its time with it.
    from services.kvdb.acl_file import AclFileError
    from services.kvdb.engine import Engine
    from services.kvdb.recovery import StartError
    from services.kvdb.server import Server

    settings = settings_of(options)
    log = configure("kvdb", options.log_level)
    ports = 1 if options.memcached_port == OFF else 2
    settings.max_connections = fit_connections(ports * settings.max_connections, log) // ports
    listener = bind("kvdb", options.host, options.port)
    memcached_listener = None
    if options.memcached_port != OFF:
        memcached_listener = bind("kvdb", options.host, options.memcached_port)
        settings.memcached_port = memcached_listener.getsockname()[1]
    engine = Engine(settings, log, address=address_of(listener))
    try:
        if settings.acl_file:
            engine.access.load_file()
        engine.persistence.open(engine, repairs=options.repair)
    except (AclFileError, StartError) as error:
        fail("kvdb", str(error))
    engine.settings_changed()
    server = Server(
        engine, listener, log, grace_s=options.grace, memcached_listener=memcached_listener
    )
    on_stop_signal(lambda: server.loop.call_from_thread(server.stop))
    log.info("serving", version=VERSION, address=engine.vitals.address)
    if memcached_listener is not None:
        log.info("serving memcached clients", address=address_of(memcached_listener))
    announce("kvdb", listener)
    return server.run()


def main() -> None:
    options = parse_options("kvdb", DESCRIPTION, OPTIONS)
    if options.health:
        password = read_password(options)
        raise SystemExit(check_resp_server("kvdb", options.host, options.port, password))
    raise SystemExit(0 if serve(options) else 1)


if __name__ == "__main__":
    main()
