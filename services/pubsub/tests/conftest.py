"""Servers and clients that end with the test."""

import contextlib
from collections.abc import Callable, Iterator

import pytest

from services.pubsub.tests.serving import Serving, SocketClient


@pytest.fixture
def start() -> Iterator[Callable[..., Serving]]:
    """Start a server with options of the test's choice."""
    with contextlib.ExitStack() as stack:

        def start(**options: object) -> Serving:
            serving = Serving(**options)
            stack.callback(serving.close)
            return serving

        yield start


@pytest.fixture
def serving(start: Callable[..., Serving]) -> Serving:
    return start()


@pytest.fixture
def connect() -> Iterator[Callable[..., SocketClient]]:
    """Connect a client of a class to a server."""
    with contextlib.ExitStack() as stack:

        def connect(kind: type[SocketClient], serving: Serving, **options: int) -> SocketClient:
            client = kind(serving.port, **options)
            stack.callback(client.close)
            return client

        yield connect
