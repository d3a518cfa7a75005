"""A two-way chat in the terminal: `python3 -m services.pubsub.chat --channel lobby --name ann`.

The smallest useful client of the agreed JSON protocol, and an example of how to write one. It
subscribes to a channel and publishes each line that is typed, as `name: text`:

    stdin ──▶ lines ──▶ {"command": "PUBLISH", …} ──▶ broker
    stdout ◀── text ◀── {"type": "MESSAGE", …}    ◀── broker

One thread waits for both at once. It works with a pipe as well as with a person: at the end
of the input it waits until what it published has come back, and exits with 0.

The agreed protocol does not acknowledge a PUBLISH, but who is subscribed gets its own messages
back, in order. So the chat knows what has arrived by what returns, and does not print that a
second time. When the broker goes away it connects again; lines typed meanwhile are sent then,
and a line that was on its way and did not return is named, because nobody knows what became
of it.
"""

import collections
import getpass
import os
import select
import socket
import sys
import time

from services.common.backoff import Backoff
from services.common.health_check import check_resp_server
from services.common.json_lines import JsonLineDecoder, JsonLineError, encode_line
from services.common.lifecycle import fail
from services.common.options import Option, parse_options, seconds, whole_number

MAX_LINE_BYTES = 1 << 26

DESCRIPTION = "A two-way chat over a channel of the broker. End it with Ctrl-D or Ctrl-C."

OPTIONS = [
    Option("host", "127.0.0.1", "where the broker is", env="PUBSUB_HOST"),
    Option("port", 4243, "its TCP port", whole_number(1, 65535), env="PUBSUB_PORT"),
    Option("password", "", "its password, where it asks for one", env="PUBSUB_PASSWORD"),
    Option("channel", "chat", "the channel to talk on", env="CHAT_CHANNEL"),
    Option("name", "", "how you are called; by default your user name", env="CHAT_NAME"),
    Option("grace", 5.0, "seconds to wait at the end until all is sent", seconds(), "CHAT_GRACE"),
]


class Lost(Exception):
    """The broker cannot be reached, or went away."""


class Refused(Exception):
    """The broker does not want us: trying again would not help."""


class Chat:
    """One person on one channel."""

    def __init__(self, host: str, port: int, channel: str, name: str, password: str = ""):
        self._address = (host, port)
        self._channel = channel
        self._name = name
        self._password = password
        self._backoff = Backoff(first_s=0.2, limit_s=3)
        self._sock: socket.socket | None = None
        self._decoder = JsonLineDecoder(max_line_bytes=MAX_LINE_BYTES)
        self._is_subscribed = False
        self._input = b""
        self._input_ended = False
        # Lines on their way: typed and not sent, then sent and not returned.
        self._to_send: collections.deque[str] = collections.deque()
        self._sent: collections.deque[str] = collections.deque()

    def run(self, grace_s: float) -> None:
        """Talk until the input ends. Raises Refused, and KeyboardInterrupt at Ctrl-C."""
        deadline_s, retry_at_s, was_connected = float("inf"), 0.0, True
        while not self._is_done() and time.monotonic() < deadline_s:
            if self._sock is None and time.monotonic() >= retry_at_s:
                try:
                    self._connect()
                    was_connected = True
                except Lost as error:
                    if was_connected:
                        _tell(f"{error}; trying again")
                    was_connected = False
                    retry_at_s = time.monotonic() + self._backoff.next_delay_s()
            try:
                self._wait_and_serve(retry_at_s)
            except Lost as error:
                self._disconnect(str(error))
            if self._input_ended and deadline_s == float("inf"):
                deadline_s = time.monotonic() + grace_s
        self._end()

    def _is_done(self) -> bool:
        return self._input_ended and not self._to_send and not self._sent

    def _end(self) -> None:
        if self._sock:
            self._sock.close()
        left = len(self._to_send) + len(self._sent)
        if left:
            raise Refused(f"{left} lines could not be delivered")

    # The connection.

    def _connect(self) -> None:
        host, port = self._address
        try:
            self._sock = socket.create_connection(self._address, timeout=5)
        except OSError as error:
            raise Lost(f"no broker at {host}:{port}: {error.strerror or error}") from error
        self._decoder = JsonLineDecoder(max_line_bytes=MAX_LINE_BYTES)
        if self._password:
            self._say("AUTH", password=self._password)
        self._say("SUBSCRIBE", channel=self._channel)

    def _disconnect(self, reason: str) -> None:
        self._sock.close()
        self._sock = None
        self._is_subscribed = False
        _tell(f"{reason}; trying again")
        for text in self._sent:
            _tell(f"nobody knows whether this arrived: {text}")
        self._sent.clear()

    def _say(self, command: str, **arguments: str) -> None:
        try:
            self._sock.sendall(encode_line({"command": command, "args": arguments}))
        except OSError as error:
            raise Lost(f"lost the broker: {error.strerror or error}") from error

    def _publish_what_waits(self) -> None:
        while self._is_subscribed and self._to_send:
            text = self._to_send.popleft()
            self._sent.append(text)
            self._say("PUBLISH", channel=self._channel, message=text)

    # Waiting.

    def _wait_and_serve(self, retry_at_s: float) -> None:
        waited_for: list[object] = [] if self._input_ended else [sys.stdin.fileno()]
        if self._sock is not None:
            waited_for.append(self._sock)
        timeout_s = 0.2 if self._sock else min(0.2, max(0, retry_at_s - time.monotonic()))
        ready, _, _ = select.select(waited_for, [], [], timeout_s)
        if sys.stdin.fileno() in ready:
            self._read_input()
        if self._sock in ready:
            self._read_messages()
        self._publish_what_waits()

    def _read_input(self) -> None:
        data = os.read(sys.stdin.fileno(), 65536)
        *lines, self._input = (self._input + data).split(b"\n")
        if not data:
            self._input_ended = True
            lines.append(self._input)
        for line in lines:
            text = line.decode("utf-8", "replace").strip()
            if text:
                self._to_send.append(f"{self._name}: {text}")

    def _read_messages(self) -> None:
        try:
            data = self._sock.recv(65536)
        except OSError as error:
            raise Lost(f"lost the broker: {error.strerror or error}") from error
        if not data:
            raise Lost("the broker closed the connection")
        self._decoder.receive_data(data)
        try:
            while (line := self._decoder.next_request()) is not None:
                self._take(line)
        except JsonLineError as error:
            raise Refused(f"this is no broker of the agreed protocol: {error}") from error

    def _take(self, line: dict[str, object]) -> None:
        match line:
            case {"type": "SUBSCRIBE"}:
                self._backoff.reset()
                self._is_subscribed = True
                _tell(f"talking on {self._channel} as {self._name}")
            case {"type": "MESSAGE", "message": str(text)}:
                if self._sent and self._sent[0] == text:
                    self._sent.popleft()  # Our own words: they are on the screen already.
                else:
                    print(_printable(text), flush=True)
            case {"type": "ERROR", "message": str(reason)}:
                raise Refused(f"the broker says: {reason}")


def _printable(text: str) -> str:
    """Text of a stranger without what could move the cursor or colour the screen."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)


def _tell(text: str) -> None:
    """Words of the chat itself, apart from what people say."""
    print(f"* {_printable(text)}", file=sys.stderr, flush=True)


def main() -> None:
    options = parse_options("pubsub.chat", DESCRIPTION, OPTIONS)
    if options.health:
        raise SystemExit(check_resp_server("pubsub", options.host, options.port, options.password))
    name = options.name or getpass.getuser()
    chat = Chat(options.host, options.port, options.channel, name, options.password)
    try:
        chat.run(options.grace)
    except Refused as error:
        fail("chat", str(error))
    except KeyboardInterrupt:
        _tell("bye")


if __name__ == "__main__":
    main()
