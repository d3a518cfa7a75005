"""The life of a server process: bind, say so, serve, stop when asked.

Every service's `__main__` goes the same way, and scripts rely on it:

- `bind` opens the listening socket, or ends the process with one line and status 1;
- `announce` prints `NAME ready on HOST:PORT`, the one line on stdout;
- `on_stop_signal` turns SIGTERM and SIGINT into one call, so that a service can stop
  accepting, finish what runs, flush to disk, and exit with 0.
"""

import errno
import signal
import socket
import sys
from collections.abc import Callable

# The kernel caps it at net.core.somaxconn; a burst of new clients waits instead of failing.
BACKLOG = 1024


def bind(service: str, host: str, port: int) -> socket.socket:
    """A listening socket on `host:port` (port 0: a free one)."""
    try:
        return listen(host, port)
    except OSError as error:
        reason = "already in use" if error.errno == errno.EADDRINUSE else error.strerror
        fail(service, f"cannot listen on {host}:{port}: {reason}")


def listen(host: str, port: int) -> socket.socket:
    """The same; raises OSError."""
    family, _, _, _, address = socket.getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def address_of(listener: socket.socket) -> str:
    """`host:port` of a listening socket, with the real port."""
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def announce(service: str, listener: socket.socket) -> None:
    """Print the ready line; whoever started this process waits for it."""
    print(f"{service} ready on {address_of(listener)}", flush=True)


def on_stop_signal(stop: Callable[[], None]) -> None:
    """Call `stop` at SIGTERM and SIGINT.

    It runs between two bytecodes of the main thread: hand the work to the event loop
    (`call_from_thread`) rather than doing it there.
    """
    signal.signal(signal.SIGTERM, lambda *_: stop())
    signal.signal(signal.SIGINT, lambda *_: stop())


def fail(service: str, message: str) -> None:
    """One line on stderr, exit status 1."""
    print(f"{service}: {message}", file=sys.stderr)
    raise SystemExit(1)
