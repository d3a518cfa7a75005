"""The socket of one client, as its thread sees it: messages come out, bytes go in.

Output is collected and sent in one go before the thread waits for the client, or when much has
gathered. The engine latch is given up while the network is waited for, in both directions: a slow
client slows nobody else down.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import time
from collections.abc import Callable

from services.sqldb.errors import (
    ADMIN_SHUTDOWN,
    IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
    SqlError,
)
from services.sqldb.protocol.frontend import FrontendDecoder, Message
from services.sqldb.transactions.latch import Latch

_READ_BYTES = 1 << 16
_SEND_BYTES = 1 << 16


class ConnectionLost(Exception):
    """The client is gone, in the middle of something or not."""


class IdleTimeout(SqlError):
    """The client has said nothing for too long."""

    def __init__(self, *, in_transaction: bool):
        kind = "idle-in-transaction" if in_transaction else "idle-session"
        sqlstate = IDLE_IN_TRANSACTION_SESSION_TIMEOUT if in_transaction else "57P05"
        super().__init__(
            sqlstate, f"terminating connection due to {kind} timeout", severity="FATAL"
        )


class Stopping(SqlError):
    """The server stops, or somebody has ended this session."""

    def __init__(self) -> None:
        super().__init__(
            ADMIN_SHUTDOWN,
            "terminating connection due to administrator command",
            severity="FATAL",
        )


class Connection:
    """Reads messages from a socket and writes bytes to it; used by one thread.

    `stop` and `wake` come from other threads.
    """

    def __init__(self, sock: socket.socket, latch: Latch, max_message_bytes: int):
        sock.setblocking(True)
        self._socket = sock
        self._latch = latch
        self._decoder = FrontendDecoder(max_message_bytes)
        self.next_message: Callable[[], Message | None] = self._decoder.next_message
        """The next message of those that have come already. Raises as `receive` does."""
        self._max_message_bytes = max_message_bytes
        self._output: list[bytes] = []
        self._output_bytes = 0
        self._wakers: tuple[socket.socket, socket.socket] | None = None
        self._is_stopping = False

    # Reading.

    def receive(self, timeout_s: float = 0, *, in_transaction: bool = False) -> Message:
        """The next message, however long it takes; what was written is sent before.

        Raises ConnectionLost, Stopping, IdleTimeout (after `timeout_s`, 0: never), SqlError for
        bytes that cannot be followed.
        """
        message = self._decoder.next_message()
        if message is not None:
            return message
        if not self._latch.is_mine:
            return self.await_message(timeout_s, in_transaction=in_transaction)
        with self._latch.released():
            return self.await_message(timeout_s, in_transaction=in_transaction)

    def await_message(self, timeout_s: float = 0, *, in_transaction: bool = False) -> Message:
        """As `receive`, where no message is there already, and the latch is not held."""
        decoder = self._decoder
        self._send_all()
        deadline_s = time.monotonic() + timeout_s if timeout_s else 0.0
        message = None
        while message is None:
            data = self._read(deadline_s, in_transaction)
            if not data:
                raise Stopping if self._is_stopping else ConnectionLost
            decoder.receive_data(data)
            message = decoder.next_message()
        return message

    def wait_for_data(self, timeout_s: float = 0, *, in_transaction: bool = False) -> bool:
        """Wait for the client, with the latch given up; false: `wake` was called instead."""
        if self._decoder.has_unread_data:
            return True
        with self._without_latch():
            self._send_all()
            return self._wait(time.monotonic() + timeout_s if timeout_s else 0.0, in_transaction)

    def _read(self, deadline_s: float, in_transaction: bool) -> bytes:
        if self._is_stopping:
            return b""
        try:
            if deadline_s:
                self._socket.settimeout(max(0.001, deadline_s - time.monotonic()))
            return self._socket.recv(_READ_BYTES)
        except TimeoutError:
            raise IdleTimeout(in_transaction=in_transaction) from None
        except OSError as error:
            raise ConnectionLost(str(error)) from None
        finally:
            if deadline_s:
                self._socket.settimeout(None)

    def _wait(self, deadline_s: float, in_transaction: bool) -> bool:
        if self._wakers is None:
            self._wakers = socket.socketpair()
        waker = self._wakers[0]
        if isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
            return True
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        poll.register(waker, select.POLLIN)
        left_ms = max(0.0, deadline_s - time.monotonic()) * 1000 if deadline_s else None
        ready = [descriptor for descriptor, _ in poll.poll(left_ms)]
        if not ready:
            raise IdleTimeout(in_transaction=in_transaction)
        if waker.fileno() in ready:
            waker.recv(_READ_BYTES)
        return self._socket.fileno() in ready

    # Writing.

    def write(self, data: bytes) -> None:
        """Collect; send what there is when it is much, with the latch given up."""
        self._output.append(data)
        self._output_bytes += len(data)
        if self._output_bytes >= _SEND_BYTES:
            self.flush()

    def flush(self) -> None:
        """Send what was collected. Raises ConnectionLost."""
        if self._output:
            with self._without_latch():
                self._send_all()

    def _send_all(self) -> None:
        if not self._output:
            return
        data = b"".join(self._output)
        self._output.clear()
        self._output_bytes = 0
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise ConnectionLost(str(error)) from None

    def _without_latch(self) -> contextlib.AbstractContextManager:
        return self._latch.released() if self._latch.is_mine else contextlib.nullcontext()

    # Encryption, before the startup message.

    def start_tls(self, context: ssl.SSLContext) -> None:
        """Encrypt from here on. Raises ConnectionLost."""
        if self._decoder.has_unread_data:
            # Bytes in clear behind the request would count as encrypted: CVE-2021-23214.
            raise ConnectionLost("received unencrypted data after SSL request")
        self._send_all()
        try:
            self._socket = context.wrap_socket(self._socket, server_side=True)
        except OSError as error:
            raise ConnectionLost(str(error)) from None

    # From other threads.

    def stop(self) -> None:
        """End the wait for the client: `receive` raises Stopping."""
        self._is_stopping = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RD)

    def wake(self) -> None:
        """End `wait_for_data`."""
        if self._wakers is not None:
            with contextlib.suppress(OSError):
                self._wakers[1].send(b"w", socket.MSG_DONTWAIT)

    def peer(self) -> tuple[str, int]:
        try:
            host, port = self._socket.getpeername()[:2]
        except OSError:
            return "", 0
        return host, port

    def close(self) -> None:
        with contextlib.suppress(ConnectionLost):
            self._send_all()
        for one in (self._socket, *(self._wakers or ())):
            one.close()
