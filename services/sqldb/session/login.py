"""From the first byte to ReadyForQuery: encryption, who it is, and whether they may come in.

    SSLRequest, GSSENCRequest → N (or TLS)      as often as the client asks
    CancelRequest → nothing                     another connection's statement is cancelled
    StartupMessage → SASL (SCRAM-SHA-256) → AuthenticationOk, ParameterStatus…, BackendKeyData

A role without a password may log in where the server has none either (trust); where the server was
started with one, every login needs one.  # Real: postmaster.c, auth.c, auth-scram.c
"""

from __future__ import annotations

import base64
import ssl
from dataclasses import dataclass

from services.common.scram import (
    SHA256,
    Credentials,
    ScramError,
    ServerLogin,
    derive_credentials,
)
from services.sqldb import errors
from services.sqldb.catalog.definitions import Role
from services.sqldb.connection import Connection, ConnectionLost
from services.sqldb.errors import SqlError
from services.sqldb.protocol import backend, frontend

_MECHANISM = "SCRAM-SHA-256"
ITERATIONS = 4096


@dataclass(frozen=True, slots=True)
class Cancel:
    """The connection asked for a cancel and nothing else."""

    process_id: int
    secret_key: int


def await_startup(
    connection: Connection, tls: ssl.SSLContext | None, timeout_s: float
) -> frontend.Startup | Cancel:
    """Answer what may come before the startup message. Raises SqlError, ConnectionLost."""
    while True:
        match connection.receive(timeout_s):
            case frontend.SslRequest() if tls is not None:
                connection.write(backend.ACCEPT_TLS)
                connection.start_tls(tls)
            case frontend.SslRequest() | frontend.GssEncRequest():
                connection.write(backend.REFUSE_ENCRYPTION)
            case frontend.CancelRequest(process_id, secret_key):
                return Cancel(process_id, secret_key)
            case frontend.Startup() as startup:
                return startup


def fatal(sqlstate: str, message: str) -> SqlError:
    return SqlError(sqlstate, message, severity="FATAL")


def authenticate(
    connection: Connection, role: Role | None, name: str, *, needs_password: bool, timeout_s: float
) -> None:
    """Let them prove who they are. Raises SqlError 28P01, 28000."""
    if needs_password:
        _scram(connection, role, name, timeout_s)
    if role is None or not role.can_login:
        message = f'role "{name}" ' + (
            "does not exist" if role is None else "is not permitted to log in"
        )
        raise fatal(errors.INVALID_AUTHORIZATION_SPECIFICATION, message)
    connection.write(backend.AUTHENTICATION_OK)


def _scram(connection: Connection, role: Role | None, name: str, timeout_s: float) -> None:
    connection.write(backend.authentication_sasl([_MECHANISM]))
    # The name inside SCRAM is empty or ignored: the startup message has said it.
    login = ServerLogin(SHA256, lambda _: read_password(role), iterations=ITERATIONS)
    try:
        mechanism, first = _password(connection, timeout_s).sasl_initial()
        if mechanism != _MECHANISM:
            raise frontend.ProtocolError("client selected an invalid SASL authentication mechanism")
        connection.write(backend.authentication_sasl_continue(login.first(_ascii(first))))
        final = login.final(_ascii(_password(connection, timeout_s).body))
    except ScramError:
        message = f'password authentication failed for user "{name}"'
        raise fatal(errors.INVALID_PASSWORD, message) from None
    connection.write(backend.authentication_sasl_final(final))


def _ascii(data: bytes) -> str:
    try:
        return data.decode("ascii")
    except UnicodeDecodeError:
        raise ScramError("not ASCII") from None


def _password(connection: Connection, timeout_s: float) -> frontend.Password:
    message = connection.receive(timeout_s)
    if isinstance(message, frontend.Terminate):
        raise ConnectionLost
    if not isinstance(message, frontend.Password):
        raise frontend.ProtocolError("expected SASL response")
    return message


def make_verifier(password: str) -> str:
    """What the catalog keeps of a password: "SCRAM-SHA-256$4096:salt$stored key:server key"."""
    made = derive_credentials(password, SHA256, ITERATIONS)
    salt, stored, server = (
        base64.b64encode(part).decode() for part in (made.salt, made.stored_key, made.server_key)
    )
    return f"{_MECHANISM}${made.iterations}:{salt}${stored}:{server}"


def read_password(role: Role | None) -> Credentials | None:
    """The credentials in a role's verifier."""
    if role is None or not role.password:
        return None
    _, head, keys = role.password.split("$")
    iterations, salt = head.split(":")
    stored, server = keys.split(":")
    return Credentials(
        SHA256,
        int(iterations),
        base64.b64decode(salt),
        base64.b64decode(stored),
        base64.b64decode(server),
    )
