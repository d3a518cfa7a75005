"""What the API of the page takes and gives, as types: the OpenAPI document is made of them.

They check nothing; that is done where a request is understood. Values of rows are PostgreSQL's
text forms; null is NULL.
"""

from typing import Any, Literal, NotRequired, TypedDict


class SchemaEntry(TypedDict):
    """A table, view, sequence or type."""

    name: str
    kind: str
    rows: int | None
    bytes: int | None


class Schema(TypedDict):
    name: str
    entries: list[SchemaEntry]


class Schemas(TypedDict):
    """Everything that people have defined, in the order of the alphabet."""

    schemas: list[Schema]
    is_cut: bool


class Relation(TypedDict):
    """One of them; a table has all parts, the others some."""

    schema: str
    name: str
    kind: str
    comment: NotRequired[str]
    columns: NotRequired[list[dict[str, Any]]]
    constraints: NotRequired[list[dict[str, Any]]]
    indexes: NotRequired[list[dict[str, Any]]]
    definition: NotRequired[str]
    labels: NotRequired[list[str]]
    facts: NotRequired[dict[str, str | None]]
    counts: NotRequired[dict[str, int | None]]
    rows: NotRequired[int | None]
    bytes: NotRequired[int | None]
    index_bytes: NotRequired[int | None]


class Run(TypedDict):
    """Statements to be run; `run` is an id of the caller's, by which they can be cancelled."""

    sql: str
    limit: NotRequired[int]
    is_confirmed: NotRequired[bool]
    run: NotRequired[str]


class RunResult(TypedDict, total=False):
    """What each statement has given, up to the first error; or `asks`, whether it is meant."""

    results: list[dict[str, Any]]
    not_run: int
    is_read_only: bool
    is_left_open: bool
    asks: str


class Explain(TypedDict):
    """The statement at `position` of the text is explained."""

    sql: str
    position: NotRequired[int]
    is_analyzed: NotRequired[bool]
    is_confirmed: NotRequired[bool]
    run: NotRequired[str]


class Plan(TypedDict, total=False):
    """A plan to be drawn; each node stands above those that it reads from."""

    plan: dict[str, Any]
    planning_ms: float | None
    execution_ms: float | None
    is_analyzed: bool
    error: dict[str, Any]
    asks: str


class CancelledRun(TypedDict):
    run: str


class Activity(TypedDict):
    sessions: list[dict[str, Any]]
    locks: list[dict[str, Any]]
    is_cut: bool


class Interruption(TypedDict):
    pid: int
    action: Literal["cancel", "terminate"]
