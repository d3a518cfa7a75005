"""The node's HTTP interface: submit a group, ask for balances, see whether the nodes agree.

    POST /groups             the group itself ─▶ 201 with its verdict, or 202: appended, not applied
    GET  /groups/INDEX       a message of the list, and its verdict
    GET  /balances?round=N   {"round": N, "balances": {…}}; without `round` the latest
    GET  /status             how far this node is, its peers, and whether they agree
    GET  /events             the status whenever it is announced, as server-sent events

A message that no ledger could accept is refused and never reaches the list (400 where it is
no JSON, 422 where it is no group). One that this ledger rejects *is* in the list, where it
stays without effect: only its place there decides, and that is known when it has one.
"""

import time
from typing import Any, NotRequired, TypedDict

from services.common.resp import ReplyError
from services.common.resp_client import ConnectionLost
from services.ledger.errors import (
    DuplicateKey,
    MalformedGroup,
    NestedTooDeep,
    NotJSON,
    NotText,
)
from services.ledger.gossip import Relation
from services.ledger.node import Node, Verdict
from services.web.application import Application
from services.web.errors import HTTPError
from services.web.event_stream import Broadcast
from services.web.openapi import documented
from services.web.requests import Request
from services.web.responses import EventStreamResponse, JSONResponse, Response

SUBMIT_TIMEOUT_S = 1.0
"""How long a POST waits for its verdict; then the group is appended and not applied yet."""


class Placed(TypedDict):
    """A group's place in the list, and what became of it there."""

    index: int
    applied: bool
    accepted: NotRequired[bool]
    round: NotRequired[int]
    reason: NotRequired[str]
    detail: NotRequired[str]


class PlacedMessage(Placed):
    """The same with the message itself."""

    message: str


class Balances(TypedDict):
    """Every account's balance after a round."""

    round: int
    balances: dict[str, int]


class Peer(TypedDict):
    """Another node, as this one has heard of it."""

    name: str
    relation: str
    round: int
    index: int
    state_root: str
    seen_s: float


class Status(TypedDict):
    """How far a node is."""

    node: str
    state: str
    round: int
    index: int
    state_root: str
    list_digest: str
    agrees: bool
    peers: list[Peer]


_NO_JSON = (NotText, NotJSON, NestedTooDeep, DuplicateKey)


def build_application(node: Node) -> Application:
    """The WSGI application of one node."""
    app = Application("ledger", description="A node of the Hipochain network.")
    events = Broadcast()
    node.on_status = lambda: events.publish("status", describe_status(node))

    @app.post("/groups")
    @documented(body=list[dict[str, Any]], result=Placed, status="2XX")
    def submit_group(request: Request) -> Response:
        """Append a transaction group to the list.

        The body is the message as it will stand in the list: a JSON array of transactions.
        """
        request.require_json_type()
        index, verdict = node.submit(request.body, timeout_s=SUBMIT_TIMEOUT_S)
        return JSONResponse(
            {"index": index, **describe_verdict(verdict)},
            status=202 if verdict is None else 201,
            headers={"Location": f"/groups/{index}"},
        )

    @app.get("/groups/<int:index>")
    @documented(result=PlacedMessage)
    def get_group(request: Request, index: int) -> dict[str, object]:
        """A message of the list, as text, and what became of it."""
        found = node.group(index)
        if found is None:
            raise HTTPError(404, f"the list has no message {index}")
        message, verdict = found
        text = message.decode("utf-8", "replace")
        return {"index": index, "message": text, **describe_verdict(verdict)}

    @app.get("/balances")
    @documented(query={"round": int}, result=Balances)
    def get_balances(request: Request) -> dict[str, object]:
        """Every account's balance, now or after an earlier round (`?round=N`)."""
        try:
            round, balances = node.balances(request.query.get_int("round", minimum=0))
        except ValueError as error:
            raise HTTPError(404, f"no such round yet: {error}") from error
        return {"round": round, "balances": dict(sorted(balances.items()))}

    @app.get("/status")
    @documented(result=Status)
    def get_status(request: Request) -> dict[str, object]:
        """How far this node is, who its peers are, and whether they agree."""
        return describe_status(node)

    @app.get("/events")
    @documented(result=str, content_type="text/event-stream")
    def get_events(request: Request) -> Response:
        """The status as server-sent events, at each change and at least every second."""
        return EventStreamResponse(events, lambda: [("status", describe_status(node))])

    _add_error_handlers(app)
    return app


def describe_status(node: Node) -> dict[str, object]:
    """The status as JSON. `agrees`: no peer that can be compared has come to something else."""
    status, now_s = node.status(), time.monotonic()
    peers = [(peer, peer.relation(status, now_s)) for peer in node.peers()]
    return {
        "node": status.node,
        "state": node.state,
        "round": status.round,
        "index": status.index,
        "state_root": status.state_root,
        "list_digest": status.list_digest,
        "agrees": all(relation is not Relation.DIFFERS for _, relation in peers),
        "peers": [
            {
                "name": peer.status.node,
                "relation": relation.value,
                "round": peer.status.round,
                "index": peer.status.index,
                "state_root": peer.status.state_root,
                "seen_s": round(now_s - peer.seen_at_s, 3),
            }
            for peer, relation in peers
        ],
    }


def describe_verdict(verdict: Verdict | None) -> dict[str, object]:
    """`round` is the one that an accepted group made, or the one that a rejected group met."""
    if verdict is None:
        return {"applied": False}
    members = {"applied": True, "accepted": verdict.error is None, "round": verdict.round}
    if verdict.error is not None:
        members |= {"reason": verdict.error.code, "detail": str(verdict.error)}
    return members


def _add_error_handlers(app: Application) -> None:
    @app.error_handler(MalformedGroup)
    def malformed(request: Request, error: MalformedGroup) -> Response:
        status = 400 if isinstance(error, _NO_JSON) else 422
        raise HTTPError(status, str(error), reason=error.code)

    @app.error_handler(ConnectionLost)
    def kvdb_lost(request: Request, error: ConnectionLost) -> Response:
        detail = f"the list cannot be reached: {error}"
        if request.method == "POST":
            # Sending it again by ourselves could transfer twice: a group has no identity.
            detail += "; the group may or may not have been appended"
        raise HTTPError(503, detail)

    @app.error_handler(ReplyError)
    def kvdb_refused(request: Request, error: ReplyError) -> Response:
        raise HTTPError(503, f"the list cannot be used: {error}")
