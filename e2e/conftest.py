"""Fixtures of the end-to-end tests: the stack, and real clients of its services.

`E2E_STACK` chooses the stack: `compose` or `local` (the running one, else one of our own), or
the URL of a dashboard, whose services are asked at their usual ports on the same host.
Without it: whatever runs already, else local processes on free ports.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
import requests
from playwright.sync_api import Browser

from e2e import browser as browsers
from e2e import stack as stacks
from e2e.challenge_clients import KVClient, PubSubClient
from e2e.stack import ROOT, Stack

ARTIFACTS = ROOT / "artifacts"


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    wanted = os.environ.get("E2E_STACK", "")
    if wanted.startswith("http://"):
        yield stacks.RemoteStack(wanted)
        return
    if wanted not in ("", "compose", "local"):
        pytest.exit(f"E2E_STACK {wanted!r}: must be compose, local or a URL", returncode=2)
    running = None
    if wanted != "local":
        running = stacks.running_compose()
    if running is None and wanted != "compose":
        running = stacks.running_local()
    if running is not None:
        yield running
    elif wanted == "compose":
        with stacks.own_compose_stack() as own:
            yield own
    else:
        with stacks.own_local_stack(tmp_path_factory.mktemp("constellation")) as own:
            yield own


def pytest_report_header() -> str:
    return f"e2e stack: {os.environ.get('E2E_STACK') or 'the running one, else local processes'}"


@pytest.fixture
def kv(stack: Stack) -> KVClient:
    """The challenge's own key-value client: a new connection for each command."""
    return KVClient(*stack.address("kvdb"))


@pytest.fixture
def pubsub_client(stack: Stack) -> Iterator[Callable[[], PubSubClient]]:
    """Makes clients of the challenge's pub/sub protocol, closed at the end."""
    clients: list[PubSubClient] = []

    def connect() -> PubSubClient:
        clients.append(PubSubClient(*stack.address("pubsub")))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()


@pytest.fixture(params=[2, 3], ids=["RESP2", "RESP3"])
def kvdb(stack: Stack, request: pytest.FixtureRequest) -> Iterator[redis.Redis]:
    """redis-py against kvdb."""
    host, port = stack.address("kvdb")
    with redis.Redis(host, port, protocol=request.param, decode_responses=True) as client:
        yield client


@pytest.fixture(params=[2, 3], ids=["RESP2", "RESP3"])
def pubsub(stack: Stack, request: pytest.FixtureRequest) -> Iterator[redis.Redis]:
    """redis-py against pubsub."""
    host, port = stack.address("pubsub")
    with redis.Redis(host, port, protocol=request.param, decode_responses=True) as client:
        yield client


@pytest.fixture
def key(stack: Stack, request: pytest.FixtureRequest) -> Iterator[str]:
    """A key of this test alone, deleted at the end with all that begin with it."""
    prefix = f"e2e:{request.node.name}:{os.getpid()}"
    yield prefix
    with redis.Redis(*stack.address("kvdb"), protocol=2) as client:
        for name in client.scan_iter(match=f"{prefix.replace('[', '?')}*", count=1000):
            client.delete(name)


@pytest.fixture
def http() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


@pytest.fixture
def redis_cli(stack: Stack) -> Callable[..., str]:
    """Runs the real redis-cli against kvdb, or skips where it is not installed."""
    program = shutil.which("redis-cli")
    if program is None:
        pytest.skip("redis-cli is not installed (tools/redis-server.sh installs it)")
    host, port = stack.address("kvdb")

    def run(*arguments: str, stdin: str = "") -> str:
        command = [program, "-h", host, "-p", str(port), *arguments]
        shown = subprocess.run(
            command, input=stdin, capture_output=True, text=True, timeout=30, check=True
        )
        return shown.stdout

    return run


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsers.started() as chromium:
        yield chromium


@pytest.fixture(scope="session")
def artifacts() -> Path:
    """What a run leaves for people to look at: screenshots."""
    ARTIFACTS.mkdir(exist_ok=True)
    return ARTIFACTS
