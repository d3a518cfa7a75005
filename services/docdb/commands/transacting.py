"""Sessions and transactions: commitTransaction and abortTransaction, and the life of sessions."""

import os
from typing import TYPE_CHECKING

from services.docdb.bson.types import Binary, Document
from services.docdb.command import Request
from services.docdb.errors import MongoError
from services.docdb.transactions.session_fields import session_id

if TYPE_CHECKING:
    from services.docdb.engine import Engine

SESSION_MINUTES = 30


def commit_transaction(engine: "Engine", request: Request) -> Document:
    engine.transactions.commit(request.fields)
    return {}


def abort_transaction(engine: "Engine", request: Request) -> Document:
    engine.transactions.abort(request.fields)
    return {}


def start_session(engine: "Engine", request: Request) -> Document:
    session = os.urandom(16)
    engine.sessions.use(session)
    return {"id": {"id": Binary(session, 4)}, "timeoutMinutes": SESSION_MINUTES}


def refresh_sessions(engine: "Engine", request: Request) -> Document:
    for session in _named(request):
        engine.sessions.use(session)
    return {}


def end_sessions(engine: "Engine", request: Request) -> Document:
    """Also killSessions: what they have open ends with them."""
    for session in _named(request):
        engine.cursors.end_session(session)
        engine.sessions.end(session)
    return {}


def kill_all_sessions(engine: "Engine", request: Request) -> Document:
    """Users are not told apart: all sessions go."""
    for session in engine.sessions:
        engine.cursors.end_session(session.id)
        engine.sessions.end(session.id)
    return {}


def _named(request: Request) -> list[bytes]:
    named = request.target
    if type(named) is not list:
        raise MongoError(14, f"BSON field '{request.name}' has to be an array")
    return [session_id(session) for session in named]
