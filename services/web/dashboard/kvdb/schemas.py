"""What the API of the page takes and gives, as types: the OpenAPI document is made of them.

They check nothing; that is done where a request is understood (`routes`, `editing`, `console`).
"""

from typing import Any, Literal, NotRequired, TypedDict


class NamedKey(TypedDict):
    """How a key is shown and asked for."""

    key: str
    href: str
    is_exact: bool


class ListedKey(NamedKey):
    """A key in the list."""

    type: str
    ttl_ms: int | None
    memory_bytes: int | None


class KeyPage(TypedDict):
    """Some keys, and the cursor to go on from."""

    keys: list[ListedKey]
    cursor: str | None


class Text(TypedDict):
    """Bytes as a person reads them."""

    text: str
    is_binary: bool
    is_cut: bool


class Key(ListedKey):
    """A key with its value, or a page of it: what else there is depends on the type."""

    encoding: str | None
    size: int | None
    is_shown: NotRequired[bool]
    string: NotRequired[Text]
    distinct: NotRequired[int]
    columns: NotRequired[list[str]]
    rows: NotRequired[list[dict[str, Any]]]
    next: NotRequired[str | None]
    has_field_ttl: NotRequired[bool]
    groups: NotRequired[list[dict[str, Any]]]


class NewKey(TypedDict, total=False):
    """A string to set, or the elements of a key of another type."""

    type: Literal["string", "list", "set", "hash", "zset", "stream"]
    value: str
    elements: list[str | tuple[str, str]]
    ttl_s: float | None


class KeyChange(TypedDict, total=False):
    """A new time to live, null for none; or a new name."""

    ttl_s: float | None
    name: str


class ValueChange(TypedDict):
    """One action on a part of a value; which of the others it needs depends on the action."""

    action: str
    element: NotRequired[str]
    name: NotRequired[str]
    value: NotRequired[str]
    expected: NotRequired[str]
    side: NotRequired[Literal["left", "right"]]
    score: NotRequired[float | str]
    ttl_s: NotRequired[float | None]
    pairs: NotRequired[list[tuple[str, str]]]
    start: NotRequired[Literal["$", "0"]]


class ConsoleLine(TypedDict):
    """A command line; `is_confirmed` says that its effect is meant."""

    line: str
    db: NotRequired[int]
    is_confirmed: NotRequired[bool]


class SlowEntry(TypedDict):
    """A command that took long."""

    id: int
    at_ms: int
    duration_us: int
    words: list[str]
    client: str


class SlowLog(TypedDict):
    """The commands that took long, and from when on one is slow."""

    slower_than_us: int | None
    entries: list[SlowEntry]


class Client(TypedDict):
    """A connection of the server."""

    id: int | None
    address: str
    name: str
    library: str
    user: str
    db: int | None
    age_s: int | None
    idle_s: int | None
    flags: str
    command: str
    memory_bytes: int | None


class Clients(TypedDict):
    """The first connections, and how many there are."""

    count: int
    clients: list[Client]
