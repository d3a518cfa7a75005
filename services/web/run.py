"""Serves any WSGI application: `python3 -m services.web.run module:application`.

    $ python3 -m services.web.run hello:app --port 8000 --workers 2
    web ready on 127.0.0.1:8000

One process, the master, owns the listening socket and starts `--workers` others, which inherit it
and serve (`worker`). The master runs no application, so that nothing an application does can take
it down, and a reload needs nothing but new workers:

    SIGHUP   start new workers, with the code as it is now; when they serve, the old ones finish
             what runs and end. If the new ones fail, the old ones stay, and no request is lost.
    SIGTERM  finish what runs, then end; after --grace in any case
    --reload does the same as SIGHUP whenever a file below the working directory changes

A worker that dies is replaced, at once the first time and ever later if it goes on dying. A worker
whose master dies ends by itself.
# Real: gunicorn's arbiter, werkzeug's reloader.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from services.common import lifecycle, logs
from services.common.backoff import Backoff
from services.common.event_loop import EventLoop
from services.common.options import OneLineParser, one_of, seconds, whole_number
from services.web.access_log import FORMS

_WATCH_INTERVAL_S = 0.5
# Workers that lived for so long died of something else than their predecessors.
_STEADY_S = 30.0
_WATCHED = (".py", ".html", ".txt", ".json", ".toml")
_UNWATCHED = frozenset({"__pycache__", "node_modules", "venv"})


class Worker:
    """One worker process. The socket pair tells the master that it serves, and it that the master
    is gone."""

    def __init__(self, options: argparse.Namespace, listener: socket.socket) -> None:
        self.socket, theirs = socket.socketpair()
        self.socket.setblocking(False)
        self.is_ready = False
        self.is_wanted = True
        descriptors = [listener.fileno(), theirs.fileno()]
        command = [sys.executable, "-m", "services.web.worker", *map(str, descriptors)]
        self.process = subprocess.Popen(  # noqa: S603 (our own interpreter and module)
            [*command, json.dumps(vars(options))], pass_fds=descriptors, stdin=subprocess.DEVNULL
        )
        theirs.close()

    def signal(self, number: int) -> None:
        """Send a signal, unless the process has ended."""
        if self.process.poll() is None:
            self.process.send_signal(number)


class Master:
    """Keeps the wanted number of workers serving."""

    def __init__(self, options: argparse.Namespace, listener: socket.socket, log: logs.Log) -> None:
        self._options = options
        self._listener = listener
        self._log = log
        self._loop = EventLoop(log)
        self._workers: set[Worker] = set()
        self._starting: set[Worker] = set()
        self._is_announced = False
        self._is_outdated = False
        self._is_stopping = False
        self._backoff = Backoff(0.1, 10)
        self._last_death_s = 0.0
        self.exit_status = 0

    def run(self) -> int:
        """Serve until told to stop; the exit status of the process."""
        for number, method in {
            signal.SIGTERM: self.stop,
            signal.SIGINT: self.stop,
            signal.SIGHUP: self.reload,
            signal.SIGCHLD: self._reap,
        }.items():
            signal.signal(number, self._in_loop(method))
        if self._options.reload:
            self._watch_files()
        self._start_generation()
        self._loop.run()
        return self.exit_status

    def reload(self) -> None:
        """Replace every worker by one with the code as it is now."""
        if self._is_stopping:
            return
        if self._starting:
            # Those that start now may have read the code before it changed.
            self._is_outdated = True
            self._log.info("reloading once more when the new workers serve")
            return
        self._is_outdated = False
        self._log.info("reloading")
        self._start_generation()

    def stop(self) -> None:
        """Let the workers finish, then end."""
        if self._is_stopping:
            return
        self._is_stopping = True
        self._listener.close()
        self._signal_all(signal.SIGTERM)
        # A worker ends after the grace by itself; one that is stuck needs more than a word.
        self._loop.call_later(self._options.grace + 2, lambda: self._signal_all(signal.SIGKILL))
        self._check_stopped()

    def _start_generation(self) -> None:
        for _ in range(self._options.workers):
            self._start_worker(self._starting)

    def _start_worker(self, group: set[Worker]) -> None:
        worker = Worker(self._options, self._listener)
        group.add(worker)
        self._loop.watch(worker.socket, lambda: self._on_ready(worker))

    def _on_ready(self, worker: Worker) -> None:
        said = worker.socket.recv(1)
        self._loop.unwatch(worker.socket)
        if not said:
            return  # It ended; SIGCHLD tells the rest.
        worker.is_ready = True
        if worker in self._starting and all(
            one.is_ready and one.is_wanted for one in self._starting
        ):
            self._take_over()

    def _take_over(self) -> None:
        """The new workers serve: the old ones may go."""
        for old in self._workers:
            old.signal(signal.SIGTERM)
        self._workers |= self._starting
        self._starting = set()
        if not self._is_announced:
            self._is_announced = True
            lifecycle.announce("web", self._listener)
        self._log.info("serving", workers=self._options.workers, application=self._options.app)
        if self._is_outdated:
            self.reload()

    def _reap(self) -> None:
        ended = [one for one in self._workers | self._starting if one.process.poll() is not None]
        for worker in ended:
            self._loop.unwatch(worker.socket)
            worker.socket.close()
            self._workers.discard(worker)
            if worker in self._starting:
                self._starting.discard(worker)
                self._on_failed_start(worker)
        if self._is_stopping:
            self._check_stopped()
        elif ended and not self._starting and self._is_announced:
            self._replace_missing()
            if self._is_outdated:
                self.reload()

    def _on_failed_start(self, worker: Worker) -> None:
        """A new worker did not come up; its own words are in the log already."""
        if self._is_stopping or not worker.is_wanted:
            return
        self._log.error("a worker did not start", status=worker.process.returncode)
        for other in self._starting:
            # One that says it is ready all the same must not replace what serves.
            other.is_wanted = False
            other.signal(signal.SIGTERM)
        if not self._is_announced:
            self.exit_status = 1
            self.stop()

    def _replace_missing(self) -> None:
        missing = self._options.workers - len(self._workers)
        if missing > 0:
            if self._loop.now_s - self._last_death_s > _STEADY_S:
                self._backoff.reset()
            self._last_death_s = self._loop.now_s
            delay_s = self._backoff.next_delay_s()
            self._log.warning("workers died", count=missing, next_in_s=round(delay_s, 2))
            self._loop.call_later(delay_s, self._fill_up)

    def _fill_up(self) -> None:
        if self._is_stopping or self._starting:
            return
        for _ in range(self._options.workers - len(self._workers)):
            self._start_worker(self._workers)

    def _signal_all(self, number: int) -> None:
        for worker in self._workers | self._starting:
            worker.signal(number)

    def _check_stopped(self) -> None:
        if not self._workers and not self._starting:
            self._loop.stop()

    def _in_loop(self, method: Callable[[], None]) -> Callable[..., None]:
        return lambda *_: self._loop.call_from_thread(method)

    def _watch_files(self) -> None:
        seen = _files()

        def look() -> None:
            nonlocal seen
            now = _files()
            if now != seen:
                changed = sorted({path for path, _ in now ^ seen})
                seen = now
                self._log.info("changed", file=os.path.relpath(changed[0]))
                self.reload()

        self._loop.call_every(_WATCH_INTERVAL_S, look)


def _files() -> set[tuple[str, int]]:
    """Each file below the working directory that could be part of the application, with its time
    of change."""
    found = set()
    for directory, names, files in os.walk("."):
        names[:] = [one for one in names if not one.startswith(".") and one not in _UNWATCHED]
        for name in files:
            if name.endswith(_WATCHED):
                path = os.path.join(directory, name)
                try:
                    found.add((path, os.stat(path).st_mtime_ns))
                except OSError:
                    continue  # Gone between the two looks.
    return found


def _options(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = OneLineParser(
        prog="python3 -m services.web.run",
        description="Serves a WSGI application.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("app", metavar="module:application", help="an attribute, or a call such as module:make()")
    add("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    add("--port", default=8000, type=_parsed(whole_number(0, 65535)), help="0: a free one (8000)")
    add("--workers", default=1, type=_parsed(whole_number(1, 256)), help="processes (1)")
    add("--threads", default=8, type=_parsed(whole_number(1, 1000)), help="in each process (8)")
    add("--max-connections", default=10_000, type=_parsed(whole_number(1)), help="of each process")
    add("--max-body", default=16 * 2**20, type=_parsed(whole_number(0)), help="bytes (16 MiB)")
    add("--idle-timeout", default=30.0, type=_parsed(seconds(0.1)), help="seconds (30)")
    add("--grace", default=10.0, type=_parsed(seconds()), help="seconds to finish in (10)")
    add("--reload", action="store_true", help="start anew when a file changes")
    add("--debug", action="store_true", help="show errors of our framework with their source")
    add("--access-log", default="no", type=_parsed(one_of(*FORMS)), help=", ".join(FORMS))
    add("--tls-cert", type=Path, help="certificate chain in PEM; serves HTTPS")
    add("--tls-key", type=Path, help="its key, if it is in another file")
    add("--proxy-protocol", action="store_true", help="expect a PROXY header on each connection")
    add("--trusted-proxies", default="", help="addresses and networks, separated by commas")
    levels = ", ".join(logs.LEVELS)
    add("--log-level", default="info", type=_parsed(one_of(*logs.LEVELS)), help=levels)
    return parser.parse_args(arguments)


def _parsed(parse: Callable[[str], object]) -> Callable[[str], object]:
    """An option's parser in argparse's words."""

    def convert(text: str) -> object:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{text!r} {error}") from None

    return convert


def main() -> None:
    options = _options()
    for name in ("tls_cert", "tls_key"):
        path = getattr(options, name)
        setattr(options, name, str(path) if path else None)
    log = logs.configure("web", options.log_level)
    listener = lifecycle.bind("web", options.host, options.port)
    raise SystemExit(Master(options, listener, log).run())


if __name__ == "__main__":
    main()
