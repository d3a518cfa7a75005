"""The clients of the key-value and pub/sub challenges, as their protocol pages describe them.

They know nothing of our code: plain sockets and JSON lines, the way a participant of the
challenge writes them.
"""

import json
import socket

TIMEOUT_S = 10


class KVClient:
    """Opens a connection, sends one line, reads one line, closes: once for each command."""

    def __init__(self, host: str, port: int):
        self.host = host
        self.port = port

    def send_line(self, line: bytes) -> dict:
        with socket.create_connection((self.host, self.port), timeout=TIMEOUT_S) as sock:
            sock.sendall(line)
            with sock.makefile("rb") as replies:
                return json.loads(replies.readline())

    def command(self, name: str, **args: object) -> dict:
        request = {"command": name, "args": args} if args else {"command": name}
        return self.send_line(json.dumps(request).encode() + b"\n")

    def result(self, name: str, **args: object) -> object:
        """The result of a command that must succeed."""
        reply = self.command(name, **args)
        assert reply["status"] == "OK", reply
        return reply.get("result")


class PubSubClient:
    """One lasting connection: commands out, acknowledgements and messages in."""

    def __init__(self, host: str, port: int):
        self._sock = socket.create_connection((host, port), timeout=TIMEOUT_S)
        self._lines = self._sock.makefile("rb")

    def send(self, command: str, **args: object) -> None:
        self._send({"command": command, "args": args})

    def send_beside(self, command: str, **args: object) -> None:
        """The starter client's form: the arguments beside the command."""
        self._send({"command": command, **args})

    def send_raw(self, data: bytes) -> None:
        self._sock.sendall(data)

    def _send(self, request: dict) -> None:
        self._sock.sendall(json.dumps(request).encode() + b"\n")

    def read(self) -> dict:
        """The next line, waited for."""
        line = self._lines.readline()
        assert line, "the server closed the connection"
        return json.loads(line)

    def close(self) -> None:
        self._lines.close()
        self._sock.close()
