"""`python3 -m services.docdb`: options, engine, server, run."""

from services.common.lifecycle import address_of, announce, bind, fail, on_stop_signal
from services.common.logs import configure
from services.common.options import (
    Option,
    flag,
    network_options,
    parse_options,
    password_options,
    read_password,
    seconds,
    whole_number,
)

PORT = 4244
MB = 1024 * 1024

DESCRIPTION = "Document database: MongoDB's wire protocol and query language."

OPTIONS = [
    *network_options(PORT),
    *password_options(),
    Option("user", "admin", "name of the user that the password belongs to"),
    Option("data-dir", "", "directory of the data; empty keeps nothing on disk"),
    Option(
        "snapshot-interval-s",
        60.0,
        "seconds between snapshots, when enough has changed; 0 makes them by size alone",
        seconds(),
    ),
    Option("repair", False, "yes cuts a damaged journal off where it is damaged", flag),
    Option("replset", "", "name of a replica set, of which this is the only member; empty: none"),
    Option(
        "replset-host",
        "",
        "HOST:PORT by which clients reach this member; empty: where it listens",
    ),
    Option(
        "oplog-mb",
        64,
        "megabytes of operations that change streams can go back to",
        whole_number(1),
    ),
    Option(
        "transaction-lifetime-s",
        60.0,
        "seconds after which an open transaction is aborted",
        seconds(0.05),
    ),
    Option(
        "read-limit-s",
        0.0,
        "seconds that a query may take where it says no maxTimeMS; 0 is no limit",
        seconds(),
    ),
    Option(
        "stage-memory-mb",
        1024,
        "megabytes that a sort or a stage of an aggregation may hold",
        whole_number(1),
    ),
    Option("test-commands", False, "yes allows what tests of drivers need: fail points", flag),
    Option("ttl-interval-s", 60.0, "seconds between looks for expired documents", seconds(0.05)),
    Option("max-connections", 5000, "clients at once; more are refused", whole_number(1)),
    Option(
        "max-output-mb",
        64,
        "megabytes that may wait for a client that does not read its replies",
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
    options = parse_options("docdb", DESCRIPTION, OPTIONS)
    password = read_password(options)
    if options.health:
        from services.docdb.health import check

        raise SystemExit(check(options.host, options.port))
    # Late: a health check is started every few seconds, and importing is most of its cost.
    import gc

    from services.common.descriptors import fit_connections
    from services.common.health import VERSION
    from services.docdb.engine import Engine
    from services.docdb.expressions.compiler import operator_table
    from services.docdb.pipeline.stage import stage_table
    from services.docdb.server import Server
    from services.docdb.settings import Settings
    from services.docdb.storage.persistence import StartError

    log = configure("docdb", options.log_level)
    settings = Settings(
        data_dir=options.data_dir,
        password=password,
        user=options.user,
        snapshot_interval_s=options.snapshot_interval_s,
        max_connections=fit_connections(options.max_connections, log),
        max_output_bytes=options.max_output_mb * MB,
        idle_timeout_s=options.idle_timeout_s,
        ttl_interval_s=options.ttl_interval_s,
        host=options.host,
        replset=options.replset,
        replset_host=options.replset_host,
        oplog_bytes=options.oplog_mb * MB,
        transaction_lifetime_s=options.transaction_lifetime_s,
        stage_memory_bytes=options.stage_memory_mb * MB,
        read_limit_s=options.read_limit_s,
        test_commands=options.test_commands,
    )
    listener = bind("docdb", options.host, options.port)
    settings.port = listener.getsockname()[1]
    engine = Engine(settings, log, address=address_of(listener))
    try:
        engine.persistence.open(repairs=options.repair)
    except StartError as error:
        fail("docdb", str(error))
    # Now, rather than within the first aggregation: that would hold up everybody.
    stage_table(), operator_table()
    # Documents hold no cycles: to look for them among a million dicts would stop everybody.
    gc.freeze()
    gc.set_threshold(100_000, 50, 1000)
    server = Server(engine, listener, log, grace_s=options.grace)
    on_stop_signal(lambda: server.loop.call_from_thread(server.stop))
    log.info("serving", version=VERSION, address=engine.vitals.address)
    announce("docdb", listener)
    raise SystemExit(0 if server.run() else 1)


if __name__ == "__main__":
    main()
