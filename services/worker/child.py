"""The program in a child process: takes a task, runs it, tells the result, and again.

    python3 -m services.worker.child CONTROL_FD ALIVE_FD MODULE...

A task runs in a process of its own because only a process can be stopped. The child is the leader
of its own process group, so what a task starts is stopped with it. It is started, and has imported
its modules, before there is a task for it.

    main thread    control socket ─▶ run the task ─▶ control socket
    one thread     reads from the pipe whose other end only the worker holds: when the worker
                   dies, however it dies, the read ends, and the thread kills the whole group

Without that thread a task would go on running after its worker was killed, beside the second run
of it that another worker begins when the lease is over.
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

from services.worker import registry
from services.worker.frames import FrameDecoder, FrameError, encode_frame
from services.worker.task import Execution, SoftTimeout, run_task

RECV_BYTES = 64 * 1024
MAX_TRACEBACK_CHARACTERS = 16 * 1024
MAX_MESSAGE_CHARACTERS = 4 * 1024
MAX_RESULT_BYTES = 4 * 1024 * 1024
"""A result is for the record; what is larger belongs into a database, and its key into here."""
_OUR_MODULES = frozenset({"__main__", "services.worker.task"})


def main(arguments: list[str]) -> None:
    control = socket.socket(fileno=int(arguments[0]))
    _die_with_the_worker(int(arguments[1]))
    for stream in (sys.stdout, sys.stderr):
        # By line, so that what was printed before a kill is known.
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    known = registry.load(arguments[2:])
    hello = {"tasks": known.definitions(), "problems": known.problems}
    control.sendall(encode_frame({"hello": hello}))
    decoder = FrameDecoder()
    while data := control.recv(RECV_BYTES):
        decoder.receive_data(data)
        while (message := decoder.next_request()) is not None:
            control.sendall(_answer(known, message["run"]))


def _die_with_the_worker(alive: int) -> None:
    def wait_for_the_end() -> None:
        os.read(alive, 1)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=wait_for_the_end, name="alive", daemon=True).start()


def _answer(known: registry.Registry, request: dict[str, object]) -> bytes:
    """Run one task; the frame that tells how it ended."""
    task = known.tasks.get(request["task"])
    if task is None:
        reason = registry.unknown_task(request["task"], known.tasks, known.problems)
        return _failed({"type": "UnknownTask", "message": reason}, give_up=True)
    execution = Execution(request["id"], request["attempt"])
    try:
        with _soft_limit(request["soft_timeout_s"]):
            result = run_task(task, execution, request["args"], request["kwargs"])
    except BaseException as error:
        # Also SystemExit and KeyboardInterrupt: a task ends, and not the process it runs in.
        return _failed(_described(error), give_up=task.is_hopeless(error))
    finally:
        _flush()
    return _done(result)


def _done(result: object) -> bytes:
    try:
        frame = encode_frame({"done": result})
    except (TypeError, ValueError, RecursionError, FrameError) as error:
        message = f"the task returned what is no JSON: {error}"
        return _failed({"type": "ResultError", "message": message}, give_up=True)
    if len(frame) > MAX_RESULT_BYTES:
        message = f"the result is larger than {MAX_RESULT_BYTES} bytes: {len(frame)}"
        return _failed({"type": "ResultError", "message": message}, give_up=True)
    return frame


def _failed(error: dict[str, object], *, give_up: bool) -> bytes:
    return encode_frame({"failed": {"error": error, "give_up": give_up}})


def _described(error: BaseException) -> dict[str, object]:
    """Class, message and traceback of an exception, none of them endless.

    The traceback begins below this file: how the worker came to call the task tells nobody
    anything.
    """
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_globals.get("__name__") in _OUR_MODULES:
        frames = frames.tb_next
    text = "".join(traceback.format_exception(type(error), error, frames))
    return {
        "type": type(error).__name__,
        "message": _text(error)[:MAX_MESSAGE_CHARACTERS],
        "traceback": text[-MAX_TRACEBACK_CHARACTERS:],
    }


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return "(an exception that cannot be shown)"


def _flush() -> None:
    """What was printed leaves before the result does, so that the worker has it by then."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            pass  # The task has closed it, or nobody reads any more.


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
