"""currentOp and killOp: what is under way, and an end to it.

One command runs at a time, and while it does nobody can ask. So what is under way is what
waits: a getMore for data, a write for an open transaction. A transaction between two statements
is shown as well, as an idle session. An operation goes by the number of its connection.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from services.docdb.bson.types import Binary, Document, Int64
from services.docdb.command import Request
from services.docdb.errors import MongoError
from services.docdb.query.filters import compile_filter

if TYPE_CHECKING:
    from services.docdb.clients import Client
    from services.docdb.engine import Engine


def operations(engine: "Engine") -> Iterator[Document]:
    """What is under way, as `currentOp` shows it."""
    for client in engine.clients.values():
        yield _shown_client(engine, client)
    for session in engine.sessions:
        if session.transaction is not None:
            open_s = engine.now_s() - session.transaction.started_at_s
            yield {
                "type": "idleSession",
                "host": engine.vitals.address,
                "active": False,
                "lsid": {"id": Binary(session.id, 4)},
                "transaction": {
                    "parameters": {"txnNumber": Int64(session.number), "autocommit": False},
                    "timeOpenMicros": Int64(open_s * 1e6),
                    "operations": len(session.transaction.operations),
                },
            }


def _shown_client(engine: "Engine", client: "Client") -> Document:
    shown: Document = {
        "type": "op",
        "host": engine.vitals.address,
        "desc": f"conn{client.id}",
        "connectionId": client.id,
        "client": client.address,
        "appName": client.application or "",
        "active": client.waits_for is not None,
    }
    if client.waits_for is not None:
        command = {k: v for k, v in client.waits_for.items() if not k.startswith("$")}
        shown |= {
            "opid": client.id,
            "op": "getmore" if "getMore" in command else "command",
            "secs_running": Int64(engine.now_s() - client.waits_since_s),
            "command": command,
            "killPending": client.is_killed,
        }
    return shown


def current_op(engine: "Engine", request: Request) -> Document:
    known = ("currentOp", "$all", "$ownOps", "comment")
    conditions = {
        name: value
        for name, value in request.body.items()
        if name not in known and not (name.startswith("$") or name == "lsid")
    }
    holds = compile_filter(conditions)
    shows_idle = request.get("$all")
    found = [op for op in operations(engine) if shows_idle or op["active"] or "lsid" in op]
    return {"inprog": [op for op in found if holds(op)]}


def kill_op(engine: "Engine", request: Request) -> Document:
    number = request.get("op")
    if not isinstance(number, int) or isinstance(number, bool):
        raise MongoError(14, "Expected 'op' to be a number")
    client = engine.clients.get(number)
    if client is not None and client.waits_for is not None:
        client.is_killed = True
        engine.transactions.wakes_waiting = True
    return {"info": "attempting to kill op"}
