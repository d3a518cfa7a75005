"""A selector: one set of permissions, to commands, keys and channels.

    +get +@hash -hgetall ~user:* %R~shared:* &news.*

A request is permitted where *one* selector of the user permits all of it: the command, each of
its keys and each of its channels. What two selectors permit together does not add up: with
`(+set ~a*) (+get ~b*)` nobody gets to read `a1`.

Commands are kept as the set of their names, subcommands by their own (`client|id`). To permit a
family is to permit each of its subcommands.
# Real: aclSelector in Redis's acl.c, with a bitmap of commands.
"""

import enum
import functools
from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field

from services.common.glob import matcher
from services.kvdb.command import Command
from services.kvdb.key_specs import Access

Permission = frozenset[str]
"""What may be done with keys: reading, writing, both, or nothing."""

NOTHING: Permission = frozenset()
READ: Permission = frozenset({"read"})
WRITE: Permission = frozenset({"write"})
BOTH = READ | WRITE

_NEEDED = {"access": READ, "update": WRITE, "insert": WRITE, "delete": WRITE}


@functools.cache
def needed_for(access: Access) -> Permission:
    """Nothing, for what only looks whether there is such a key: any pattern will do."""
    return frozenset[str]().union(*(_NEEDED.get(word, NOTHING) for word in access))


class Reason(enum.IntEnum):
    """Why a request is refused; the higher one counts where selectors disagree."""

    COMMAND = 1
    KEY = 2
    CHANNEL = 3


@dataclass(frozen=True, slots=True, order=True)
class Denial:
    """A request is refused because of the word at a position."""

    reason: Reason
    position: int = 0


class Catalog:
    """All commands by their full names, in the order of the table, a family before its own."""

    def __init__(self, commands: Mapping[bytes, Command]):
        self.commands: dict[str, Command] = {}
        for entry in commands.values():
            for it in (entry, *entry.subcommands.values()):
                self.commands[it.name] = it

    def find(self, name: bytes) -> Command | None:
        return self.commands.get(name.decode("utf-8", "surrogateescape").lower())

    def in_category(self, category: str) -> set[str]:
        return {name for name, it in self.commands.items() if category in it.categories}


@dataclass(slots=True)
class Selector:
    """What is permitted; nothing, to begin with."""

    catalog: Catalog
    commands: set[str] = field(default_factory=set)
    is_open: bool = False
    """It began with all commands (`+@all`), so what a later version adds is permitted, too."""
    first_words: dict[str, list[bytes]] = field(default_factory=dict)
    """Commands that are permitted with these first arguments only (`+select|0`)."""
    has_all_keys: bool = False
    keys: dict[bytes, Permission] = field(default_factory=dict)
    has_all_channels: bool = False
    channels: dict[bytes, None] = field(default_factory=dict)

    def copy(self) -> "Selector":
        other = copy(self)
        other.commands, other.keys = set(self.commands), dict(self.keys)
        other.channels = dict(self.channels)
        other.first_words = {name: list(words) for name, words in self.first_words.items()}
        return other

    # Changing.

    def permit_all_commands(self) -> None:
        self.commands, self.is_open = set(self.catalog.commands), True
        self.first_words.clear()

    def permit_no_commands(self) -> None:
        self.commands, self.is_open = set(), False
        self.first_words.clear()

    def change(self, command: Command, *, permits: bool) -> None:
        """Permit or forbid a command, and all that belongs to it."""
        names = {command.name, *(it.name for it in command.subcommands.values())}
        self.commands = self.commands | names if permits else self.commands - names
        self.first_words.pop(command.name, None)

    def change_category(self, category: str, *, permits: bool) -> None:
        for name in self.catalog.in_category(category):
            self.change(self.catalog.commands[name], permits=permits)

    # Asking.

    @property
    def has_all_commands(self) -> bool:
        return len(self.commands) == len(self.catalog.commands)

    @property
    def is_unrestricted(self) -> bool:
        return self.has_all_commands and self.has_all_keys and self.has_all_channels

    def denial(self, command: Command, request: list[bytes]) -> Denial | None:
        """Why this selector does not permit a request; None where it does."""
        if not self._permits_command(command, request):
            return Denial(Reason.COMMAND)
        for position, access in () if self.has_all_keys else command.keys.references(request):
            if not self.permits_key(request[position], needed_for(access)):
                return Denial(Reason.KEY, position)
        for position, is_pattern in () if self.has_all_channels else channels_of(command, request):
            if not self.permits_channel(request[position], is_pattern=is_pattern):
                return Denial(Reason.CHANNEL, position)
        return None

    def _permits_command(self, command: Command, request: list[bytes]) -> bool:
        """Logging in and leaving is permitted to everybody."""
        if command.name in self.commands or "no_auth" in command.flags:
            return True
        words = self.first_words.get(command.name, ())
        return len(request) > 1 and request[1].lower() in (word.lower() for word in words)

    def permits_key(self, key: bytes, needed: Permission) -> bool:
        if self.has_all_keys:
            return True
        for pattern, permission in self.keys.items():
            if needed <= permission and matcher(pattern)(key):
                return True
        return False

    def permits_all_keys(self, needed: Permission) -> bool:
        """Whether any key may be used: for what a command finds only while it runs."""
        return self.has_all_keys or needed <= self.keys.get(b"*", NOTHING)

    def permits_channel(self, name: bytes, *, is_pattern: bool) -> bool:
        return self.has_all_channels or is_channel_among(self.channels, name, is_pattern=is_pattern)


def is_channel_among(channels: Mapping[bytes, None], name: bytes, *, is_pattern: bool) -> bool:
    """A pattern to subscribe to has to be listed as it is: it might match more than ours."""
    if is_pattern:
        return name in channels
    return any(matcher(pattern)(name) for pattern in channels)


_CHANNELS = {
    "publish": (2, False),
    "spublish": (2, False),
    "subscribe": (None, False),
    "ssubscribe": (None, False),
    "psubscribe": (None, True),
}
"""Before which word the channels end, and whether they are patterns. Nobody has to ask for
permission to unsubscribe."""


def channels_of(command: Command, request: list[bytes]) -> Iterator[tuple[int, bool]]:
    """The positions of the channels in a request, and whether they are patterns."""
    if command.name in _CHANNELS:
        end, is_pattern = _CHANNELS[command.name]
        for position in range(1, end or len(request)):
            yield position, is_pattern
