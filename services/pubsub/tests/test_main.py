"""The options that only this service has, and the process as a whole."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from services.common.health_check import check_resp_server
from services.pubsub.__main__ import addresses
from services.pubsub.tests.serving import RespClient

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        ("hub:4243", (("hub", 4243),)),
        ("a:1, b:2,", (("a", 1), ("b", 2))),
        ("[::1]:4243", (("::1", 4243),)),
    ],
)
def test_upstreams(text: str, expected: tuple) -> None:
    assert addresses(text) == expected


@pytest.mark.parametrize(
    "text", ["hub", "hub:", ":4243", "hub:x", "hub:0", "hub:65536", "a:1;b:2", "a:1/b", "[::1:4243"]
)
def test_bad_upstreams(text: str) -> None:
    with pytest.raises(ValueError):
        addresses(text)


def test_a_limit_that_no_message_could_pass_is_a_bad_option() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "services.pubsub", "--port=0", "--max-output-mb=1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert ended.returncode == 2
    assert ended.stderr == "pubsub: --max-output-mb must be at least --max-request-mb\n"


def test_the_health_check(start: Callable, capsys: pytest.CaptureFixture[str]) -> None:
    serving = start(password="s3cret")
    asked = ("pubsub", "127.0.0.1", serving.port)
    assert check_resp_server(*asked, "s3cret") == 0
    assert check_resp_server(*asked, "wrong") == 1
    serving.broker.vitals.problems["upstream b:1"] = "away"
    assert check_resp_server(*asked, "s3cret") == 0
    said = capsys.readouterr()
    assert said.out == "pubsub is ok\npubsub is degraded: upstream b:1: away\n"
    assert said.err.startswith("pubsub is not well: WRONGPASS")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_process_serves_and_stops_in_peace(number: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "services.pubsub", "--port=0"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        ready = process.stdout.readline()
        assert ready.startswith("pubsub ready on 127.0.0.1:")
        client = RespClient(int(ready.rpartition(":")[2]))
        assert client.say("SUBSCRIBE", "a") == [b"subscribe", b"a", 1]
        process.send_signal(number)
        assert client.is_ended()
        client.close()
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, out) == (0, "")
    assert [line.split(" ", 2)[1] for line in err.splitlines()] == ["INFO", "INFO"]
