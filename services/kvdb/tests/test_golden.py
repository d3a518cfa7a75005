"""Golden scripts: commands and their replies, as one would see them in redis-cli.

A script is `golden/NAME.txt`. The first word says who types:

    > SET a 1              the first client
    2> GET a               the second one (there may be more)
    @ 1.5                  the clock goes on by so many seconds
    # a remark

Below each line stands what is answered; `2< …` is what another client gets that was waiting.
`UPDATE_GOLDEN=1 pytest services/kvdb/tests/test_golden.py` writes the replies anew; what has
changed is then seen, and judged, in the diff.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.common.resp import (
    NEED_MORE,
    Push,
    ReplyError,
    Simple,
    encode_reply,
    split_words,
)
from services.common.resp_replies import RespReplyDecoder
from services.kvdb.clients import FAREWELL, NO_REPLY, Client
from services.kvdb.tests.support import HandClock, new_engine

SCRIPTS = sorted((Path(__file__).parent / "golden").glob("*.txt"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_golden(path: Path) -> None:
    written = path.read_text(encoding="utf-8")
    found = "".join(f"{line}\n" for line in _Run().lines(written.splitlines()))
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(found, encoding="utf-8")
    assert found == written


class _Run:
    """One script, on an engine of its own."""

    def __init__(self) -> None:
        self._clock = HandClock()
        self._engine = new_engine(clock=self._clock)
        self._clients: dict[str, Client] = {}

    def lines(self, script: list[str]) -> Iterator[str]:
        """The script with the replies that are given now."""
        for line in script:
            who, mark, words = line.partition("> ")
            if not line or line.startswith("#"):
                yield line
            elif line.startswith("@ "):
                yield line
                self._clock.advance(float(line[2:]))
            elif mark and (who.isdigit() or not who):
                yield line
                yield from self._answer(who or "1", words)

    def _answer(self, who: str, words: str) -> Iterator[str]:
        while who not in self._clients:  # So that the name of a client is its id.
            self._clients[str(len(self._clients) + 1)] = self._engine.clients.connect()
        client = self._clients[who]
        reply = self._engine.dispatcher.execute(client, split_words(words.encode()))
        yield from _shown(_over_the_wire(reply, client.resp))
        deliveries = self._engine.dispatcher.deliveries
        while deliveries:
            receiver, reply = deliveries.popleft()
            (name,) = (name for name, it in self._clients.items() if it is receiver)
            for line in _shown(_over_the_wire(reply, receiver.resp)):
                yield f"{name}< {line}"


def _over_the_wire(reply: object, resp: int) -> object:
    """What a client makes of it: forms differ between RESP2 and RESP3."""
    if reply is NO_REPLY or reply is FAREWELL:
        return reply
    decoder = RespReplyDecoder()
    decoder.receive_data(encode_reply(reply, resp))
    decoded = decoder.next_reply()
    assert decoded is not NEED_MORE
    return decoded


def _shown(reply: object) -> Iterator[str]:
    """A reply in the form of redis-cli."""
    match reply:
        case None:
            yield "(nil)"
        case bool():
            yield f"({str(reply).lower()})"
        case int():
            yield f"(integer) {reply}"
        case float():
            yield f"(double) {reply:g}"
        case ReplyError():
            yield f"(error) {reply}"
        case Simple():
            yield str(reply)
        case bytes():
            yield _quoted(reply)
        case dict():
            yield from _listed(reply.items(), "#") if reply else ["(empty hash)"]
        case set():
            yield from _listed(sorted(reply), "~") if reply else ["(empty set)"]
        case Push():
            yield from _listed(reply, ">")
        case list() | tuple():
            yield from _listed(reply, ")") if reply else ["(empty array)"]
        case _:
            yield "(closed)" if reply is FAREWELL else "(waits)"


def _listed(items: object, mark: str) -> Iterator[str]:
    for number, item in enumerate(items, start=1):
        if mark == "#":
            key, value = (" ".join(_shown(part)) for part in item)
            yield f"{number}# {key} => {value}"
            continue
        prefix = f"{number}{mark} "
        for line in _shown(item):
            yield prefix + line
            prefix = " " * len(prefix)


def _quoted(text: bytes) -> str:
    """As redis-cli shows a string: bytes that are not plain ASCII are escaped."""
    escapes = {ord('"'): '\\"', ord("\\"): "\\\\", ord("\n"): "\\n", ord("\r"): "\\r"}
    return (
        '"'
        + "".join(
            escapes.get(byte) or (chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}")
            for byte in text
        )
        + '"'
    )
