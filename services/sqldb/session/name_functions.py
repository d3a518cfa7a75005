"""to_regclass, current_schema, current_user: what names mean in a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.sqldb.catalog.system_catalog import text_array
from services.sqldb.functions import Definitions
from services.sqldb.session.parameters import SERVER_VERSION
from services.sqldb.values import Array

if TYPE_CHECKING:
    from services.sqldb.session.session import Session

define = Definitions()
_STABLE = {"context": True, "volatility": "s"}


@define.function("to_regclass(text) -> regclass", **_STABLE)
def to_regclass(session: Session, text: str) -> int | None:
    return session.object_oid("regclass", text)


@define.function("to_regtype(text) -> regtype", **_STABLE)
def to_regtype(session: Session, text: str) -> int | None:
    return session.object_oid("regtype", text)


@define.function("to_regnamespace(text) -> regnamespace", **_STABLE)
def to_regnamespace(session: Session, text: str) -> int | None:
    return session.object_oid("regnamespace", text)


@define.function("current_schema() -> name", **_STABLE)
def current_schema(session: Session) -> str | None:
    names = session.lookup.path_names(with_implicit=False)
    return names[0] if names else None


@define.function("current_schemas(bool) -> name[]", **_STABLE)
def current_schemas(session: Session, with_implicit: bool) -> Array:
    return text_array(session.lookup.path_names(with_implicit=with_implicit))


@define.function("current_database() -> name", "current_catalog() -> name", **_STABLE)
def current_database(session: Session) -> str:
    return session.database


@define.function("current_user() -> name", "current_role() -> name", "user() -> name", **_STABLE)
def current_user(session: Session) -> str:
    """Who SET ROLE has named, or else who the session belongs to."""
    return session.role.name


@define.function("session_user() -> name", **_STABLE)
def session_user(session: Session) -> str:
    return session.session_role.name


@define.function("version() -> text", **_STABLE)
def version(session: Session) -> str:
    return f"PostgreSQL {SERVER_VERSION} (Glassbox) in Python, 64-bit"
