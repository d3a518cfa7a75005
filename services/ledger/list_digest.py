"""The list digest: one hash that stands for every message up to an index, and their order.

    digest(0)     = 32 zero bytes
    digest(i + 1) = SHA-256( digest(i) ‖ message i )

Two nodes with the same index and the same digest have read the same list. A node that
remembers its digest at an index knows later whether the list still begins as it did.

Reading a list of millions from the beginning for that would take the time that a snapshot
is there to save. So the digest keeps *anchors*, the digests at every `WINDOW`-th index, the
last two of them: reading on from the older one, between one and two windows of messages,
gives today's digest again if these messages are still the same. The whole list is only read
again when there is a doubt about it (`node.py` says when).

# Real: the previous-block hash in Bitcoin's block header; AppendEntries in Raft carries
# prevLogIndex and prevLogTerm for the same question.
"""

from collections.abc import Iterable
from hashlib import sha256
from typing import NamedTuple

WINDOW = 1024


class Anchor(NamedTuple):
    """The digest of the first `index` messages."""

    index: int
    digest: bytes


GENESIS = Anchor(0, bytes(32))


class ListDigest:
    """The running digest, with the two latest anchors, the older one first."""

    __slots__ = ("anchors", "digest", "index")

    def __init__(self, head: Anchor = GENESIS, anchors: tuple[Anchor, Anchor] = (GENESIS, GENESIS)):
        self.index, self.digest = head
        self.anchors = anchors

    @property
    def head(self) -> Anchor:
        return Anchor(self.index, self.digest)

    def append(self, message: bytes) -> None:
        self.digest = sha256(self.digest + message).digest()
        self.index += 1
        if self.index % WINDOW == 0:
            self.anchors = (self.anchors[1], self.head)


def extend(anchor: Anchor, messages: Iterable[bytes]) -> Anchor:
    """The anchor after `messages`."""
    index, digest = anchor
    for message in messages:
        digest = sha256(digest + message).digest()
        index += 1
    return Anchor(index, digest)
