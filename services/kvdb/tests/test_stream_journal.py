"""Streams in the append-only file: replaying it gives the same streams and the same groups."""

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.kvdb.tests.stream_grammar import PREAMBLE, stream_commands, waiting_commands
from services.kvdb.tests.support import Console, HandClock, new_engine

CLIENTS = 3
STEP = st.tuples(st.integers(0, CLIENTS - 1), stream_commands | waiting_commands)


def opened(directory: Path, clock: HandClock) -> Console:
    engine = new_engine(clock=clock, data_dir=str(directory), append_only=True)
    engine.persistence.open(engine)
    return Console(engine)


def closed(console: Console) -> None:
    console.engine.persistence.close(saves=False)


def everything(console: Console) -> dict[tuple[int, bytes], object]:
    """All keys of the databases that are used, streams with all that is known of them."""
    found = {}
    for database in (0, 1):
        console("SELECT", database)
        for key in console("KEYS", "*"):
            is_stream = console("TYPE", key) == "stream"
            value = console("XINFO", "STREAM", key, "FULL", "COUNT", 0) if is_stream else None
            found[database, key] = _masked(value)
    return found


# How full nodes are depends on settings of that time; when somebody was seen last without
# getting anything is no change.
NOT_KEPT = {b"radix-tree-keys", b"radix-tree-nodes", b"seen-time"}


def _masked(reply: object) -> object:
    match reply:
        case dict():
            return {name: _masked(it) for name, it in reply.items() if name not in NOT_KEPT}
        case list():
            return [_masked(it) for it in reply]
    return reply


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(STEP, max_size=30))
def test_replaying_gives_the_same(steps: list[tuple[int, list[bytes]]]):
    with tempfile.TemporaryDirectory() as name:
        clock = HandClock()
        console = opened(Path(name), clock)
        consoles = [console, *(Console(console.engine) for _ in range(CLIENTS - 1))]
        for request in PREAMBLE:
            console(*request)
        for who, request in steps:
            if not consoles[who].client.blocked:
                consoles[who](*request)
                console.engine.journal.flush()  # As after each turn of the loop, which has a time.
                clock.advance(0.001)
        for one in consoles:
            one.engine.clients.disconnect(one.client)
        before = everything(Console(console.engine))
        closed(console)
        again = opened(Path(name), HandClock())
        assert everything(again) == before
        closed(again)
