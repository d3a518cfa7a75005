"""COMMAND DOCS: the notation of command_docs.txt, and what redis-cli makes of the reply."""

import shutil
import subprocess

import pytest

from services.kvdb.command_docs import parse, read_docs
from services.kvdb.commands import command_table
from services.kvdb.tests.hints import hint_of
from services.kvdb.tests.serving import TIMEOUT_S, serving
from services.kvdb.tests.support import Console


def shown(syntax: str) -> str:
    """The notation, read, and written in the way of redis-cli."""
    return " ".join(hint_of(argument.as_reply()) for argument in parse(syntax))


@pytest.mark.parametrize(
    ("syntax", "hint"),
    [
        ("key value", "key value"),
        ("key [NX|XX] [GET]", "key [NX|XX] [GET]"),
        ("key...", "key [key ...]"),
        ("(field value)...", "field value [field value ...]"),
        ("[GET pattern]...", "[GET pattern [GET pattern ...]]"),
        ("[WEIGHTS weight...]", "[WEIGHTS weight [weight ...]]"),
        ("[LIMIT offset count]", "[LIMIT offset count]"),
        ("[COUNT count [ANY]]", "[COUNT count [ANY]]"),
        ("(STREAMS key... id...)", "STREAMS key [key ...] id [id ...]"),
        ("(*|id)", "*|id"),
        ("[start [end [BYTE|BIT]]]", "[start [end [BYTE|BIT]]]"),
    ],
)
def test_the_notation(syntax: str, hint: str):
    assert shown(syntax) == hint


def test_names_tell_types_unless_they_are_told():
    types = [it.type for it in parse("key seconds increment:double field unix-time-seconds NX")]
    assert types == ["key", "integer", "double", "string", "unix-time", "pure-token"]


@pytest.mark.parametrize("syntax", ["[key", "key]", "(a|b", "[a)"])
def test_brackets_that_do_not_match_are_refused(syntax: str):
    with pytest.raises(ValueError):
        parse(syntax)


def test_every_command_is_described():
    """Missing? Then `command_docs.txt` wants an entry. DEBUG is for those who test the server."""
    names = [
        it.name
        for entry in command_table().values()
        for it in (entry, *entry.subcommands.values())
        if not it.name.startswith(("debug|", "memcached"))
    ]
    assert [name for name in names if name not in read_docs()] == []


def test_one_command_with_its_subcommands():
    docs = Console(resp=3)("COMMAND", "DOCS", "client", "nosuch")
    assert list(docs) == ["client"]
    assert docs["client"]["group"] == "connection"
    assert docs["client"]["subcommands"]["client|id"]["since"] == "5.0.0"


@pytest.mark.skipif(not shutil.which("redis-cli"), reason="no redis-cli is installed")
def test_redis_cli_shows_it():
    with serving() as server:
        command = ["redis-cli", "-p", str(server.port), "help", "getex"]
        found = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT_S, check=True
        )
    assert "key [EX seconds|PX milliseconds" in found.stdout
    assert "so long" in found.stdout
