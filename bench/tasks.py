"""The task queue beside Celery and huey: enqueue, drain, round trip, with two worker processes.

    python3 -m bench.tasks [--quick] [--only NAME,…]

Every queue runs the same task, which does nothing, in two processes that one worker looks after.
Celery and huey are on a real redis-server; ours is once on kvdb and pubsub, and once on the same
redis-server. Ours submits straight to the store, as the others do; `by HTTP` goes through a broker.

    enqueue       calls a second by one program, one after another, while no worker runs
    drain         tasks a second from then on, when the worker has started: from the first result
                  to the last
    CPU           milliseconds of processor time that a task takes while they are drained, of all
                  processes together: the worker with its children, the stores, our broker
    round trip    milliseconds from the call to its result, one at a time, with the worker idle

The systems take turns, and the medians of the rounds are printed. The others are installed from the
package index into a virtual environment of this benchmark's own (`.venv-bench`); without them, or
without a redis-server, what can be measured is.
"""

import argparse
import contextlib
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.ledger import our_servers
from bench.servers import redis_server
from services.common.redis_url import RedisURL
from services.kvdb.client import KVClient
from services.worker.process_tree import descendants
from tests.processes import ROOT, clean_environ, running_service

VENV = Path(os.environ.get("BENCH_VENV") or ROOT / ".venv-bench")
PEERS = ("celery[redis]>=5.4", "huey>=2.5", "redis>=5.2")
PROCESSES = 2
PATIENCE_S = 120.0
POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class System:
    """One queue on one store, and how its parts are started."""

    name: str
    queue: str
    """Its name for `bench.queue_peers.driver`."""
    python: str
    settings: Mapping[str, str]
    store: RedisURL
    finished: Callable[[KVClient], int]
    """How many results there are."""
    start_worker: Callable[[Path], contextlib.AbstractContextManager[object]]


@dataclass(slots=True)
class Figures:
    """What the rounds have brought."""

    enqueue: list[float] = field(default_factory=list)
    drain: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    round_trips_ms: list[float] = field(default_factory=list)

    def row(self) -> list[float]:
        p99 = statistics.quantiles(self.round_trips_ms, n=100)[98]
        trip = statistics.median(self.round_trips_ms)
        medians = [statistics.median(one) for one in (self.enqueue, self.drain, self.cpu_ms)]
        return [*medians, trip, p99]


def run_driver(system: System, measure: str, count: int) -> object:
    command = [system.python, "-m", "bench.queue_peers.driver", system.queue, measure, str(count)]
    environ = clean_environ(system.settings)
    result = subprocess.run(
        command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=PATIENCE_S
    )
    if result.returncode != 0:
        raise SystemExit(f"{system.name}: {result.stderr}")
    return json.loads(result.stdout)


def measure_round(system: System, count: int, trips: int, directory: Path) -> Figures:
    kv = KVClient(system.store)
    try:
        kv.execute("FLUSHDB")
        if system.queue == "ours":
            # As in any queue that is not new, some worker has announced the task.
            with system.start_worker(directory):
                pass
        enqueue = run_driver(system, "enqueue", count)
        with system.start_worker(directory):
            drain, cpu_ms = measure_drain(lambda: system.finished(kv), count)
            round_trips = run_driver(system, "round-trips", trips)
        return Figures([enqueue], [drain], [cpu_ms], round_trips)
    finally:
        kv.close()


def measure_drain(finished: Callable[[], int], count: int) -> tuple[float, float]:
    """Results a second, from the first one that is seen until all are there; and CPU for each."""
    first_s, first_cpu_s, first = 0.0, 0.0, 0
    deadline_s = time.monotonic() + PATIENCE_S
    while (done := finished()) < count:
        if done and not first:
            first_s, first_cpu_s, first = time.perf_counter(), cpu_s(), done
        if time.monotonic() > deadline_s:
            raise SystemExit(f"only {done} of {count} tasks were run")
        time.sleep(POLL_S)
    number, spent_s = done - first, cpu_s() - first_cpu_s
    return number / (time.perf_counter() - first_s), spent_s * 1000 / number


def cpu_s() -> float:
    """CPU time so far of every process that we have started, and that those have."""
    spent_s = 0.0
    for pid in descendants(os.getpid()):
        with contextlib.suppress(OSError):
            # Linux numbers the clocks of other processes like this.
            spent_s += time.clock_gettime((~pid << 3) | 2)
    return spent_s


# The systems.


def ours(name: str, store: RedisURL, pubsub: RedisURL, broker: str | None = None) -> System:
    urls = {"KVDB_URL": f"redis://{store.address}/0", "PUBSUB_URL": f"redis://{pubsub.address}"}
    settings = {
        **urls,
        "WORKER_IMPORT": "bench.queue_peers.our_tasks",
        "WORKER_CONCURRENCY": str(PROCESSES),
        "WORKER_LOG_LEVEL": "warning",
    }

    def start(directory: Path) -> contextlib.AbstractContextManager[object]:
        return running_service("worker", settings, directory / "worker.log")

    return System(
        name,
        "ours",
        sys.executable,
        urls | {"BROKER_URL": broker or urls["KVDB_URL"]},
        store,
        lambda kv: kv.execute("ZCARD", "tasks:state:succeeded"),
        start,
    )


def celery(store: RedisURL) -> System:
    python = str(VENV / "bin/python")
    quiet = ["--without-heartbeat", "--without-gossip", "--without-mingle", "--loglevel=ERROR"]
    command = [
        *[python, "-m", "celery", "--app=bench.queue_peers.celery_tasks", "worker"],
        *[f"--concurrency={PROCESSES}", *quiet],
    ]
    # Each result is a key of its own.
    return _peer(
        "Celery", "celery", python, command, store, lambda kv: _count_keys(kv, "celery-task-meta-*")
    )


def huey(store: RedisURL) -> System:
    python = str(VENV / "bin/python")
    consumer = str(VENV / "bin/huey_consumer")
    program = consumer if Path(consumer).exists() else f"{consumer}.py"
    command = [
        *[python, program, "bench.queue_peers.huey_tasks.huey", "--quiet"],
        *[f"--workers={PROCESSES}", "--worker-type=process", "--delay=0.01", "--max-delay=0.01"],
    ]
    return _peer(
        "huey", "huey", python, command, store, lambda kv: kv.execute("HLEN", "huey.results.bench")
    )


def _count_keys(kv: KVClient, pattern: str) -> int:
    """The others keep few keys beside their results, so a look at their number comes first."""
    return len(kv.execute("KEYS", pattern))


def _peer(
    name: str,
    queue: str,
    python: str,
    command: list[str],
    store: RedisURL,
    finished: Callable[[KVClient], int],
) -> System:
    settings = {"BENCH_REDIS": f"redis://{store.address}/0", "PYTHONPATH": str(ROOT)}

    @contextlib.contextmanager
    def start(directory: Path) -> Iterator[None]:
        with open(directory / f"{queue}.log", "ab") as log:
            process = subprocess.Popen(
                command, cwd=ROOT, env=clean_environ(settings), stdout=log, stderr=log
            )
        try:
            yield
        finally:
            process.terminate()
            process.wait()

    return System(name, queue, python, settings, store, finished, start)


def install_peers() -> bool:
    """Whether Celery and huey are there, or could be installed."""
    if not (VENV / "bin/celery").exists():
        print(f"installing {', '.join(PEERS)} into {VENV.name}", flush=True)
        venv.create(VENV, with_pip=True)
        pip = [VENV / "bin/pip", "install", "--quiet", "--disable-pip-version-check", *PEERS]
        return subprocess.run(pip).returncode == 0
    return True


def systems(stack: contextlib.ExitStack, directory: Path) -> Iterator[System]:
    kvdb, pubsub = stack.enter_context(our_servers(directory))
    urls = {"KVDB_URL": f"redis://{kvdb.address}/0", "PUBSUB_URL": f"redis://{pubsub.address}"}
    broker = stack.enter_context(
        running_service("broker", urls | {"BROKER_PORT": "0"}, directory / "broker.log")
    )
    yield ours("ours, kvdb + pubsub", kvdb, pubsub)
    yield ours("ours, by HTTP", kvdb, pubsub, f"http://{broker.endpoint}")
    if not shutil.which("redis-server"):
        print("no redis-server is installed (tools/redis-server.sh installs one)")
        return
    redis = stack.enter_context(redis_server(directory)).url
    yield ours("ours, redis-server", redis, redis)
    if install_peers():
        yield huey(redis)
        yield celery(redis)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the tasks, one round")
    parser.add_argument("--only", help="names of systems, by commas: ours, celery, huey")
    arguments = parser.parse_args()
    count, trips, rounds = (300, 100, 1) if arguments.quick else (3000, 300, 3)
    only = set((arguments.only or "ours,celery,huey").split(","))
    print(f"Python {platform.python_version()}, {PROCESSES} worker processes, {count:,} tasks\n")
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        measured = [one for one in systems(stack, directory) if one.queue in only]
        figures = {system.name: Figures() for system in measured}
        for _ in range(rounds):
            for system in measured:
                found = measure_round(system, count, trips, directory)
                mine = figures[system.name]
                mine.enqueue += found.enqueue
                mine.drain += found.drain
                mine.cpu_ms += found.cpu_ms
                mine.round_trips_ms += found.round_trips_ms
    show({name: found.row() for name, found in figures.items()})


def show(rows: dict[str, list[float]]) -> None:
    titles = ("enqueue/s", "drain/s", "CPU ms", "p50 ms", "p99 ms")
    print(f"{'':22}" + "".join(f"{title:>12}" for title in titles))
    for name, (enqueue, drain, *times_ms) in rows.items():
        print(f"{name:22}{enqueue:>12,.0f}{drain:>12,.0f}" + _columns(times_ms))
    for peer in ("huey", "Celery"):
        if peer in rows and "ours, kvdb + pubsub" in rows:
            mine, theirs = rows["ours, kvdb + pubsub"], rows[peer]
            rates = [ours / its for ours, its in zip(mine[:2], theirs[:2], strict=True)]
            times = [its / ours for ours, its in zip(mine[2:], theirs[2:], strict=True)]
            print(f"{'times ' + peer:22}" + _columns([*rates, *times]))


def _columns(numbers: list[float]) -> str:
    return "".join(f"{number:>12.2f}" for number in numbers)


if __name__ == "__main__":
    main()
