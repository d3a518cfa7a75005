"""Announcements and peers: what is understood, what is ignored, and who agrees with whom."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ledger.gossip import (
    MAX_PEERS,
    SILENT_AFTER_S,
    GroupAnnouncement,
    Peer,
    Peers,
    Relation,
    Status,
    decode,
    encode,
)
from services.ledger.tests.messages import any_json

ROOT, DIGEST = "ab" * 32, "cd" * 32


def status(node: str = "ledger-2", round: int = 3, index: int = 5, root: str = ROOT) -> Status:
    return Status(node, round, index, root, DIGEST)


@pytest.mark.parametrize("announcement", [GroupAnnouncement("a.b:c-d_1", 0), status()])
def test_announcements_go_round(announcement: GroupAnnouncement | Status):
    assert decode(encode(announcement)) == announcement


def test_what_stands_on_the_wire():
    assert json.loads(encode(GroupAnnouncement("ledger-1", 17))) == {
        "kind": "group",
        "node": "ledger-1",
        "index": 17,
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "other"},
        {"kind": None},
        {"node": ""},
        {"node": "x" * 65},
        {"node": "a b"},
        {"node": "ledger-1\n"},
        {"node": 7},
        {"index": -1},
        {"index": True},
        {"index": 1.0},
        {"index": 2**63},
        {"round": "1"},
        {"round": None},
        {"state_root": "ab"},
        {"state_root": ROOT.upper()},
        {"list_digest": 5},
    ],
)
def test_what_is_no_announcement_is_nothing(changes: dict):
    fields = json.loads(encode(status())) | changes
    assert decode(json.dumps(fields).encode()) is None


@given(st.binary(max_size=30) | any_json.map(lambda value: json.dumps(value).encode()))
def test_noise_on_the_channel_is_nothing(payload: bytes):
    assert decode(payload) is None


def test_large_noise_is_nothing():
    assert decode(b"[" * 10**6) is None
    assert decode(encode(status()) + b" " * 5000) is None


@pytest.mark.parametrize(
    ("peer", "relation"),
    [
        (status(), Relation.AGREES),
        (status(index=4), Relation.BEHIND),
        (status(index=6, root="00" * 32), Relation.AHEAD),
        (status(root="00" * 32), Relation.DIFFERS),
        (Status("ledger-2", 3, 5, ROOT, "00" * 32), Relation.DIFFERS),
    ],
)
def test_how_a_peer_stands_to_us(peer: Status, relation: Relation):
    own = status(node="ledger-1")
    assert Peer(peer, seen_at_s=100).relation(own, 100 + SILENT_AFTER_S) is relation
    assert Peer(peer, seen_at_s=100).relation(own, 100.1 + SILENT_AFTER_S) is Relation.SILENT


def test_peers_are_listed_by_name_with_the_latest_they_said():
    peers = Peers()
    peers.update(status("b"), 1)
    peers.update(status("a"), 2)
    peers.update(status("b", index=9), 3)
    assert [(peer.status.node, peer.status.index) for peer in peers.list()] == [("a", 5), ("b", 9)]


def test_names_without_end_do_not_fill_the_memory():
    peers = Peers()
    for number in range(3 * MAX_PEERS):
        peers.update(status(f"n{number}"), number)
        peers.update(status("steady"), number)
    names = {peer.status.node for peer in peers.list()}
    assert len(names) == MAX_PEERS
    assert {"steady", f"n{3 * MAX_PEERS - 1}"} < names
