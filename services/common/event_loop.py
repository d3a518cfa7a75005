"""The event loop: one thread that serves every client of a server.

A server process of this house has one loop. Each turn of it is the same four steps:

        ┌───────────────────────────────────────────────────────────┐
        │ 1. wait      until a socket is ready, a timer is due,     │
        │              or a thread calls; then the after-wake hooks │
        │              (a clock that is read once for the turn)     │
        │ 2. sockets   call the callback of each ready socket       │
        │ 3. due work  timers, then calls that were asked for       │
        │ 4. flush     the before-sleep hooks: what the turn queued │
        │              (log records, replies) leaves in one write   │
        └───────────────────────────────────────────────────────────┘

Nothing else runs at the same time, so the state of a server needs no locks, and whatever a
turn does is atomic to every client. The price is that a callback must never block: a slow
command holds up everybody (just as in Redis).

Step 4 is where throughput comes from. A turn that read from fifty clients writes the log
once and sends once per client, however many commands each of them pipelined. `before_sleep`
hooks run in the order they were added: a server adds "write the log" before "send replies",
and so a reply never leaves before its record. For the same reason a hook that fails ends the
turn: what comes after it waits for the next one.
# Real: aeProcessEvents() and beforeSleep() in Redis.

The loop knows sockets by two callbacks, `on_readable` and `on_writable`; it neither reads
nor writes them itself. `services.common.stream_server` does that for buffered connections.

It waits with `epoll` where there is one, and else with the standard library's `selectors`,
which serves every system but makes an object of each event.
"""

import collections
import heapq
import itertools
import select
import selectors
import socket
import time
from collections.abc import Callable

from services.common.logs import Log

Callback = Callable[[], None]

# As epoll numbers them. An error or a hang-up comes unasked, and wakes either callback.
_READ, _WRITE = 1, 4


class _SelectorPoller:
    """The part of `select.epoll` that the loop uses, on a system that has none."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()

    def register(self, fd: int, events: int) -> None:
        self._selector.register(fd, _for_selectors(events))

    def modify(self, fd: int, events: int) -> None:
        self._selector.modify(fd, _for_selectors(events))

    def unregister(self, fd: int) -> None:
        self._selector.unregister(fd)

    def poll(self, timeout_s: float | None) -> list[tuple[int, int]]:
        ready = self._selector.select(timeout_s)
        return [(key.fd, _from_selectors(events)) for key, events in ready]

    def close(self) -> None:
        self._selector.close()


def _for_selectors(events: int) -> int:
    reading = selectors.EVENT_READ if events & _READ else 0
    return reading | (selectors.EVENT_WRITE if events & _WRITE else 0)


def _from_selectors(events: int) -> int:
    reading = _READ if events & selectors.EVENT_READ else 0
    return reading | (_WRITE if events & selectors.EVENT_WRITE else 0)


def _new_poller() -> "select.epoll | _SelectorPoller":
    return select.epoll() if hasattr(select, "epoll") else _SelectorPoller()


class Timer:
    """One call that the loop will make; `cancel` forgets it, also from inside the call."""

    __slots__ = ("_order", "callback", "due_s", "interval_s")

    def __init__(self, due_s: float, order: int, callback: Callback, interval_s: float | None):
        self.due_s = due_s
        self._order = order
        self.callback: Callback | None = callback
        self.interval_s = interval_s

    def cancel(self) -> None:
        self.callback = None

    def __lt__(self, other: "Timer") -> bool:
        return (self.due_s, self._order) < (other.due_s, other._order)


class EventLoop:
    """Calls back when sockets are ready, timers are due, or other threads ask for it.

    `now_s` is the monotonic time at which the current turn woke up: good enough for idle
    times, and it saves a system call for each request.
    """

    def __init__(self, log: Log, clock: Callable[[], float] = time.monotonic):
        self._log = log
        self._clock = clock
        self._poller = _new_poller()
        self._callbacks: dict[int, tuple[Callback | None, Callback | None]] = {}
        self._timers: list[Timer] = []
        self._timer_order = itertools.count()
        self._clean_timers_at = 64
        self._calls: collections.deque[Callback] = collections.deque()
        self._after_wake: list[Callback] = []
        self._before_sleep: list[Callback] = []
        self._stopping = False
        self._waker, self._wakeup = socket.socketpair()
        self._waker.setblocking(False)
        self._wakeup.setblocking(False)
        self.watch(self._waker, self._drain_waker)
        self.now_s = clock()

    # Sockets.

    def watch(
        self,
        sock: socket.socket,
        on_readable: Callback | None,
        on_writable: Callback | None = None,
    ) -> None:
        """Call back whenever `sock` is ready; replaces what was watched of it before.

        With neither callback the socket is not watched at all.
        """
        events = (_READ if on_readable else 0) | (_WRITE if on_writable else 0)
        if not events:
            self.unwatch(sock)
            return
        fd = sock.fileno()
        if fd in self._callbacks:
            self._poller.modify(fd, events)
        else:
            self._poller.register(fd, events)
        self._callbacks[fd] = (on_readable, on_writable)

    def unwatch(self, sock: socket.socket) -> None:
        """Stop watching `sock`; call it before closing. Harmless where it is not watched."""
        if self._callbacks.pop(sock.fileno(), None):
            try:
                self._poller.unregister(sock.fileno())
            except (KeyError, ValueError):
                pass  # The loop has ended, and its poller with it.

    # Time.

    def call_later(self, delay_s: float, callback: Callback) -> Timer:
        """Call once, `delay_s` seconds from now."""
        return self._add_timer(delay_s, callback, None)

    def call_every(self, interval_s: float, callback: Callback) -> Timer:
        """Call each `interval_s` seconds until cancelled; a late call does not pile up."""
        return self._add_timer(interval_s, callback, interval_s)

    def _add_timer(self, delay_s: float, callback: Callback, interval_s: float | None) -> Timer:
        timer = Timer(self._clock() + delay_s, next(self._timer_order), callback, interval_s)
        heapq.heappush(self._timers, timer)
        if len(self._timers) > self._clean_timers_at:
            self._forget_cancelled()
        return timer

    def _forget_cancelled(self) -> None:
        """Drop the cancelled timers.

        A client that waits with a long timeout and is served at once, again and again, must not
        leave a heap of them.
        """
        live = [timer for timer in self._timers if timer.callback is not None]
        heapq.heapify(live)
        self._timers[:] = live
        self._clean_timers_at = 2 * len(live) + 64

    # Hooks and threads.

    def after_wake(self, hook: Callback) -> None:
        """Run `hook` at the beginning of each turn, before any socket is served."""
        self._after_wake.append(hook)

    def before_sleep(self, hook: Callback) -> None:
        """Run `hook` at the end of each turn, after the hooks that were added earlier."""
        self._before_sleep.append(hook)

    def call_soon(self, callback: Callback) -> None:
        """Call in the next turn, without waiting; for callers in the loop's own thread."""
        self._calls.append(callback)

    def call_from_thread(self, callback: Callback) -> None:
        """Have the loop's own thread make a call soon: the one door for threads and signals."""
        self._calls.append(callback)
        self._wake_up()

    def _wake_up(self) -> None:
        try:
            self._wakeup.send(b"!")
        except OSError:
            pass  # Full means a wake-up is already under way; closed means the loop has ended.

    def _drain_waker(self) -> None:
        try:
            while len(self._waker.recv(4096)) == 4096:
                pass
        except BlockingIOError:
            pass

    # Running.

    def run(self) -> None:
        """Turn until `stop` is called, then release the loop's own sockets."""
        self._stopping = False
        try:
            while not self._stopping:
                self.turn()
        finally:
            self._poller.close()
            self._waker.close()
            self._wakeup.close()

    def stop(self) -> None:
        """End `run` after the current turn (its before-sleep hooks still run)."""
        self._stopping = True
        self._wake_up()

    def turn(self) -> None:
        """One turn: wait, serve what is ready, do what is due, flush."""
        ready = self._poller.poll(self._seconds_to_wait())
        self.now_s = self._clock()
        self._run_hooks(self._after_wake)
        callbacks = self._callbacks
        for fd, events in ready:
            # A callback may close a socket whose event is still to come in this turn, and its
            # number may have gone to a new one. That may be watched for something else, or has
            # nothing to read, which is no harm.
            if fd not in callbacks:
                continue
            on_readable, on_writable = callbacks[fd]
            try:
                if on_writable and events != _READ:
                    on_writable()
                if on_readable and events != _WRITE:
                    on_readable()
            except Exception:
                self._log.exception("a socket callback failed")
        if self._timers and self._timers[0].due_s <= self.now_s:
            self._run_due_timers()
        if self._calls:
            self._run_calls()
        self._run_hooks(self._before_sleep)

    def _run_hooks(self, hooks: list[Callback]) -> None:
        try:
            for hook in hooks:
                hook()
        except Exception:
            self._log.exception("a hook of the loop failed")

    def _seconds_to_wait(self) -> float | None:
        if self._stopping or self._calls:
            return 0
        if not self._timers:
            return None
        left_s = self._timers[0].due_s - self._clock()
        return left_s if left_s > 0 else 0

    def _run_due_timers(self) -> None:
        # Only what was due when the turn began: a timer that sets a timer cannot starve sockets.
        while self._timers and self._timers[0].due_s <= self.now_s:
            timer = heapq.heappop(self._timers)
            if timer.callback is None:
                continue
            self._guarded(timer.callback)
            if timer.interval_s is not None and timer.callback is not None:
                timer.due_s = self._clock() + timer.interval_s
                heapq.heappush(self._timers, timer)

    def _run_calls(self) -> None:
        for _ in range(len(self._calls)):
            self._guarded(self._calls.popleft())

    def _guarded(self, callback: Callback) -> None:
        try:
            callback()
        except Exception:
            self._log.exception("a callback of the loop failed")
