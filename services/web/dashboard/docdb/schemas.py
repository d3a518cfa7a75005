"""What the API of the page takes and gives, as types: the OpenAPI document is made of them.

They check nothing; that is done where a request is understood. A document is extended JSON: as
text where a person has written it, as JSON where the page shows it.
"""

from typing import Any, Literal, NotRequired, TypedDict


class ListedCollection(TypedDict):
    name: str
    type: str
    count: int | None
    size_bytes: int | None
    indexes: int | None
    index_bytes: int | None
    is_capped: bool


class ListedDatabase(TypedDict):
    name: str
    collections: list[ListedCollection]


class Databases(TypedDict):
    """Everything there is, in the order of the alphabet."""

    databases: list[ListedDatabase]
    is_cut: bool


class DocumentPage(TypedDict):
    """Some documents, and how many match."""

    documents: list[dict[str, Any]]
    skip: int
    total: int | None


class NewDocument(TypedDict):
    document: str


class ChangedDocument(TypedDict):
    """The document as it was shown, and as it shall be."""

    before: str
    document: str


class OldDocument(TypedDict):
    before: str


class NewCollection(TypedDict):
    options: NotRequired[str]


class Index(TypedDict):
    name: str
    key: dict[str, Any]
    options: dict[str, Any]
    uses: int | None
    since: Any
    size_bytes: int | None


class Indexes(TypedDict):
    indexes: list[Index]


class NewIndex(TypedDict):
    key: str
    options: NotRequired[str]


class Query(TypedDict):
    """What the console runs or explains."""

    db: str
    collection: str
    kind: Literal["find", "aggregate"]
    filter: NotRequired[str]
    projection: NotRequired[str]
    sort: NotRequired[str]
    limit: NotRequired[int]
    pipeline: NotRequired[str]
    is_confirmed: NotRequired[bool]


class QueryResult(TypedDict, total=False):
    """Documents; or `asks`, the question whether it is meant."""

    documents: list[dict[str, Any]]
    has_more: bool
    elapsed_ms: float
    asks: str


class Plan(TypedDict):
    """A plan to be drawn; each stage stands above those that it reads from."""

    plan: dict[str, Any]
    rejected: list[dict[str, Any]]
    returned: int | None
    keys: int | None
    documents: int | None
    millis: int | None


class SlowOperations(TypedDict):
    operations: list[dict[str, Any]]


class Profile(TypedDict):
    """Which operations are noted: 0 none, 1 slow ones, 2 all, in `system.profile`."""

    level: int
    slow_ms: int
