"""The program in a child process: takes a task, runs it, tells the result, and again.

    python3 -m services.worker.child CONTROL_FD ALIVE_FD MODULE...

A task runs in a process of its own because only a process can be stopped. The child is the leader
of its own process group, so what a task starts is stopped with it. It is started, and has imported
its modules, before there is a task for it.

    main thread    control socket ─▶ run the task ─▶ control socket
    one thread     reads from the pipe whose other end only the worker holds: when the worker
                   dies, however it dies, the read ends, and the thread kills all that was started

Without that thread a task would go on running after its worker was killed, beside the second run
of it that another worker begins when the lease is over.

A task may do to its process whatever it likes, and the next one must not notice (`surroundings`).
One that forks and lets both halves return from the function is the worst: two processes would
answer on one socket. The copy is recognised by its number, and ends there.
"""

import contextlib
import os
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Iterator
from types import FrameType

from services.broker.client import Execution, SoftTimeout, executing
from services.worker import registry
from services.worker.frames import FrameDecoder, FrameError, encode_frame
from services.worker.process_tree import kill_descendants
from services.worker.reporter import Reporter
from services.worker.surroundings import Surroundings, describe

RECV_BYTES = 64 * 1024
MAX_RESULT_BYTES = 4 * 1024 * 1024
"""A result is for the record; what is larger belongs into a database, and its key into here."""

Message = dict[str, object]


def main(arguments: list[str]) -> None:
    control = socket.socket(fileno=int(arguments[0]))
    _die_with_the_worker(int(arguments[1]))
    for stream in (sys.stdout, sys.stderr):
        # By line, so that what was printed before a kill is known.
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    child = Child(control, registry.load(arguments[2:]))
    try:
        child.serve()
    except OSError:
        # A task has closed the socket, and perhaps left a thread for which Python would wait.
        traceback.print_exc()
        os._exit(1)


def _die_with_the_worker(alive: int) -> None:
    def wait_for_the_end() -> None:
        os.read(alive, 1)
        kill_descendants(os.getpid())
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=wait_for_the_end, name="alive", daemon=True).start()


class Child:
    """The process of one task after the other."""

    def __init__(self, control: socket.socket, known: registry.Registry):
        self._control = control
        self._known = known
        self._pid = os.getpid()
        self._surroundings = Surroundings()

    def serve(self) -> None:
        """Until the worker closes the socket."""
        hello = {"tasks": self._known.definitions(), "problems": self._known.problems}
        self._send({"hello": hello})
        decoder = FrameDecoder()
        while data := self._control.recv(RECV_BYTES):
            decoder.receive_data(data)
            while (message := decoder.next_request()) is not None:
                self._control.sendall(self._ended(self._run(message["run"])))

    def _send(self, message: Message) -> None:
        self._control.sendall(encode_frame(message))

    def _run(self, request: Message) -> Message:
        """Run one task; how it ended."""
        task = self._known.tasks.get(request["task"])
        if task is None:
            reason = registry.unknown_task(request["task"], self._known.tasks, self._known.problems)
            return _failed({"type": "UnknownTask", "message": reason}, give_up=True)
        reporter = Reporter(self._send)
        execution = Execution(request["id"], request["attempt"], reporter.report)
        try:
            with _soft_limit(request["soft_timeout_s"]), executing(execution):
                result = task.function(*request["args"], **request["kwargs"])
        except BaseException as error:
            # Also SystemExit and KeyboardInterrupt: a task ends, and not the process it runs in.
            return _failed(describe(error), give_up=task.is_hopeless(error))
        finally:
            if os.getpid() != self._pid:
                # A copy that the task has forked; whatever it came to, it is not the task.
                os._exit(0)
            reporter.finish()
            _flush()
        return {"done": result}

    def _ended(self, message: Message) -> bytes:
        """The frame that tells of an end, and what the task has left behind."""
        self._surroundings.put_right()
        spent = self._surroundings.what_is_wrong()
        more = {} if spent is None else {"spent": spent}
        try:
            frame = encode_frame(message | more)
        except (TypeError, ValueError, RecursionError, FrameError) as error:
            return encode_frame(_bad_result(f"the task returned what is no JSON: {error}") | more)
        if len(frame) > MAX_RESULT_BYTES:
            text = f"the result is larger than {MAX_RESULT_BYTES} bytes: {len(frame)}"
            return encode_frame(_bad_result(text) | more)
        return frame


def _bad_result(message: str) -> Message:
    return _failed({"type": "ResultError", "message": message}, give_up=True)


def _failed(error: Message, *, give_up: bool) -> Message:
    return {"failed": {"error": error, "give_up": give_up}}


def _flush() -> None:
    """What was printed leaves before the result does, so that the worker has it by then."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            pass  # The task has closed or replaced it, or nobody reads any more.


@contextlib.contextmanager
def _soft_limit(timeout_s: float | None) -> Iterator[None]:
    """Raise SoftTimeout in the block when its time is over; None for no limit."""
    if timeout_s is None:
        yield
        return

    def give_notice(number: int, frame: FrameType | None) -> None:
        raise SoftTimeout(f"it ran longer than {timeout_s:g} s")

    signal.signal(signal.SIGALRM, give_notice)
    signal.setitimer(signal.ITIMER_REAL, timeout_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


if __name__ == "__main__":
    main(sys.argv[1:])
