"""COMMAND DOCS: what each command is about, and its arguments as a tree.

    get key                          ─▶  [{name: key, type: key}]
    set … [NX|XX] [EX seconds]       ─▶  [ …, {type: oneof, flags: optional, arguments: [NX, XX]},
                                               {token: EX, name: seconds, type: integer, …}]

`command_docs.txt` holds the commands in the notation that manuals use, and this module reads it
when somebody asks for the first time. `redis-cli` asks when it starts, for its hints while one
types, and for `help`.
# Real: struct redisCommandArg, and the commands' JSON files, in Redis.
"""

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from services.common.resp import SetReply, Simple
from services.kvdb.command import Command

_PATH = Path(__file__).with_name("command_docs.txt")


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument, or a group of them."""

    name: str
    type: str
    """`string`, `key`, `integer` …; `pure-token` for a word; `oneof` and `block` for a group."""
    token: str | None = None
    """The word that stands before it."""
    flags: tuple[str, ...] = ()
    arguments: tuple["Argument", ...] = ()

    def with_flags(self, *flags: str) -> "Argument":
        return replace(self, flags=(*self.flags, *flags))

    def as_reply(self) -> dict[str, object]:
        reply: dict[str, object] = {"name": self.name, "type": self.type}
        if self.token is not None:
            reply["token"] = self.token
        if self.flags:
            reply["flags"] = SetReply(Simple(flag) for flag in self.flags)
        if self.arguments:
            reply["arguments"] = [argument.as_reply() for argument in self.arguments]
        return reply


@dataclass(frozen=True, slots=True)
class Doc:
    """What there is to say about one command."""

    since: str
    summary: str
    arguments: tuple[Argument, ...]


def describe(command: Command) -> dict[str, object]:
    """The map for one command, with its subcommands."""
    doc = read_docs().get(command.name, Doc("", "", ()))
    reply: dict[str, object] = {
        "summary": doc.summary,
        "since": doc.since,
        "group": command.group,
    }
    if doc.arguments:
        reply["arguments"] = [argument.as_reply() for argument in doc.arguments]
    if command.subcommands:
        reply["subcommands"] = {it.name: describe(it) for it in command.subcommands.values()}
    return reply


# Reading the file.


@functools.cache
def read_docs() -> dict[str, Doc]:
    """All commands of the file, by name."""
    docs: dict[str, Doc] = {}
    for head, syntax in _entries(_PATH.read_text(encoding="utf-8")):
        name, since, summary = head.split(" ", 2)
        docs[name] = Doc(since, summary, tuple(parse(syntax)))
    return docs


def _entries(text: str) -> Iterator[tuple[str, str]]:
    """The line of each command, and the indented lines below it."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    while lines:
        head, syntax = lines.pop(0), ""
        while lines and lines[0].startswith(" "):
            syntax += lines.pop(0)
        yield head, syntax


_WORDS = re.compile(r"\.\.\.|[\[\]()|]|[^\s\[\]()|.]+")


def parse(syntax: str) -> list[Argument]:
    """The arguments of one command. Raises ValueError where brackets do not match."""
    words = _WORDS.findall(syntax)
    (arguments,) = _alternatives(words, end="")
    return arguments


def _alternatives(words: list[str], end: str) -> list[list[Argument]]:
    """Take words up to `end`: the sequences between the bars."""
    found: list[list[Argument]] = [[]]
    while words and words[0] != end:
        word = words.pop(0)
        match word:
            case "|":
                found.append([])
            case "...":
                found[-1].append(_repeated(found[-1].pop()))
            case "[":
                found[-1].append(_group(_alternatives(words, "]")).with_flags("optional"))
            case "(":
                found[-1].append(_group(_alternatives(words, ")")))
            case "]" | ")":
                raise ValueError(f"{word!r} closes nothing")
            case _:
                found[-1].append(_single(word))
    if end:
        if not words:
            raise ValueError(f"{end!r} is missing")
        words.pop(0)
    return found


def _repeated(argument: Argument) -> Argument:
    """`[GET pattern]...` says GET each time, `[WEIGHTS weight...]` says WEIGHTS once."""
    has_token = argument.token is not None
    return argument.with_flags("multiple", *(["multiple_token"] if has_token else []))


def _group(alternatives: list[list[Argument]]) -> Argument:
    arguments = tuple(_sequence(sequence) for sequence in alternatives)
    if len(arguments) == 1:
        return arguments[0]
    return Argument("-or-".join(it.name for it in arguments), "oneof", arguments=arguments)


def _sequence(arguments: list[Argument]) -> Argument:
    """What stands side by side; a word at the front belongs to all that follows."""
    first, *rest = arguments
    if not rest:
        return first
    if first.type != "pure-token":
        return Argument("-".join(it.name for it in arguments), "block", arguments=(*arguments,))
    follower = _sequence(rest)
    if follower.token is not None or "optional" in follower.flags:
        follower = Argument(first.name, "block", arguments=(follower,))
    return replace(follower, token=first.token)


_TYPES = {
    "key": ("key key1 key2 source destination destkey sourcekey newkey dst src"),
    "integer": (
        "bit bits client-id count cursor db decrement destination-db end frequency group-size "
        "increment index index1 index2 len limit milliseconds ms min-idle-time num-matches "
        "numfields numkeys numlocal numreplicas offset port protover rank seconds slot start stop "
        "timeout ttl entries_read entries_added"
    ),
    "double": "height latitude longitude max min radius score weight width",
    "unix-time": "unix-time-milliseconds unix-time-seconds",
    "pattern": "pattern",
}
_TYPE_OF = {name: kind for kind, names in _TYPES.items() for name in names.split()}


def _single(word: str) -> Argument:
    """`EX` is a word to be sent as it is, `seconds` an argument, `increment:double` one, too."""
    if word == word.upper():
        return Argument(word.lower(), "pure-token", token=word)
    name, _, kind = word.partition(":")
    if kind in ("", "string", *_TYPES):
        return Argument(name, kind or _TYPE_OF.get(name, "string"))
    return Argument(word, "string")
