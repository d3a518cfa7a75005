"""A worker of `run`: imports the application and serves it on a socket that it inherited.

    python3 -m services.web.worker LISTENER_FD MASTER_FD OPTIONS_AS_JSON

It writes a byte to the master when it serves, and ends when the master closes its side.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import socket
import sys
import traceback
from collections.abc import Callable, Iterable
from typing import Any

from services.common import lifecycle, logs
from services.common.descriptors import fit_connections
from services.common.event_loop import EventLoop
from services.web.application import Application
from services.web.http_decoder import Limits
from services.web.proxies import TrustedProxies
from services.web.server import HTTPServer, Settings
from services.web.tls import server_context

_RESERVED_DESCRIPTORS = 50

WSGIApplication = Callable[..., Iterable[bytes]]


class LoadError(Exception):
    """The application cannot be found; the words say what was missing."""


def load_application(spec: str) -> Any:
    """`package.module:attribute`, or `package.module:make()` for a function that makes it."""
    module_name, colon, path = spec.partition(":")
    is_call = path.endswith("()")
    path = path.removesuffix("()")
    if not colon or not module_name or not all(name.isidentifier() for name in path.split(".")):
        raise LoadError(f"{spec!r} is not of the form module:application")
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        # Another module may be missing inside it: that is the application's own error.
        if error.name is not None and f"{module_name}.".startswith(f"{error.name}."):
            raise LoadError(f"there is no module {module_name}") from None
        raise
    for name in path.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            raise LoadError(f"{module_name} has no {path}") from None
    if is_call:
        found = found()
    if not callable(found):
        raise LoadError(f"{spec} is a {type(found).__name__}, which is no WSGI application")
    return found


def serve(options: argparse.Namespace, listener: socket.socket, master: socket.socket) -> None:
    """Serve until the master, or a signal, says stop."""
    log = logs.configure("web", options.log_level)
    application = _prepared(load_application(options.app), options)
    loop = EventLoop(log)
    server = HTTPServer(application, listener, loop, log, _settings(options, log))

    def stop() -> None:
        loop.unwatch(master)
        server.stop(options.grace, loop.stop)

    lifecycle.on_stop_signal(lambda: loop.call_from_thread(stop))
    loop.watch(master, stop)
    master.send(b"r")
    loop.run()


def _prepared(application: WSGIApplication, options: argparse.Namespace) -> WSGIApplication:
    if isinstance(application, Application):
        application.max_body_bytes = options.max_body
        application.debug = application.debug or options.debug
    proxies = [one.strip() for one in options.trusted_proxies.split(",") if one.strip()]
    return TrustedProxies(application, proxies) if proxies else application


def _settings(options: argparse.Namespace, log: logs.Log) -> Settings:
    tls = server_context(options.tls_cert, options.tls_key) if options.tls_cert else None
    return Settings(
        threads=options.threads,
        max_connections=fit_connections(
            options.max_connections, log, reserved=_RESERVED_DESCRIPTORS
        ),
        limits=Limits(body_bytes=options.max_body),
        keep_alive_timeout_s=options.idle_timeout,
        access_log=options.access_log,
        tls=tls,
        proxy_protocol=options.proxy_protocol,
    )


def main() -> None:
    listener = socket.socket(fileno=int(sys.argv[1]))
    master = socket.socket(fileno=int(sys.argv[2]))
    options = argparse.Namespace(**json.loads(sys.argv[3]))
    # `-m` puts the working directory there already, unless Python was told to be safe.
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        serve(options, listener, master)
    except (LoadError, OSError, ValueError) as error:
        lifecycle.fail("web", str(error))
    except Exception:
        # The application's own module failed: its traceback is what its author needs.
        traceback.print_exc()
        lifecycle.fail("web", f"{options.app} could not be loaded")


if __name__ == "__main__":
    main()
