"""How fast a ledger node replays the list, and how soon a group is applied at all nodes.

    python3 -m bench.ledger [--quick]

Replay is measured three times at three sizes, each ten times the one before, and the median is
printed: in memory (messages to balances, nothing else), and from the list in kvdb, as a node does
it that starts without a snapshot. Latency is from the POST at one node until all three have
announced over pub/sub that they applied the group. Where a redis-server is installed, both
are measured with it in the place of kvdb and pubsub, in turn with ours.
"""

import argparse
import contextlib
import json
import platform
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.servers import redis_server
from services.common.logs import Log
from services.common.redis_url import RedisURL, parse_redis_url
from services.common.resp import encode_request
from services.common.resp_client import RespConnection
from services.kvdb.client import KVClient
from services.ledger.client import LedgerClient
from services.ledger.follower import Follower
from services.ledger.hiponet import LIST, connect_to
from services.ledger.ledger import Ledger
from tests.processes import running_service

ACCOUNTS = [f"account-{number}" for number in range(1000)]
ROUNDS_OF_EACH = 3
APPEND_BATCH = 500


def transfer(sender: str, receiver: str, amount: int) -> dict:
    return {
        "amount": amount,
        "asset_id": 0,
        "first_valid": 0,
        "receiver": receiver,
        "sender": sender,
        "type": "transfer",
    }


def messages_of(size: int) -> list[bytes]:
    """A group that issues, then single transfers between a thousand accounts, all valid."""
    chance = random.Random(7)
    issue = [transfer("HIPO", account, 10**9) for account in ACCOUNTS]
    groups = [issue] + [
        [transfer(chance.choice(ACCOUNTS), chance.choice(ACCOUNTS), chance.randrange(1000))]
        for _ in range(size - 1)
    ]
    return [json.dumps(group).encode() for group in groups]


def median_rate(size: int, replay: Callable[[], Ledger]) -> float:
    """Groups a second."""
    seconds = []
    for _ in range(ROUNDS_OF_EACH):
        started_s = time.perf_counter()
        ledger = replay()
        seconds.append(time.perf_counter() - started_s)
        assert ledger.round == size
    return size / statistics.median(seconds)


def replay_in_memory(messages: list[bytes]) -> Ledger:
    ledger = Ledger()
    ledger.replay(messages)
    return ledger


def replay_list(url: RedisURL) -> Ledger:
    hiponet = connect_to(url)
    follower = Follower(hiponet, Log("bench"))
    follower.catch_up()
    hiponet.close()
    return follower.ledger


def fill_list(url: RedisURL, messages: list[bytes]) -> None:
    kv = KVClient(url)
    kv.execute("DEL", LIST)
    for start in range(0, len(messages), APPEND_BATCH):
        kv.execute("RPUSH", LIST, *messages[start : start + APPEND_BATCH])
    kv.close()


def bench_replay(sizes: list[int], servers: dict[str, tuple[RedisURL, RedisURL]]) -> None:
    print(f"{'replay, groups/s':24}" + "".join(f"{size:>12,}" for size in sizes) + "   growth")
    rates: dict[str, list[float]] = {"in memory": []}
    rates |= {f"from the list, {name}": [] for name in servers}
    for size in sizes:
        messages = messages_of(size)
        rate = median_rate(size, lambda messages=messages: replay_in_memory(messages))
        rates["in memory"].append(rate)
        for name, (kvdb, _) in servers.items():
            fill_list(kvdb, messages)
            rate = median_rate(size, lambda kvdb=kvdb: replay_list(kvdb))
            rates[f"from the list, {name}"].append(rate)
    for name, row in rates.items():
        # Time for each group at the largest size, compared with the smallest: 1.0 is linear.
        growth = row[0] / row[-1]
        print(f"{name:24}" + "".join(f"{rate:>12,.0f}" for rate in row) + f"{growth:>9.2f}")


def bench_latency(samples: int, servers: dict[str, tuple[RedisURL, RedisURL]]) -> None:
    print(f"\n{'submitted → applied, ms':24}{'verdict p50':>12}{'all p50':>12}{'all p99':>12}")
    for name, (kvdb, pubsub) in servers.items():
        with tempfile.TemporaryDirectory() as directory:
            verdicts, all_three = measure_latency(samples, kvdb, pubsub, Path(directory))
        p99 = statistics.quantiles(all_three, n=100)[98]
        figures = statistics.median(verdicts), statistics.median(all_three), p99
        print(f"{name:24}" + "".join(f"{figure * 1000:>12.2f}" for figure in figures))


def measure_latency(
    samples: int, kvdb: RedisURL, pubsub: RedisURL, directory: Path
) -> tuple[list[float], list[float]]:
    """Seconds until the node that was asked has answered, and until all three announced."""
    fill_list(kvdb, messages_of(1))
    urls = {"KVDB_URL": f"redis://{kvdb.address}", "PUBSUB_URL": f"redis://{pubsub.address}"}
    verdicts, all_three = [], []
    with contextlib.ExitStack() as stack:
        names = [f"ledger-{number}" for number in (1, 2, 3)]
        nodes = [
            stack.enter_context(
                running_service(
                    "ledger",
                    {"LEDGER_PORT": "0", "LEDGER_NAME": name, **urls},
                    directory / f"{name}.log",
                )
            )
            for name in names
        ]
        client = LedgerClient(f"http://{nodes[0].endpoint}")
        channel = RespConnection(pubsub)
        channel.send(encode_request(["SUBSCRIBE", LIST]))
        channel.read_reply()
        wait_for_all(channel, names, index=1)
        for _ in range(samples):
            time.sleep(0.12)  # A status is announced at most every tenth of a second.
            started_s = time.perf_counter()
            answer = client.submit([transfer(*ACCOUNTS[:2], 1)])
            verdicts.append(time.perf_counter() - started_s)
            wait_for_all(channel, names, index=answer["index"] + 1)
            all_three.append(time.perf_counter() - started_s)
        channel.close()
        client.close()
    return verdicts, all_three


def wait_for_all(channel: RespConnection, names: list[str], index: int) -> None:
    """Return when each node has announced that it applied `index` messages."""
    missing = set(names)
    while missing:
        announcement = json.loads(channel.read_reply(timeout_s=10)[2])
        if announcement["kind"] == "status" and announcement["index"] >= index:
            missing.discard(announcement["node"])


@contextlib.contextmanager
def our_servers(directory: Path) -> Iterator[tuple[RedisURL, RedisURL]]:
    with contextlib.ExitStack() as stack:
        addresses = []
        for service in ("kvdb", "pubsub"):
            settings = {f"{service}_PORT".upper(): "0"}
            running = running_service(service, settings, directory / f"{service}.log")
            endpoint = stack.enter_context(running).endpoint
            addresses.append(parse_redis_url(f"redis://{endpoint}", 0))
        yield addresses[0], addresses[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the sizes")
    quick = parser.parse_args().quick
    print(f"Python {platform.python_version()}\n")
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        servers = {"kvdb + pubsub": stack.enter_context(our_servers(directory))}
        if shutil.which("redis-server"):
            redis = stack.enter_context(redis_server(directory)).url
            servers["redis-server"] = (redis, redis)
        bench_replay([size // (10 if quick else 1) for size in (5000, 50_000, 500_000)], servers)
        bench_latency(20 if quick else 100, servers)


if __name__ == "__main__":
    main()
