"""A child process as its worker sees it: started, given tasks, watched, killed.

    worker ──── control socket (frames) ────▶ child
           ◀───────────────────────────────
           ◀─── output pipe: stdout and stderr, also of what the task starts
           ──── alive pipe: never written; its end tells the child that the worker is gone

All of it happens in the thread of the worker's event loop. It waits for a child in one case only:
while an idle one, which has nothing else to do, reads its task.
"""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from services.common.event_loop import EventLoop
from services.worker.frames import FrameDecoder, FrameError, encode_frame
from services.worker.output import Output
from services.worker.process_tree import kill_descendants

RECV_BYTES = 64 * 1024
SEND_TIMEOUT_S = 5.0
# So long after the end of its socket a process that is ending may still be there.
DYING_S = 0.2
# The directory that holds `services`, so that `-m services.worker.child` finds it from anywhere.
_ROOT = Path(__file__).resolve().parent.parent.parent

OnMessage = Callable[["ChildProcess", Mapping[str, object]], None]
OnLine = Callable[["ChildProcess", str], None]


class ChildProcess:
    """One child, from its start to its burial."""

    def __init__(
        self,
        loop: EventLoop,
        modules: Sequence[str],
        environment: Mapping[str, str],
        on_message: OnMessage,
        on_line: OnLine,
    ):
        """Start it. Raises OSError."""
        self._loop = loop
        self._on_message = on_message
        self._decoder = FrameDecoder()
        self.output = Output(lambda line: on_line(self, line))
        self._is_buried = False
        self.offence: str | None = None
        """What it did that it was killed for, in words."""
        self._control, theirs = socket.socketpair()
        alive_theirs, self._alive = os.pipe()
        try:
            self._popen = _start(theirs.fileno(), alive_theirs, modules, environment)
        except OSError:
            # It is tried again and again, where processes are short: nothing may be left behind.
            self._control.close()
            os.close(self._alive)
            raise
        finally:
            theirs.close()
            os.close(alive_theirs)
        self._control.setblocking(False)
        os.set_blocking(self._popen.stdout.fileno(), False)
        loop.watch(self._control, self._on_control)
        loop.watch(self._popen.stdout, self._on_output)

    @property
    def pid(self) -> int:
        return self._popen.pid

    def send(self, message: dict[str, object]) -> None:
        """Send one message. A child that is dead or does not read is killed: it will be buried."""
        try:
            frame = encode_frame(message)
            sent = self._control.send(frame)
            if sent < len(frame):
                # It waits for this message, and so reads at once; a large one takes several sends.
                self._control.settimeout(SEND_TIMEOUT_S)
                self._control.sendall(frame[sent:])
                self._control.setblocking(False)
        except OSError:
            self.kill()
        except (ValueError, TypeError, FrameError) as error:
            # No JSON that the broker takes, but somebody else may have written the record. The
            # task fails with its child; left alone, it would hold its place for ever.
            self._punish(f"could not be sent its task: {error}")

    def _punish(self, offence: str) -> None:
        self.offence = self.offence or offence
        self.kill()

    def _punish_unless_dead(self) -> None:
        if not self.has_died():
            self._punish("has closed its connection to the worker")

    def kill(self) -> None:
        """Kill the child, everything in its process group, and what it has started elsewhere."""
        kill_descendants(self._popen.pid)
        try:
            os.killpg(self._popen.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass  # Nothing is left but the zombie.

    def has_died(self) -> bool:
        """Whether the child has ended; it stays a zombie, so its number is still its own."""
        if self._is_buried:
            return True
        wait_options = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self._popen.pid, wait_options) is not None

    def bury(self) -> str:
        """Release a child that has died, with what it left in its group; how it ended, in words."""
        self.kill()
        status = self._popen.wait()
        self._is_buried = True
        self._on_control()
        self._on_output()
        self._loop.unwatch(self._control)
        self._loop.unwatch(self._popen.stdout)
        self._control.close()
        self._popen.stdout.close()
        os.close(self._alive)
        if self.offence is not None:
            return self.offence
        if status < 0:
            return f"was killed by {signal.Signals(-status).name}"
        return f"ended with status {status}"

    def _on_control(self) -> None:
        try:
            data = self._control.recv(RECV_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            # It is ending, or has closed the socket: SIGCHLD tells the first, soon; the second must
            # end it.
            self._loop.unwatch(self._control)
            self._loop.call_later(DYING_S, self._punish_unless_dead)
            return
        self._decoder.receive_data(data)
        try:
            while (message := self._decoder.next_request()) is not None:
                # What was printed before the message was sent is in the pipe by now.
                self._on_output()
                self._on_message(self, message)
        except FrameError as error:
            self._punish(f"wrote into its connection to the worker what is no message: {error}")

    def _on_output(self) -> None:
        while True:
            try:
                data = os.read(self._popen.stdout.fileno(), RECV_BYTES)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._loop.unwatch(self._popen.stdout)
                return
            self.output.receive_data(data)


def _start(
    control: int, alive: int, modules: Sequence[str], environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 (our own program)
        [sys.executable, "-m", "services.worker.child", str(control), str(alive), *modules],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**environment, "PYTHONPATH": _python_path(environment)},
        pass_fds=(control, alive),
        start_new_session=True,
        bufsize=0,
    )


def _python_path(environment: Mapping[str, str]) -> str:
    """Where the child finds `services`, and whatever its parent would find."""
    return os.pathsep.join(filter(None, [str(_ROOT), environment.get("PYTHONPATH")]))
