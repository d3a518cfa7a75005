"""The chat as a process with pipes: two ways, the end of the input, a broker that restarts."""

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.pubsub.tests.serving import JsonClient, Serving

ROOT = Path(__file__).resolve().parents[3]
PATIENCE_S = 30


class Talk:
    """A chat process; what it says comes line by line."""

    def __init__(self, port: int, name: str, *options: str):
        arguments = ["--port", str(port), "--name", name, *options]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "services.pubsub.chat", *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.out = self._lines_of(self.process.stdout)
        self.err = self._lines_of(self.process.stderr)

    def _lines_of(self, stream: object) -> queue.Queue[str]:
        lines: queue.Queue[str] = queue.Queue()

        def read() -> None:
            for line in stream:
                lines.put(line.rstrip("\n"))

        threading.Thread(target=read, daemon=True).start()
        return lines

    def ready(self) -> "Talk":
        self.hear_of("talking on")
        return self

    def say(self, text: str) -> None:
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def hear(self) -> str:
        return self.out.get(timeout=PATIENCE_S)

    def hear_of(self, words: str) -> str:
        """The next line about the chat itself that has these words."""
        while words not in (line := self.err.get(timeout=PATIENCE_S)):
            pass
        return line

    def end(self) -> int:
        """End the input and wait for the process; its exit status."""
        self.process.stdin.close()
        return self.process.wait(PATIENCE_S)


@pytest.fixture
def talk() -> Iterator[Callable[..., Talk]]:
    talks = []

    def talk(*arguments: object) -> Talk:
        talks.append(Talk(*arguments))
        return talks[-1]

    yield talk
    for each in talks:
        each.process.kill()
        each.process.wait()


def test_two_people_talk(serving: Serving, talk: Callable) -> None:
    ann = talk(serving.port, "ann").ready()
    bob = talk(serving.port, "bob").ready()
    ann.say("hello bob")
    assert bob.hear() == "ann: hello bob"
    bob.say("héllo ann ✓")
    assert ann.hear() == "bob: héllo ann ✓"
    assert (ann.end(), bob.end()) == (0, 0)
    assert ann.out.empty()  # Nobody hears their own words twice.


def test_a_pipe_is_delivered_whole_before_the_process_ends(
    serving: Serving, connect: Callable
) -> None:
    listener = connect(JsonClient, serving)
    listener.say("SUBSCRIBE", channel="lobby")
    ended = subprocess.run(
        [sys.executable, "-m", "services.pubsub.chat", "--channel=lobby", f"--port={serving.port}"],
        cwd=ROOT,
        env=os.environ | {"CHAT_NAME": "cat"},
        input="one\n\n  \ntwo\nthree without an end",
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert (ended.returncode, ended.stdout) == (0, "")
    assert [listener.read()["message"] for _ in range(3)] == [
        "cat: one",
        "cat: two",
        "cat: three without an end",
    ]


def test_what_is_typed_while_the_broker_is_away_is_sent_when_it_is_back(
    start: Callable, connect: Callable, talk: Callable
) -> None:
    serving = start()
    ann = talk(serving.port, "ann").ready()
    serving.close()
    ann.hear_of("trying again")
    ann.say("are you there?")
    ann.hear_of("no broker at")
    again = start(port=serving.port)
    ann.ready()
    listener = connect(JsonClient, again)
    listener.say("SUBSCRIBE", channel="chat")
    ann.say("hello again")
    while (text := listener.read()["message"]) != "ann: hello again":
        assert text == "ann: are you there?"
    assert ann.end() == 0


def test_ctrl_c_ends_it(serving: Serving, talk: Callable) -> None:
    ann = talk(serving.port, "ann").ready()
    ann.process.send_signal(signal.SIGINT)
    assert ann.process.wait(PATIENCE_S) == 0
    ann.hear_of("bye")


def test_strangers_cannot_move_the_cursor(
    serving: Serving, connect: Callable, talk: Callable
) -> None:
    ann = talk(serving.port, "ann").ready()
    connect(JsonClient, serving).tell("PUBLISH", channel="chat", message="\x1b[2Jeve\r\n: hi")
    assert ann.hear() == "�[2Jeve��: hi"


def test_a_password(start: Callable, talk: Callable) -> None:
    serving = start(password="s3cret")
    assert talk(serving.port, "ann", "--password", "s3cret").ready().end() == 0
    refused = talk(serving.port, "ann")
    assert refused.process.wait(PATIENCE_S) == 1
    assert refused.hear_of("chat:") == "chat: the broker says: Authentication required"


def test_lines_that_could_not_be_delivered_are_an_error(start: Callable, talk: Callable) -> None:
    serving = start()
    serving.close()
    ann = talk(serving.port, "ann", "--grace", "0.1")
    ann.say("hello?")
    assert ann.end() == 1
    assert ann.hear_of("chat:") == "chat: 1 lines could not be delivered"


def test_a_bad_option_is_one_line_and_status_2(talk: Callable) -> None:
    ann = talk("x", "ann")
    assert ann.process.wait(PATIENCE_S) == 2
    assert "--port 'x': is not a whole number" in ann.err.get(timeout=PATIENCE_S)
