"""The page of the ledger and its API.

    GET  /api/ledger           the nodes, whether they agree, balances, the newest groups
    POST /api/ledger/groups    {"node": "ledger-1", "group": [{"sender": …}, …]}: POST /groups there

The group is handed on as it is: whether it is a valid one is for the node to say. Only the amounts
and rounds may be text here, because JavaScript cannot hold an integer above 2**53.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, TypedDict

from services.web.dashboard.fields import json_object, text_field
from services.web.dashboard.ledger.network import Network
from services.web.dashboard.live import Poll
from services.web.dashboard.shell import Dashboard
from services.web.dashboard.upstream import Upstream
from services.web.dashboard.vital_signs import VitalSigns, from_report
from services.web.errors import HTTPError
from services.web.openapi import documented
from services.web.requests import Request
from services.web.responses import JSONResponse, Response
from services.web.routing import Router

INTERVAL_S = 1.0
# Nodes gossip here about every group that is appended to the list.
GOSSIP_CHANNEL = "hiponet"

_INTEGER_FIELDS = frozenset({"amount", "first_valid"})
# A longer one would take int() and the ledger ever more time.
_INTEGER = re.compile(r"-?[0-9]{1,1000}")


class Submission(TypedDict):
    """A transaction group, and the node that is to have it."""

    node: str
    group: list[dict[str, Any]]


def install(dashboard: Dashboard) -> None:
    """Add the API, the topic `ledger` and a probe for each node."""
    network = Network(dashboard.settings.ledger_urls)
    for name, node in network.nodes.items():
        dashboard.add_probe(name, "ledger", node.address, _health_of(name, node))
    poll = Poll("ledger", network.look, dashboard.log, interval_s=INTERVAL_S)
    dashboard.add_poll(poll, announced_on=GOSSIP_CHANNEL)
    dashboard.add_routes(_routes(network, poll))


def _health_of(name: str, node: Upstream) -> Callable[[], Sequence[VitalSigns]]:
    return lambda: [from_report(name, node.get("/healthz"), address=node.address)]


def _routes(network: Network, poll: Poll) -> Router:
    router = Router()

    @router.get("/api/ledger")
    @documented(result=dict[str, Any])
    def ledger(request: Request) -> object:
        """Every node, whether they agree, the balances and the newest groups."""
        return poll.state()

    @router.post("/api/ledger/groups")
    @documented(body=Submission, result=dict[str, Any], status=201)
    def submit_group(request: Request) -> Response:
        """Hand a transaction group to a node; the answer is the node's own."""
        body = json_object(request)
        name, group = text_field(body, "node"), body.get("group")
        if name not in network.nodes:
            raise HTTPError(400, f"node must be one of {', '.join(network.nodes)}")
        if not isinstance(group, list):
            raise HTTPError(400, "group must be an array of transactions")
        answer = network.submit(name, [_with_integers(transfer) for transfer in group])
        poll.wake()
        return JSONResponse(answer, status=201)

    return router


def _with_integers(transfer: object) -> object:
    """A transaction in which digits have become the integers that they stand for."""
    if not isinstance(transfer, dict):
        return transfer
    return {
        name: int(value) if name in _INTEGER_FIELDS and _is_integer(value) else value
        for name, value in transfer.items()
    }


def _is_integer(value: object) -> bool:
    return isinstance(value, str) and _INTEGER.fullmatch(value) is not None
