"""A server process: bind, the ready line, the stop signals, one line when it cannot start."""

import os
import signal
import socket

import pytest

from services.common.lifecycle import address_of, announce, bind, fail, on_stop_signal


def test_bind_takes_a_free_port_and_listens() -> None:
    with bind("kvdb", "127.0.0.1", 0) as listener:
        host, _, port = address_of(listener).partition(":")
        assert (host, int(port)) == listener.getsockname()
        assert int(port) > 0
        with socket.create_connection((host, int(port)), timeout=5):
            accepted, _ = listener.accept()
            accepted.close()


def test_addresses_of_ip_version_6_have_brackets() -> None:
    try:
        listener = bind("kvdb", "::1", 0)
    except SystemExit:
        pytest.skip("this machine has no IPv6")
    with listener:
        assert address_of(listener).startswith("[::1]:")


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid", "192.0.2.1"])
def test_an_address_that_cannot_be_had_is_one_line_and_status_1(
    host: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with bind("kvdb", "127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SystemExit) as caught:
            bind("kvdb", host, port)
    assert caught.value.code == 1
    output = capsys.readouterr()
    assert output.out == ""
    (line,) = output.err.splitlines()
    assert line.startswith(f"kvdb: cannot listen on {host}:{port}: ")
    if host == "127.0.0.1":
        assert line.endswith("already in use")


def test_the_ready_line(capsys: pytest.CaptureFixture[str]) -> None:
    with bind("kvdb", "127.0.0.1", 0) as listener:
        announce("kvdb", listener)
        port = listener.getsockname()[1]
    assert capsys.readouterr().out == f"kvdb ready on 127.0.0.1:{port}\n"


def test_fail_is_one_line_and_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        fail("kvdb", "no disk")
    assert caught.value.code == 1
    assert capsys.readouterr().err == "kvdb: no disk\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_both_stop_signals_call_stop(number: int) -> None:
    before = {signal.SIGTERM: signal.getsignal(signal.SIGTERM)}
    before[signal.SIGINT] = signal.getsignal(signal.SIGINT)
    calls = []
    try:
        on_stop_signal(lambda: calls.append("stop"))
        os.kill(os.getpid(), number)
        assert calls == ["stop"]
    finally:
        for restored, handler in before.items():
            signal.signal(restored, handler)
