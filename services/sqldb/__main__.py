"""`python3 -m services.sqldb`: options, engine, server, run."""

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

PORT = 4245
MB = 1024 * 1024

DESCRIPTION = "Relational database: PostgreSQL's protocol and SQL."

OPTIONS = [
    *network_options(PORT),
    *password_options(),
    Option("user", "postgres", "name of the superuser, to whom the password belongs"),
    Option("database", "glassbox", "name of the database"),
    Option("data-dir", "", "directory of the data; empty keeps nothing on disk"),
    Option("fsync", True, "no lets COMMIT answer before the disk has it", flag),
    Option(
        "checkpoint-interval-s",
        300.0,
        "seconds between checkpoints, when anything has changed; 0 makes them by size alone",
        seconds(),
    ),
    Option("checkpoint-mb", 64, "megabytes of log that bring a checkpoint on", whole_number(1)),
    Option("work-mem-kb", 4096, "kilobytes of a sort or hash before it goes to disk",
           whole_number(64)),
    Option("max-connections", 100, "clients at once; more are refused", whole_number(1)),
    Option("max-message-mb", 256, "megabytes of one message", whole_number(1, 1023)),
    Option("tls-cert", "", "file with the certificate chain: connections can be encrypted"),
    Option("tls-key", "", "file with the certificate's key"),
]  # fmt: skip


def main() -> None:
    options = parse_options("sqldb", DESCRIPTION, OPTIONS)
    password = read_password(options)
    if options.health:
        from services.sqldb.health import check

        raise SystemExit(check(options.host, options.port, options.user, password))
    # Late: a health check is started every few seconds, and importing is most of its cost.
    import gc

    from services.common.health import VERSION
    from services.sqldb.engine import Engine, StartError
    from services.sqldb.server import Server
    from services.sqldb.settings import Settings
    from services.sqldb.tls import server_context

    log = configure("sqldb", options.log_level)
    try:
        tls = server_context(options.tls_cert, options.tls_key) if options.tls_cert else None
    except (OSError, ValueError) as error:
        fail("sqldb", f"the certificate cannot be used: {error}")
    listener = bind("sqldb", options.host, options.port)
    settings = Settings(
        data_dir=options.data_dir,
        user=options.user,
        password=password,
        database=options.database,
        max_connections=options.max_connections,
        max_message_bytes=options.max_message_mb * MB,
        fsync=options.fsync,
        checkpoint_interval_s=options.checkpoint_interval_s,
        checkpoint_bytes=options.checkpoint_mb * MB,
        work_mem_kb=options.work_mem_kb,
        tls=tls,
        host=options.host,
        port=listener.getsockname()[1],
    )
    try:
        engine = Engine(settings, log, address=address_of(listener))
    except StartError as error:
        fail("sqldb", str(error))
    # Rows hold no cycles: to look for them among a million tuples would stop everybody. What is
    # new is looked through 10,000 objects at a time (2 ms), then once more 50,000 at a time
    # (10 ms); all there is, after some billions.
    gc.freeze()
    gc.set_threshold(10_000, 5, 100_000)
    server = Server(engine, listener, log, grace_s=options.grace)
    on_stop_signal(lambda: server.loop.call_from_thread(server.stop))
    log.info("serving", version=VERSION, address=address_of(listener))
    announce("sqldb", listener)
    server.run()


if __name__ == "__main__":
    main()
