"""TLS around a connection, so that nothing else has to know of it.

`TLSSocket` has the methods of a socket that `connection` uses, and does the handshake inside the
first `recv`, while the event loop waits for each of its steps as for any other bytes. Two things
differ from a plain socket, and both end here: OpenSSL says in its own way that a call would block,
and it may hold decrypted bytes that no poll of the kernel's shows.
"""

from __future__ import annotations

import socket
import ssl
from pathlib import Path


def server_context(certificate: Path | str, key: Path | str | None = None) -> ssl.SSLContext:
    """TLS 1.2 and later with this certificate (PEM, with its chain) and key (None: in the same
    file). Errors: OSError, of which ssl.SSLError is one."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(certificate, key)
    return context


class TLSSocket:
    """A non-blocking socket that speaks TLS."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        self._sock = context.wrap_socket(
            sock, server_side=True, do_handshake_on_connect=False, suppress_ragged_eofs=True
        )
        self._is_ready = False

    def fileno(self) -> int:
        return self._sock.fileno()

    def recv(self, size: int) -> bytes:
        """Bytes of the client, decrypted. Errors: BlockingIOError as a socket's; OSError where
        the other side speaks no TLS."""
        try:
            if not self._is_ready:
                self._sock.do_handshake()
                self._is_ready = True
            data = self._sock.recv(size)
            while pending_bytes := self._sock.pending():
                data += self._sock.recv(pending_bytes)
            return data
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise BlockingIOError from None
        except ssl.SSLZeroReturnError:
            return b""

    def send(self, data: bytes | memoryview) -> int:
        try:
            return self._sock.send(data)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise BlockingIOError from None

    def shutdown(self, how: int) -> None:
        """Say that nothing more comes, in TLS and below it."""
        if self._is_ready:
            try:
                self._sock.unwrap()
            except (OSError, ValueError):
                pass  # The other side need not answer, and the bytes have left.
        self._sock.shutdown(how)

    def close(self) -> None:
        self._sock.close()
