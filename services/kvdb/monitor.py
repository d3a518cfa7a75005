"""MONITOR: a client that sees every command that the server runs, as it is run.

    1700000000.123456 [0 127.0.0.1:50100] "set" "a" "1"

Administrative commands are not shown, and passwords never.
# Real: replicationFeedMonitors() and monitorCommand() in Redis.
"""

import re
import time
from typing import TYPE_CHECKING

from services.common.resp import OK, ReplyError, Simple
from services.kvdb.clients import Client
from services.kvdb.command import Command
from services.kvdb.pubsub import Message

if TYPE_CHECKING:
    import collections

_UNPRINTABLE = re.compile(rb'[^ -~]|["\\]')
_ESCAPES = {b'"': b'\\"', b"\\": b"\\\\", b"\n": b"\\n", b"\r": b"\\r", b"\t": b"\\t"}
_ESCAPES |= {b"\a": b"\\a", b"\b": b"\\b"}
_HIDDEN = {"admin", "skip_monitor"}
REDACTED = b"(redacted)"
_SECRETS = {b"requirepass", b"masterauth", b"masteruser"}
_CREDENTIALS = {b"AUTH": 1, b"AUTH2": 2}
"""How many secret words follow an option of MIGRATE."""


class Monitors:
    """The clients that are monitoring."""

    def __init__(self, deliveries: "collections.deque"):
        self._deliveries = deliveries
        self.clients: dict[Client, None] = {}

    def forget(self, client: Client) -> None:
        """A client that has gone, or that has sent RESET."""
        if client in self.clients:
            del self.clients[client]
            client.engine.observation.update()

    def feed(self, client: Client, command: Command, request: list[bytes]) -> None:
        """Show a command that has been run."""
        if command.flags & _HIDDEN:
            return
        words = b" ".join(map(quoted, redacted(request)))
        place = f"[{client.database.index} {client.endpoint.peer}]"
        line = f"{time.time():.6f} {place} {words.decode()}"
        message = Message(Simple(line))
        self._deliveries.extend((monitor, message) for monitor in self.clients)


def quoted(word: bytes) -> bytes:
    """In double quotes, with what cannot be printed escaped.  # Real: sdscatrepr()"""

    def escape(found: re.Match[bytes]) -> bytes:
        return _ESCAPES.get(found[0]) or b"\\x%02x" % found[0][0]

    return b'"%b"' % _UNPRINTABLE.sub(escape, word)


def redacted(request: list[bytes]) -> list[bytes]:
    """The request without the passwords in it."""
    match request[0].upper():
        case b"AUTH":
            return [request[0], *[REDACTED] * (len(request) - 1)]
        case b"HELLO":
            words = [word.upper() for word in request]
            if b"AUTH" in words:
                at = words.index(b"AUTH") + 1
                hidden = [REDACTED] * len(request[at : at + 2])
                return [*request[:at], *hidden, *request[at + 2 :]]
        case b"ACL" if request[1].upper() == b"SETUSER":
            return [*request[:2], *[REDACTED] * (len(request) - 2)]
        case b"CONFIG" if request[1].upper() == b"SET":
            return [
                REDACTED if at % 2 and request[at - 1].lower() in _SECRETS else word
                for at, word in enumerate(request)
            ]
        case b"MIGRATE":
            return _without_credentials(request)
    return request


def _without_credentials(request: list[bytes]) -> list[bytes]:
    """MIGRATE … AUTH password, or AUTH2 user password."""
    shown, hidden = [], 0
    for at, word in enumerate(request):
        shown.append(REDACTED if hidden else word)
        hidden = max(hidden - 1, 0) or (_CREDENTIALS.get(word.upper(), 0) if at > 5 else 0)
    return shown


def monitor(client: Client, request: list[bytes]) -> object:
    if client.is_executing:
        raise ReplyError("ERR MONITOR isn't allowed for DENY BLOCKING client")
    client.engine.monitors.clients[client] = None
    client.engine.observation.update()
    return OK
