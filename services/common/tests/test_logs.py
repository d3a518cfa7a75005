"""Log lines: their form, and that no value can forge one."""

import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.common.logs import configure


def test_a_line_has_time_level_service_message_and_fields(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log = configure("kvdb", "info")
    log.info("snapshot saved", keys=1204, seconds=0.0312345678, path="/a b", client=b"\xff")
    output = capsys.readouterr()
    assert output.out == ""
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO kvdb snapshot saved keys=1204"
        r' seconds=0\.0312346 path="/a b" client=\\xff\n',
        output.err,
    )


def test_levels(capsys: pytest.CaptureFixture[str]) -> None:
    log = configure("kvdb", "warning")
    log.debug("no")
    log.info("no")
    log.warning("yes")
    log.error("yes")
    assert [line.split()[1] for line in capsys.readouterr().err.splitlines()] == [
        "WARNING",
        "ERROR",
    ]
    configure("kvdb", "debug").debug("yes", a=1)
    assert "DEBUG kvdb yes a=1" in capsys.readouterr().err


def test_configured_twice_it_writes_once(capsys: pytest.CaptureFixture[str]) -> None:
    configure("kvdb")
    configure("kvdb").info("once")
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_an_exception_brings_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    log = configure("kvdb")
    try:
        raise KeyError("lost")
    except KeyError:
        log.exception("a command failed", client="c")
    lines = capsys.readouterr().err.splitlines()
    assert "ERROR kvdb a command failed client=c" in lines[0]
    assert lines[1].startswith("Traceback")
    assert lines[-1] == "KeyError: 'lost'"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text() | st.binary() | st.integers() | st.none())
def test_no_value_can_start_a_line_of_its_own(
    capsys: pytest.CaptureFixture[str], value: object
) -> None:
    log = configure("kvdb")
    log.info("message", value=value)
    (line,) = capsys.readouterr().err.split("\n")[:-1]
    field = line.partition("message ")[2]
    assert field.startswith("value=")
    shown = field.removeprefix("value=")
    if shown.startswith('"'):
        assert json.loads(shown) == (
            value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
        )
    else:
        assert " " not in shown
