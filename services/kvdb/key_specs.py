"""Key specifications: which words of a request are keys, and what the command does with them.

    BLMOVE from to LEFT RIGHT 0      two: the word at 1 (read, and deleted from), the word at 2
    MSET a 1 b 2                     one: from 1 to the end, each second word
    ZUNION 2 a b WEIGHTS 1 2         one: the word at 1 says how many follow
    XREAD COUNT 5 STREAMS a b 0 0    one: behind STREAMS, the first half of what is left
    SORT a BY w_* STORE b            three: the word at 1, what a pattern names, and behind STORE

A specification says where to begin (at a place, or behind a word), which of the words from there
on are keys, and what happens to them: its `access`, as `key_access` lists it for each command.
The table in `commands` gives each command its specifications; the ACL asks them which keys a
request touches, client-side caching which it has read, and COMMAND INFO shows them to clients,
so that a proxy or a cluster client can find the keys of commands that it has never heard of.
# Real: keySpec and getKeysUsingKeySpecs() in Redis.

Two things are safer than in Redis. Options are walked one by one, so a value that happens to be
called STREAMS or STORE is not taken for the word. And a range for which the request is too short
has no keys, while those of the other specifications still count.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from services.kvdb.arguments import to_integer

Access = tuple[str, ...]
"""What is done with keys, such as `("RW", "access", "delete")`."""

Shape = tuple[str, dict[str, int | str]]
"""How COMMAND INFO shows one half of a specification: its type, and its numbers."""

UNKNOWN: Shape = ("unknown", {})


@dataclass(frozen=True, slots=True)
class KeySpec:
    """Keys that are found by one rule, and treated alike. This one is never found."""

    access: Access = field(default=(), kw_only=True)

    def positions(self, request: list[bytes]) -> Iterable[int]:
        """Where the keys stand. Raises ValueError where the request does not say."""
        return ()

    def shapes(self) -> tuple[Shape, Shape]:
        """Where the search begins, and how it goes on."""
        return UNKNOWN, UNKNOWN


@dataclass(frozen=True, slots=True)
class Range(KeySpec):
    """Each `step`-th word from `first` to `last`, which counts from the first, or from the end."""

    first: int
    last: int = 0
    step: int = 1

    def positions(self, request: list[bytes]) -> Iterable[int]:
        last = self.first + self.last if self.last >= 0 else len(request) + self.last
        return range(self.first, min(last + 1, len(request)), self.step)

    def shapes(self) -> tuple[Shape, Shape]:
        return ("index", {"index": self.first}), _range_shape(self.last, self.step)


def _range_shape(last: int = 0, step: int = 1, limit: int = 0) -> Shape:
    return "range", {"lastkey": last, "keystep": step, "limit": limit}


@dataclass(frozen=True, slots=True)
class Counted(KeySpec):
    """The keys follow a number at `at`, which says how many they are."""

    at: int

    def positions(self, request: list[bytes]) -> Iterable[int]:
        count = to_integer(request[self.at]) if self.at < len(request) else None
        first = self.at + 1
        if count is None or not 0 < count <= len(request) - first:
            raise ValueError("there are not so many keys")
        return range(first, first + count)

    def shapes(self) -> tuple[Shape, Shape]:
        return (
            ("index", {"index": self.at}),
            ("keynum", {"keynumidx": 0, "firstkey": 1, "keystep": 1}),
        )


_WORDS_OF_OPTION = {
    b"BLOCK": 2,
    b"COUNT": 2,
    b"GROUP": 3,
    b"LIMIT": 3,
    b"GET": 2,
    b"BY": 2,
    b"STORE": 2,
    b"STOREDIST": 2,
}
"""How many words belong to an option, its own name included; to all others, one."""


@dataclass(frozen=True, slots=True)
class Streams(KeySpec):
    """The keys of XREAD: behind the word STREAMS all keys stand before all IDs."""

    shown_start: int
    """From where on others should look for the word."""

    def positions(self, request: list[bytes]) -> Iterable[int]:
        at = 1
        while at < len(request) and (word := request[at].upper()) != b"STREAMS":
            at += _WORDS_OF_OPTION.get(word, 1)
        first = at + 1
        return range(first, first + max(len(request) - first, 0) // 2)

    def shapes(self) -> tuple[Shape, Shape]:
        begin = {"keyword": "STREAMS", "startfrom": self.shown_start}
        return ("keyword", begin), _range_shape(last=-1, limit=2)


@dataclass(frozen=True, slots=True)
class Stored(KeySpec):
    """The key behind a word among the options from `start` on; the last one that is named."""

    word: bytes
    start: int
    is_shown: bool = True
    """Whether others could find it by looking for the word alone."""

    def positions(self, request: list[bytes]) -> Iterable[int]:
        at, found = self.start, ()
        while at < len(request):
            word = request[at].upper()
            if word == self.word and at + 1 < len(request):
                found = (at + 1,)
            at += _WORDS_OF_OPTION.get(word, 1)
        return found

    def shapes(self) -> tuple[Shape, Shape]:
        if not self.is_shown:
            return UNKNOWN, UNKNOWN
        return (
            ("keyword", {"keyword": self.word.decode(), "startfrom": self.start}),
            _range_shape(),
        )


# The specifications of one command.


@dataclass(frozen=True, slots=True)
class Keys:
    """All specifications of one command."""

    specs: tuple[KeySpec, ...] = ()
    refine: Callable[[list[bytes]], Access] | None = None
    """For the few commands whose options decide what happens to their key."""

    def references(self, request: list[bytes]) -> list[tuple[int, Access]]:
        """The position of each key, with its access; none where the request makes no sense."""
        found = []
        try:
            for spec in self.specs:
                if spec.access != NOT_KEY:
                    access = self.refine(request) if self.refine else spec.access
                    found += [(position, access) for position in spec.positions(request)]
        except ValueError:
            return []
        return found

    def find(self, request: list[bytes]) -> list[bytes]:
        """The keys of a request."""
        return [request[position] for position, _ in self.references(request)]

    def with_access(self, accesses: tuple[Access, ...]) -> "Keys":
        """The same, each specification with its access."""
        specs = zip(self.specs, accesses, strict=True)
        return replace(self, specs=tuple(replace(spec, access=it) for spec, it in specs))

    def __bool__(self) -> bool:
        """Whether there may be any keys."""
        return any(spec.access != NOT_KEY for spec in self.specs)

    # In the words of older servers.

    def legacy_range(self) -> tuple[int, int, int]:
        """First, last and step, as clients knew them before there were specifications.

        The ranges as far as they follow each other; # Real: populateCommandLegacyRangeSpec()
        """
        if len(self.specs) == 1 and isinstance(self.specs[0], Range):
            only = self.specs[0]
            return only.first, _absolute(only), only.step
        joined = _joined(self.specs)
        return (joined[0].first, _absolute(joined[-1]), 1) if joined else (0, 0, 0)

    @property
    def is_movable(self) -> bool:
        """Whether `legacy_range` does not tell all."""
        joined = _joined(self.specs)
        is_single = len(self.specs) == 1 and isinstance(self.specs[0], Range)
        return not is_single and len(joined) < len(self.specs)


NOT_KEY: Access = ("not_key",)
"""A word that is none, though a cluster sends the request where a key of that name would be."""

NO_KEYS = Keys()


def _joined(specs: tuple[KeySpec, ...]) -> list[Range]:
    """The ranges that follow each other without a gap, from the first one on."""
    joined: list[Range] = []
    for spec in specs:
        is_plain = isinstance(spec, Range) and spec.step == 1
        if is_plain and (not joined or _absolute(joined[-1]) == spec.first - 1):
            joined.append(spec)
    return joined


def _absolute(spec: Range) -> int:
    return spec.first + spec.last if spec.last >= 0 else spec.last
