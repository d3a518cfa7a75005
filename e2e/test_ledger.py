"""Three ledger nodes that agree, whoever appends and wherever one asks."""

import json
import os
import uuid

import pytest
import redis
import requests

from e2e.ledger import agreement, append, transfer
from e2e.stack import Stack


def test_a_group_posted_at_one_node_reaches_all(stack: Stack, http: requests.Session):
    receiver = f"e2e-{uuid.uuid4()}"
    before = agreement(stack, http)
    answer = http.post(
        f"{stack.url('ledger-2')}/groups",
        json=[transfer("HIPO", receiver, 0), transfer("HIPO", receiver, 0)],
        timeout=10,
    )
    assert answer.status_code in (200, 201, 202), answer.text
    after = agreement(stack, http, past_index=before["index"])
    # From round 3 on HIPO must not send: whether it counted, every node says the same.
    for url in stack.ledger_urls():
        shown = http.get(f"{url}/balances", timeout=10).json()
        assert shown["round"] == after["round"]
        assert sum(shown["balances"].values()) == 0
        assert (receiver in shown["balances"]) == (before["round"] <= 2)


def test_any_redis_client_takes_part(stack: Stack, http: requests.Session):
    """A plain RPUSH, announced by nobody, and messages that are no groups."""
    before = agreement(stack, http)
    with redis.Redis(*stack.address("kvdb")) as client:
        for message in (
            b"garbage",
            b"[]",
            b"\xff\xfe",
            b"[" * 5000,
            json.dumps([transfer("nobody", "somebody", 0)]).encode(),
        ):
            append(client, message)
    after = agreement(stack, http, past_index=before["index"] + 4)
    assert after["round"] == before["round"] + 1


def test_an_overspender_is_rejected_everywhere(stack: Stack, http: requests.Session):
    poor = f"poor-{uuid.uuid4()}"
    before = agreement(stack, http)
    with redis.Redis(*stack.address("kvdb")) as client:
        append(client, json.dumps([transfer(poor, "ada", 1)]).encode())
    after = agreement(stack, http, past_index=before["index"])
    assert after["round"] == before["round"]


@pytest.mark.parametrize("body", [b"not json", b"{}", b"[]", b'[{"amount": "1"}]', b'[{"a":1}]'])
def test_malformed_groups_are_refused_and_not_appended(
    stack: Stack, http: requests.Session, body: bytes
):
    before = agreement(stack, http)
    answer = http.post(
        f"{stack.url('ledger-1')}/groups",
        data=body,
        headers={"Content-Type": "application/json"},
        timeout=10,
    )
    assert answer.status_code in (400, 422)
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert agreement(stack, http)["index"] == before["index"]


def test_balances_of_an_earlier_round(stack: Stack, http: requests.Session):
    url = stack.url("ledger-3")
    assert http.get(f"{url}/balances", params={"round": 0}, timeout=10).json()["round"] == 0
    assert http.get(f"{url}/balances", params={"round": 10**9}, timeout=10).status_code == 404
    assert http.get(f"{url}/balances", params={"round": "x"}, timeout=10).status_code in (400, 422)


def test_the_nodes_know_each_other(stack: Stack, http: requests.Session):
    agreement(stack, http)
    status = http.get(f"{stack.url('ledger-1')}/status", timeout=10).json()
    assert len(status["peers"]) >= 2, os.linesep.join(map(str, status["peers"]))
