"""One entry of the command table: a command's name, handler, arity, flags and keys."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from services.kvdb.arguments import to_integer

if TYPE_CHECKING:
    from services.kvdb.clients import Client

Handler = Callable[["Client", list[bytes]], object]
"""Takes the client and the whole request (its name included); returns the reply, or raises."""


@dataclass(frozen=True, slots=True)
class KeySpec:
    """Where the keys stand in a request: every `step`-th argument from `first` to `last`.

    A negative `last` counts from the end. With `count_at` the keys follow a number that says
    how many they are (`ZUNION 2 a b`), and `first` to `last` are what stands before it. Behind
    the word STREAMS, all keys stand before all IDs (`XREAD COUNT 5 STREAMS a b 0 0`). Among the
    options from `options_at` on, STORE names one more key (`SORT a BY b* STORE c`).
    """

    first: int = 0
    last: int = 0
    step: int = 0
    count_at: int = 0
    is_behind_streams: bool = False
    options_at: int = 0

    def find(self, request: list[bytes]) -> Iterator[bytes]:
        """The keys of a request. Raises ValueError where the count among them is no number."""
        if self.first:
            last = self.last if self.last >= 0 else len(request) + self.last
            yield from request[self.first : last + 1 : self.step]
        if self.count_at:
            count = to_integer(request[self.count_at])
            if count is None or not 0 < count < len(request) - self.count_at:
                raise ValueError("invalid arguments")
            yield from request[self.count_at + 1 : self.count_at + 1 + count]
        if self.is_behind_streams:
            yield from _keys_behind_streams(request)
        if self.options_at:
            yield from _stored_key(request, self.options_at)


_WORDS_OF_OPTION = {b"BLOCK": 2, b"COUNT": 2, b"GROUP": 3, b"NOACK": 1}


def _keys_behind_streams(request: list[bytes]) -> list[bytes]:
    """Option by option, because a group may be called STREAMS, too."""
    at = 1
    while at < len(request) and (words := _WORDS_OF_OPTION.get(request[at].upper())):
        at += words
    if at >= len(request) - 1 or request[at].upper() != b"STREAMS":
        return []
    keys, odd = divmod(len(request) - at - 1, 2)
    return [] if odd else request[at + 1 : at + 1 + keys]


_WORDS_BEFORE_STORE = {b"LIMIT": 3, b"GET": 2, b"BY": 2, b"STORE": 2, b"STOREDIST": 2}


def _stored_key(request: list[bytes], at: int) -> list[bytes]:
    """Where the result goes: the last one that is named counts."""
    found: list[bytes] = []
    while at < len(request):
        word = request[at].upper()
        if word in (b"STORE", b"STOREDIST") and at + 1 < len(request):
            found = [request[at + 1]]
        at += _WORDS_BEFORE_STORE.get(word, 1)
    return found


NO_KEYS = KeySpec()


@dataclass(slots=True, eq=False)
class Command:
    """A command, or the subcommand of one (`client|id`)."""

    name: str
    handler: Handler
    arity: int
    """The number of words, the name included; negative for "at least so many"."""
    flags: frozenset[str]
    keys: KeySpec = NO_KEYS
    group: str = ""
    subcommands: dict[bytes, "Command"] = field(default_factory=dict)
    is_write: bool = False
    denies_oom: bool = False
    is_direct: bool = False
    """It needs no second look before it is called; the dispatcher says so."""
    is_timed: bool = False
    """It can take long enough for the slow log."""
    calls: int = 0
    rejected: int = 0
    """By a guard, before it was run."""
    failed: int = 0
    """While it ran."""
    total_s: float = 0
    """How long it has run all together; only where it is timed."""

    def __post_init__(self) -> None:
        self.is_write = "write" in self.flags
        self.denies_oom = "denyoom" in self.flags
        self.is_timed = not self.flags & {"fast", "brief"}

    def accepts(self, words: int) -> bool:
        """Whether a request may have so many words."""
        return words == self.arity if self.arity > 0 else words >= -self.arity
