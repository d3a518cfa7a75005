from collections.abc import Iterator

import pytest

from services.broker.tests.support import Store, kv, running_store, store  # noqa: F401
from services.broker.tests.world import World
from services.kvdb.client import KVClient


@pytest.fixture
def world(store: Store, kv: KVClient) -> Iterator[World]:  # noqa: F811
    world = World(store, kv)
    yield world
    world.close()
