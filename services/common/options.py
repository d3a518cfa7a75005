"""Options of a service: from the command line, else from the environment, else the default.

A service lists its options as a table, and this module makes of it the parser, the `--help`
text (with unit and default of each), and the environment names: `--port` of kvdb is
`KVDB_PORT`. Addresses of other services are named after those: `--kvdb-url` is `KVDB_URL`
whoever reads it. A bad option, from either side, is one line on stderr and exit status 2.
"""

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.common.logs import LEVELS


@dataclass(frozen=True, slots=True)
class Option:
    """One `--name`; `parse` turns its text into the value and raises ValueError with a reason."""

    name: str
    default: object
    help: str
    parse: Callable[[str], object] = str
    env: str | None = None
    """The environment name, where it is not `SERVICE_NAME`."""

    @property
    def attribute(self) -> str:
        return self.name.replace("-", "_")

    def env_name(self, service: str) -> str:
        return self.env or f"{service}_{self.name}".upper().replace("-", "_")


def whole_number(minimum: int, maximum: int | None = None) -> Callable[[str], int]:
    """A parser for an integer within bounds, both included."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise ValueError("is not a whole number") from None
        if value < minimum or (maximum is not None and value > maximum):
            raise ValueError(f"must be {_bounds(minimum, maximum)}")
        return value

    return parse


def seconds(minimum: float = 0) -> Callable[[str], float]:
    """A parser for a duration in seconds, fractions allowed."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise ValueError("is not a number of seconds") from None
        if not minimum <= value < float("inf"):
            raise ValueError(f"must be {_bounds(minimum, None)}")
        return value

    return parse


def one_of(*choices: str) -> Callable[[str], str]:
    """A parser for one word out of a few."""

    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return text

    return parse


def checked(check: Callable[[str], object]) -> Callable[[str], str]:
    """A parser that refuses what `check` refuses, and leaves the text as it is."""

    def parse(text: str) -> str:
        check(text)
        return text

    return parse


def flag(text: str) -> bool:
    """A parser for yes or no, as environment variables write it."""
    try:
        return {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}[
            text.lower()
        ]
    except KeyError:
        raise ValueError("must be yes or no") from None


def _bounds(minimum: float, maximum: float | None) -> str:
    return f"at least {minimum}" if maximum is None else f"from {minimum} to {maximum}"


def network_options(port: int, *, grace_s: float = 10) -> list[Option]:
    """The options that every server has."""
    return [
        Option("host", "127.0.0.1", "address to listen on"),
        Option("port", port, "TCP port to listen on; 0 takes a free one", whole_number(0, 65535)),
        *process_options(grace_s=grace_s),
    ]


def process_options(*, grace_s: float = 10) -> list[Option]:
    """The options that every process has, also one that listens nowhere."""
    return [
        Option("grace", grace_s, "seconds to finish what runs when asked to stop", seconds()),
        Option("log-level", "info", "debug, info or warning", one_of(*LEVELS)),
    ]


def password_options() -> list[Option]:
    """The password that clients must give, in the clear or from a file (a Docker secret)."""
    return [
        Option("password", "", "password that clients must give; empty asks for none"),
        Option("password-file", "", "file whose first line is the password"),
    ]


def read_password(options: argparse.Namespace) -> str:
    """The password of `password_options`; a file that cannot be read ends the process."""
    if not options.password_file:
        return options.password
    try:
        lines = Path(options.password_file).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        _exit(options.service, f"--password-file {options.password_file}: {reason}")
    return lines[0] if lines else ""


def url_option(service: str, default: str, check: Callable[[str], object]) -> Option:
    """The address of another service: `--kvdb-url`, or `KVDB_URL` in the environment.

    `check` raises ValueError for what is no such address.
    """
    name = f"{service}-url"
    env = name.upper().replace("-", "_")
    return Option(name, default, f"where {service} is", checked(check), env)


def parse_options(
    service: str,
    description: str,
    options: Sequence[Option],
    arguments: Sequence[str] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> argparse.Namespace:
    """The options as attributes (`--data-dir` is `.data_dir`), with `.service` and `.health`.

    Ends the process with status 0 after `--help` and with status 2 at a bad option.
    """
    parser = OneLineParser(
        prog=f"python3 -m services.{service}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    for option in options:
        default = option.default
        more = {}
        if isinstance(default, bool):
            default = "yes" if default else "no"
            more = {"nargs": "?", "const": "yes"}  # `--burst` is short for `--burst yes`.
        shown = "" if default in ("", None) else f", default {default}"
        parser.add_argument(
            f"--{option.name}",
            dest=option.attribute,
            metavar=option.name.rpartition("-")[2].upper(),
            help=f"{option.help} [{option.env_name(service)}{shown}]".replace("%", "%%"),
            **more,
        )
    parser.add_argument(
        "--health",
        action="store_true",
        help="ask the running service whether it is well; exit with 0 or 1",
    )
    parsed = parser.parse_args(arguments)
    parsed.service = service
    for option in options:
        setattr(parsed, option.attribute, _value(service, option, parsed, environ))
    return parsed


def _value(
    service: str, option: Option, parsed: argparse.Namespace, environ: Mapping[str, str]
) -> object:
    text, source = getattr(parsed, option.attribute), f"--{option.name}"
    if text is None:
        source = option.env_name(service)
        text = environ.get(source)
    if text is None:
        return option.default
    try:
        return option.parse(text)
    except ValueError as reason:
        _exit(service, f"{source} {text!r}: {reason}")


def _exit(service: str, message: str) -> None:
    print(f"{service}: {message}", file=sys.stderr)
    raise SystemExit(2)


class OneLineParser(argparse.ArgumentParser):
    """argparse, but a bad option is one line instead of the usage."""

    def error(self, message: str) -> None:
        program = self.prog.removeprefix("python3 -m ").removeprefix("services.")
        _exit(program, f"{message} (--help lists the options)")
