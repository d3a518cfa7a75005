"""docdb, over the wire through pymongo, beside mongomock, in the process itself, in turn.

    python3 -m bench.docdb [--quick]

Each figure is operations a second, at 1,000, 10,000 and 100,000 documents, so that the growth
shows too: an operation that an index serves must not become slower with the collection.
mongomock is left out at 100,000 where it would take minutes. Our figures include the protocol,
two processes, and the journal on the disk; mongomock is a library that keeps dicts.
"""

import argparse
import platform
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import mongomock
import pymongo

from tests.processes import running_service

SIZES = (1_000, 10_000, 100_000)
MOCK_LIMIT = 10_000
GROUPS = 50


def documents(size: int) -> list[dict]:
    chance = random.Random(7)
    return [
        {
            "_id": number,
            "name": f"person {number}",
            "age": chance.randrange(90),
            "group": chance.randrange(GROUPS),
            "score": chance.random(),
            "tags": ["a", "b"],
        }
        for number in range(size)
    ]


def rate(count: int, run: Callable[[], object]) -> float:
    """Operations a second, of `count` done by one call."""
    started_s = time.perf_counter()
    run()
    return count / (time.perf_counter() - started_s)


def repeated(seconds: float, run: Callable[[int], object]) -> float:
    """Operations a second of one that is repeated for a while; the median of its times."""
    times, chance = [], random.Random(1)
    end_s = time.perf_counter() + seconds
    while time.perf_counter() < end_s or len(times) < 3:
        number = chance.randrange(1 << 30)
        started_s = time.perf_counter()
        run(number)
        times.append(time.perf_counter() - started_s)
    return 1 / statistics.median(times)


def measure(collection: object, size: int, seconds: float) -> dict[str, float]:
    found: dict[str, float] = {}
    everything = documents(size)
    found["insert_many"] = rate(size, lambda: collection.insert_many(everything))
    chance = iter(range(size, 1 << 40))
    found["insert_one"] = repeated(
        seconds, lambda n: collection.insert_one({"_id": next(chance), "age": -1, "group": -1})
    )
    found["find by _id"] = repeated(seconds, lambda n: collection.find_one({"_id": n % size}))
    found["find, no index"] = repeated(
        seconds, lambda n: list(collection.find({"name": f"person {n % size}"}))
    )
    collection.create_index("name")
    found["find, index"] = repeated(
        seconds, lambda n: list(collection.find({"name": f"person {n % size}"}))
    )
    found["update by _id"] = repeated(
        seconds, lambda n: collection.update_one({"_id": n % size}, {"$inc": {"age": 1}})
    )
    found["sort, limit 10"] = repeated(
        seconds, lambda n: list(collection.find().sort("score", -1).limit(10))
    )
    pipeline = [{"$group": {"_id": "$group", "n": {"$sum": 1}, "age": {"$avg": "$age"}}}]
    found["group"] = repeated(seconds, lambda n: list(collection.aggregate(pipeline)))
    return found


def shown(rate: float | None) -> str:
    if rate is None:
        return "–"
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes")
    options = parser.parse_args()
    sizes = SIZES[:1] if options.quick else SIZES
    seconds = 0.1 if options.quick else 0.5
    print(f"Python {platform.python_version()}, pymongo {pymongo.version}, "
          f"mongomock {mongomock.__version__}")  # fmt: skip
    print(f"{'operations/s':16}{'documents':>10}{'docdb':>12}{'mongomock':>12}{'ratio':>8}")
    with tempfile.TemporaryDirectory() as directory:
        settings = {"DOCDB_PORT": "0", "DOCDB_DATA_DIR": f"{directory}/data"}
        with (
            running_service("docdb", settings, Path(directory) / "log") as running,
            pymongo.MongoClient(f"mongodb://{running.endpoint}") as client,
        ):
            for size in sizes:
                client.bench.drop_collection("c")
                ours = measure(client.bench.c, size, seconds)
                theirs = {}
                if size <= MOCK_LIMIT:
                    theirs = measure(mongomock.MongoClient().bench.c, size, seconds)
                for name, value in ours.items():
                    other = theirs.get(name)
                    ratio = f"{value / other:.1f}" if other else "–"
                    print(f"{name:16}{size:10,}{shown(value):>12}{shown(other):>12}{ratio:>8}",
                          flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
