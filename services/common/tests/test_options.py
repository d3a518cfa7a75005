"""Options: where a value comes from, and what a bad one leads to."""

import argparse
from pathlib import Path

import pytest

from services.common.options import (
    Option,
    flag,
    network_options,
    one_of,
    parse_options,
    password_options,
    read_password,
    seconds,
    url_option,
    whole_number,
)


def http_address(text: str) -> None:
    if not text.startswith("http://"):
        raise ValueError("is not of the form http://host:port")


OPTIONS = [
    *network_options(4242),
    *password_options(),
    Option("data-dir", "data", "where files go"),
    Option("max-mb", 64, "limit, 100% sure", whole_number(1, 1000)),
    Option("colour", "red", "which one", one_of("red", "blue")),
    Option("durable", True, "keep it", flag),
    url_option("broker", "http://127.0.0.1:4246", http_address),
]


def parse(*arguments: str, **environ: str) -> argparse.Namespace:
    return parse_options("kvdb", "A store.", OPTIONS, arguments, environ)


def test_defaults() -> None:
    options = parse()
    assert (options.host, options.port, options.data_dir) == ("127.0.0.1", 4242, "data")
    assert (options.grace, options.log_level, options.durable) == (10, "info", True)
    assert (options.service, options.health) == ("kvdb", False)


def test_the_environment_replaces_the_default() -> None:
    options = parse(KVDB_PORT="5000", KVDB_DATA_DIR="/d", KVDB_DURABLE="no", KVDB_GRACE="0.5")
    assert (options.port, options.data_dir, options.durable) == (5000, "/d", False)
    assert options.grace == 0.5


def test_the_command_line_wins() -> None:
    options = parse("--port", "6000", "--data-dir=", KVDB_PORT="5000", KVDB_DATA_DIR="/d")
    assert (options.port, options.data_dir) == (6000, "")


def test_another_services_environment_is_not_ours_but_addresses_are_shared() -> None:
    options = parse(PUBSUB_PORT="5000", BROKER_URL="http://broker:1")
    assert (options.port, options.broker_url) == (4242, "http://broker:1")


def test_yes_may_be_said_by_the_name_alone() -> None:
    assert parse("--durable", KVDB_DURABLE="no").durable is True
    assert parse("--durable", "no").durable is False


def test_health_is_a_flag() -> None:
    assert parse("--health").health


@pytest.mark.parametrize(
    ("arguments", "environ", "reason"),
    [
        (["--port", "x"], {}, "--port 'x': is not a whole number"),
        (["--port", "70000"], {}, "--port '70000': must be from 0 to 65535"),
        (["--port", "-1"], {}, "--port"),
        (["--max-mb", "0"], {}, "--max-mb '0': must be from 1 to 1000"),
        (["--grace", "inf"], {}, "--grace 'inf': must be at least 0"),
        (["--grace", "nan"], {}, "--grace"),
        (["--grace", "soon"], {}, "is not a number of seconds"),
        (["--colour", "green"], {}, "must be one of red, blue"),
        (["--durable", "maybe"], {}, "must be yes or no"),
        (["--broker-url", "ftp://b"], {}, "is not of the form http://host:port"),
        (["--nonsense", "1"], {}, "unrecognized arguments"),
        (["--por", "1"], {}, "unrecognized arguments"),
        (["stray"], {}, "unrecognized arguments"),
        (["--port"], {}, "expected one argument"),
        ([], {"KVDB_PORT": "x"}, "KVDB_PORT 'x': is not a whole number"),
        ([], {"KVDB_PORT": ""}, "KVDB_PORT ''"),
    ],
)
def test_a_bad_option_is_one_line_and_status_2(
    arguments: list[str], environ: dict[str, str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(*arguments, **environ)
    assert caught.value.code == 2
    output = capsys.readouterr()
    assert output.out == ""
    (line,) = output.err.splitlines()
    assert line.startswith("kvdb: ")
    assert reason in line


def test_help_shows_every_option_with_its_default_and_environment(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as caught:
        parse("--help")
    assert caught.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    for option in OPTIONS:
        assert f"--{option.name}" in text
        assert option.env_name("kvdb") in text
    assert "limit, 100% sure [KVDB_MAX_MB, default 64]" in text
    assert "[BROKER_URL, default http://127.0.0.1:4246]" in text


def test_the_password_comes_from_the_option_or_the_first_line_of_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret\nnot this\n")
    assert read_password(parse()) == ""
    assert read_password(parse("--password", "open")) == "open"
    assert read_password(parse("--password", "open", "--password-file", str(secret))) == "s3cret"
    secret.write_text("")
    assert read_password(parse("--password-file", str(secret))) == ""


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_password_file_that_cannot_be_read_ends_the_process(
    content: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = tmp_path / "secret"
    if content is not None:
        secret.write_bytes(content)
    with pytest.raises(SystemExit) as caught:
        read_password(parse("--password-file", str(secret)))
    assert caught.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_parsers_take_what_they_should() -> None:
    assert whole_number(0)("12") == 12
    assert seconds()("1.5") == 1.5
    assert [flag(text) for text in ("1", "YES", "true", "0", "no", "False")] == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]
