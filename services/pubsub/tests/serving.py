"""A real server on a free port in a thread of this process, and small blocking clients of it."""

import json
import socket
import threading
import time
from collections.abc import Callable

from services.common.json_lines import JsonLineDecoder
from services.common.redis_url import RedisURL
from services.common.resp import NEED_MORE, encode_request
from services.common.resp_replies import RespReplyDecoder
from services.common.tests.test_event_loop import RecordingLog
from services.pubsub.broker import Limits
from services.pubsub.server import PubSubServer

PATIENCE_S = 20.0


def wait_until(condition: Callable[[], object]) -> None:
    """Return when the condition holds; it is looked at again and again."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline_s, "waited in vain"
        time.sleep(0.002)


class Serving:
    """A server that runs until `close`; a restarted one may ask for the port of the old one."""

    def __init__(self, *, port: int = 0, limits: Limits | None = None, **options: object):
        listener = socket.create_server(("127.0.0.1", port), backlog=256)
        self.port = listener.getsockname()[1]
        self.url = RedisURL("127.0.0.1", self.port)
        self.log = RecordingLog()
        self.server = PubSubServer(listener, limits or Limits(), self.log, **options)
        self.broker = self.server.broker
        self._thread = threading.Thread(target=self.server.run, daemon=True)
        self._thread.start()

    def in_loop(self, call: Callable[[], object]) -> object:
        """The value of a call made in the loop's thread, between two turns."""
        done, values = threading.Event(), []

        def run() -> None:
            try:
                values.append(call())
            finally:
                done.set()

        self.server.loop.call_from_thread(run)
        assert done.wait(PATIENCE_S)
        return values[0]

    def close(self) -> None:
        self.server.stop()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()


class SocketClient:
    """A blocking socket with a decoder; every wait ends within twenty seconds."""

    def __init__(self, port: int, receive_buffer_bytes: int = 0):
        self.sock = socket.socket()
        if receive_buffer_bytes:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        self.sock.settimeout(PATIENCE_S)
        self.sock.connect(("127.0.0.1", port))

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def is_ended(self) -> bool:
        """Wait for the end of the connection; false where something else comes."""
        try:
            return self.sock.recv(1) == b""
        except ConnectionResetError:
            return True

    def close(self) -> None:
        self.sock.close()


class RespClient(SocketClient):
    def __init__(self, port: int, **options: int):
        super().__init__(port, **options)
        self._decoder = RespReplyDecoder()

    def say(self, *words: bytes | str) -> object:
        """A command and its first reply."""
        self.send(encode_request(list(words)))
        return self.read()

    def read(self) -> object:
        while (reply := self._decoder.next_reply()) is NEED_MORE:
            data = self.sock.recv(1 << 18)
            assert data, "the server closed the connection"
            self._decoder.receive_data(data)
        return reply


class JsonClient(SocketClient):
    def __init__(self, port: int, **options: int):
        super().__init__(port, **options)
        self._decoder = JsonLineDecoder(max_line_bytes=1 << 26)

    def tell(self, command: str, **arguments: object) -> None:
        """A command that is not answered, such as PUBLISH."""
        self.send(json.dumps({"command": command, "args": arguments}).encode() + b"\n")

    def say(self, command: str, **arguments: object) -> dict:
        self.tell(command, **arguments)
        return self.read()

    def read(self) -> dict:
        while (line := self._decoder.next_request()) is None:
            data = self.sock.recv(1 << 18)
            assert data, "the server closed the connection"
            self._decoder.receive_data(data)
        return line
