"""The health check over RESP, against a server that says what the test tells it to."""

from collections.abc import Callable, Iterator

import pytest

from services.common.health_check import address_to_call, check_resp_server
from services.common.tests.test_resp_client import FakeServer


@pytest.fixture
def ask() -> Iterator[Callable[[bytes], int]]:
    """Ask a server whose reply to INFO is given."""
    servers = []

    def ask(reply: bytes, host: str = "127.0.0.1") -> int:
        servers.append(FakeServer(lambda request: reply))
        return check_resp_server("kvdb", host, servers[-1].url.port, "")

    yield ask
    for server in servers:
        server.close()


def bulk(text: str) -> bytes:
    return b"$%d\r\n%s\r\n" % (len(text.encode()), text.encode())


@pytest.mark.parametrize(
    ("host", "address"),
    [("", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("10.0.0.7", "10.0.0.7")],
)
def test_an_address_that_means_everywhere_is_called_at_home(host: str, address: str) -> None:
    assert address_to_call(host) == address


def test_who_serves_is_well_also_degraded(ask: Callable, capsys: pytest.CaptureFixture) -> None:
    assert ask(bulk("# Glassbox\r\nstatus:ok\r\nproblems:\r\n")) == 0
    assert ask(bulk("status:degraded\r\nproblems:disk: it is full\r\n"), "0.0.0.0") == 0
    said = capsys.readouterr()
    assert said.out == "kvdb is ok\nkvdb is degraded: disk: it is full\n"
    assert said.err == ""


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (b"-NOAUTH Authentication required.\r\n", "NOAUTH Authentication required."),
        (bulk(""), "something else answers"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", ""),
    ],
)
def test_who_does_not_is_one_line_on_stderr(
    ask: Callable, capsys: pytest.CaptureFixture, reply: bytes, reason: str
) -> None:
    assert ask(reply) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"kvdb is not well: {reason}")
    assert said.err.count("\n") == 1


def test_nobody_there(capsys: pytest.CaptureFixture) -> None:
    server = FakeServer(lambda request: None)
    server.close()
    assert check_resp_server("kvdb", "127.0.0.1", server.url.port, "") == 1
    assert "Connection refused" in capsys.readouterr().err
