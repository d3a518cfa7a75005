"""Gossip: what nodes tell each other over the channel `hiponet`. Codec and table, no sockets.

    {"kind": "group",  "node": "ledger-1", "index": 17}
    {"kind": "status", "node": "ledger-1", "round": 9, "index": 18,
     "state_root": "ab…", "list_digest": "cd…"}

A *group* announcement says that the list has a new message. It carries the index alone: the
message is read from the list, where its place is certain, and so a lie costs one read.
A *status* says how far a node is; from it each node knows its peers and whether they agree.
What is neither is taken for news in somebody else's words, and is answered by looking at
the list: other implementations may announce as they like.
# Real: `inv` messages in Bitcoin announce a hash, and `getdata` fetches what is behind it.
"""

import json
import re
from dataclasses import asdict, dataclass
from enum import Enum

from services.ledger.errors import MalformedGroup
from services.ledger.group import decode_json

CHANNEL = "hiponet"
SILENT_AFTER_S = 5.0
"""A peer that has said nothing for so long says nothing about agreement either."""

MAX_PEERS = 64
"""Anybody can announce any name: beyond so many, the one that was silent longest is dropped."""

MAX_ANNOUNCEMENT_BYTES = 4096

_NAME = re.compile(r"[\w.:-]{1,64}", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class GroupAnnouncement:
    """The list has a message at `index`."""

    node: str
    index: int


@dataclass(frozen=True, slots=True)
class Status:
    """How far a node is: `index` messages applied, `round` of them accepted."""

    node: str
    round: int
    index: int
    state_root: str
    list_digest: str


def is_node_name(text: str) -> bool:
    return _NAME.fullmatch(text) is not None


def encode(announcement: GroupAnnouncement | Status) -> bytes:
    kind = "status" if isinstance(announcement, Status) else "group"
    return json.dumps({"kind": kind, **asdict(announcement)}).encode()


def decode(payload: bytes) -> GroupAnnouncement | Status | None:
    """The announcement; None for whatever else was published."""
    if len(payload) > MAX_ANNOUNCEMENT_BYTES:
        return None
    try:
        fields = decode_json(payload)
    except MalformedGroup:
        return None
    match fields:
        case {"kind": "group", "node": str(node), "index": index}:
            is_valid = is_node_name(node) and _is_count(index)
            return GroupAnnouncement(node, index) if is_valid else None
        case {
            "kind": "status",
            "node": str(node),
            "round": round,
            "index": index,
            "state_root": str(state_root),
            "list_digest": str(list_digest),
        }:
            is_valid = is_node_name(node) and _is_count(round) and _is_count(index)
            is_valid = is_valid and all(map(_HASH.fullmatch, (state_root, list_digest)))
            return Status(node, round, index, state_root, list_digest) if is_valid else None
    return None


def _is_count(value: object) -> bool:
    """An integer that an index can be; `True` is none."""
    return type(value) is int and 0 <= value < 2**63


class Relation(Enum):
    """How a peer stands to this node."""

    AGREES = "agrees"
    BEHIND = "behind"
    AHEAD = "ahead"
    DIFFERS = "differs"
    """It has read as many messages and come to something else."""
    SILENT = "silent"


@dataclass(slots=True)
class Peer:
    """The last that was heard of another node."""

    status: Status
    seen_at_s: float

    def relation(self, own: Status, now_s: float) -> Relation:
        """Compare with this node's status. Only nodes at the same index can be compared."""
        if now_s - self.seen_at_s > SILENT_AFTER_S:
            return Relation.SILENT
        if self.status.index != own.index:
            return Relation.BEHIND if self.status.index < own.index else Relation.AHEAD
        is_same = (self.status.state_root, self.status.list_digest) == (
            own.state_root,
            own.list_digest,
        )
        return Relation.AGREES if is_same else Relation.DIFFERS


class Peers:
    """The other nodes by name; for one thread at a time."""

    def __init__(self) -> None:
        self._peers: dict[str, Peer] = {}

    def update(self, status: Status, now_s: float) -> None:
        self._peers[status.node] = Peer(status, now_s)
        if len(self._peers) > MAX_PEERS:
            del self._peers[min(self._peers, key=lambda name: self._peers[name].seen_at_s)]

    def list(self) -> list[Peer]:
        """All peers, by name."""
        return [self._peers[name] for name in sorted(self._peers)]
