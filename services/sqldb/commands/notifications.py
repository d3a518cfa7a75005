"""LISTEN, NOTIFY and UNLISTEN: they take effect when the transaction commits."""

from __future__ import annotations

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.session.results import Result
from services.sqldb.session.session import Session
from services.sqldb.syntax import nodes

_MAX_PAYLOAD_BYTES = 8000
_MAX_CHANNEL_BYTES = 63


def listen(session: Session, node: nodes.Listen) -> Result:
    channel = node.channel
    session.at_commit(lambda: session.engine.notifications.listen(session, channel))
    return Result("LISTEN")


def unlisten(session: Session, node: nodes.Unlisten) -> Result:
    channel = node.channel
    session.at_commit(lambda: session.engine.notifications.unlisten(session, channel))
    return Result("UNLISTEN")


def notify(session: Session, node: nodes.Notify) -> Result:
    send_notification(session, node.channel, node.payload)
    return Result("NOTIFY")


def send_notification(session: Session, channel: str, payload: str) -> None:
    """NOTIFY and pg_notify. Raises SqlError 22023."""
    if not channel:
        raise SqlError(errors.INVALID_PARAMETER_VALUE, "channel name cannot be empty")
    if len(channel.encode()) > _MAX_CHANNEL_BYTES:
        raise SqlError(errors.INVALID_PARAMETER_VALUE, "channel name too long")
    if len(payload.encode()) >= _MAX_PAYLOAD_BYTES:
        raise SqlError(errors.INVALID_PARAMETER_VALUE, "payload string too long")
    session.note_notification(channel, payload)
