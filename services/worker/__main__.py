"""`python3 -m services.worker`: executes the tasks of the queue."""

import argparse
import os
import re
import socket

from services.broker.client import kvdb_url, pubsub_url, store_options
from services.common import logs
from services.common.options import (
    Option,
    flag,
    parse_options,
    process_options,
    seconds,
    whole_number,
)
from services.worker.fair_share import parse_weights
from services.worker.health import check_health

DESCRIPTION = """\
A worker of the task queue: claims tasks from kvdb and runs each in a process of its own.

It listens nowhere; its ready line, `worker ready on HOST:PID`, says where it is instead."""

_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


def main() -> None:
    options = parse_options("worker", DESCRIPTION, _options())
    if options.health:
        raise SystemExit(check_health(options))
    _serve(options)


def _serve(options: argparse.Namespace) -> None:
    # Imported only to serve: a health check is another process, started every few seconds.
    from services.common.event_loop import EventLoop
    from services.common.health import Vitals
    from services.common.lifecycle import on_stop_signal
    from services.worker.pool import Wear
    from services.worker.service import Settings, Worker

    log = logs.configure("worker", options.log_level)
    address = f"{socket.gethostname()}:{os.getpid()}"
    loop = EventLoop(log)
    settings = Settings(
        name=options.name or f"worker-{address.replace(':', '-')}",
        kvdb_url=kvdb_url(options),
        pubsub_url=pubsub_url(options),
        concurrency=options.concurrency,
        modules=getattr(options, "import"),
        queues=options.queues,
        lease_s=options.lease_s,
        grace_s=options.grace,
        wear=Wear(options.max_tasks_per_child, options.memory_limit * 2**20),
        is_burst=options.burst,
        environment={
            **os.environ,
            "KVDB_URL": options.kvdb_url,
            "PUBSUB_URL": options.pubsub_url,
        },
    )
    worker = Worker(settings, loop, Vitals("worker", address), log)
    on_stop_signal(lambda: loop.call_from_thread(worker.stop))
    worker.run()
    log.info("stopped")


def _options() -> list[Option]:
    return [
        Option("name", "", "what this worker is called; empty: worker-HOST-PID"),
        Option("concurrency", 2, "tasks that run at the same time", whole_number(1, 1000)),
        Option("import", ("services.worker.samples",), "modules of tasks, by commas", _modules),
        Option("queues", {}, "queues to serve, NAME=WEIGHT by commas; empty: all", parse_weights),
        Option("lease-s", 10.0, "seconds of silence after which it is given up", seconds(0.5)),
        Option(
            "max-tasks-per-child",
            0,
            "a child is replaced after so many tasks; 0: never",
            whole_number(0, 1_000_000),
        ),
        Option(
            "memory-limit",
            0,
            "MiB that a task and what it starts may take; 0: no limit",
            whole_number(0, 1_000_000),
        ),
        Option("burst", False, "end with status 0 when the queues are empty", flag),
        *store_options(),
        *process_options(),
    ]


def _modules(text: str) -> tuple[str, ...]:
    modules = tuple(part.strip() for part in text.split(",") if part.strip())
    for module in modules:
        if not _MODULE.fullmatch(module):
            raise ValueError(f"{module} is no name of a module, such as shop.tasks")
    return modules


if __name__ == "__main__":
    main()
