"""Accepting: from a listening socket to connected ones, on the event loop.

    listener ─ accept until it would block ─▶ take(sock, address)

Where the process has no descriptors left, the listener rests for a second: it would stay
readable and spin the loop, and the clients wait in the kernel's backlog instead.
"""

import errno
import socket
from collections.abc import Callable

from services.common.event_loop import EventLoop
from services.common.logs import Log

REST_S = 1.0
_OUT_OF_DESCRIPTORS = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class Acceptor:
    """Hands on each client of a listener, until it is closed."""

    def __init__(
        self,
        loop: EventLoop,
        listener: socket.socket,
        take: Callable[[socket.socket, tuple], None],
        log: Log,
    ):
        self._loop = loop
        self._listener = listener
        self._take = take
        self._log = log
        self._is_paused = True
        listener.setblocking(False)
        self.resume()

    def accept_all(self) -> None:
        """Accept until it would block: one accept a turn triples the tail latency of a burst."""
        while True:
            try:
                sock, address = self._listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:
                if error.errno in _OUT_OF_DESCRIPTORS:
                    self._rest(error)
                    return
                raise
            self._take(sock, address)

    def _rest(self, error: OSError) -> None:
        self._log.error("cannot accept connections for a second", reason=error.strerror)
        self._loop.unwatch(self._listener)
        self._loop.call_later(REST_S, self._go_on)

    def _go_on(self) -> None:
        if not self._is_paused:
            self._loop.watch(self._listener, self.accept_all)

    def pause(self) -> None:
        """Leave clients in the backlog until `resume`."""
        self._is_paused = True
        self._loop.unwatch(self._listener)

    def resume(self) -> None:
        self._is_paused = False
        self._go_on()

    def close(self) -> None:
        """Close the listening socket; clients that are connected stay."""
        self.pause()
        self._listener.close()
