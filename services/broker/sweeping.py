"""Sweeping: records of finished tasks expire by themselves, and here their index entries follow."""

from collections.abc import Callable

from services.broker import keys
from services.broker.batch import BATCH
from services.broker.states import FINAL
from services.kvdb.client import KVClient


def sweep(kv: KVClient) -> None:
    """Forget what is no longer there, of tasks and of workflows."""
    for state in FINAL:
        _sweep_index(kv, keys.in_state(state), keys.record)
    _sweep_index(kv, keys.WORKFLOWS, keys.workflow)


def _sweep_index(kv: KVClient, index: str, key_of: Callable[[str], str]) -> None:
    start = 0
    while ids := kv.execute("ZRANGE", index, start, start + BATCH - 1):
        found = kv.execute("MGET", *(key_of(entry.decode("utf-8", "replace")) for entry in ids))
        gone = [entry for entry, document in zip(ids, found, strict=True) if document is None]
        if not gone:
            # The oldest come first: where a whole batch lives, so do those behind it, nearly.
            return
        kv.execute("ZREM", index, *gone)
        start += len(ids) - len(gone)
