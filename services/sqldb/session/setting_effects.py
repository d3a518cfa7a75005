"""What a setting does in its session as soon as it changes: it becomes an attribute.

Statements read attributes; looking a setting up by its name, and its text's value, costs more than
a short statement has to spend.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from services.sqldb.types.zones import find_zone

if TYPE_CHECKING:
    from services.sqldb.catalog.definitions import Role
    from services.sqldb.session.session import Session


def _apply_time_zone(session: Session, value: str) -> None:
    session.time_zone = find_zone(value)
    session.time_zone_name = value


def _apply_date_style(session: Session, value: str) -> None:
    style, order = value.split(", ")
    session.date_style, session.date_order = style, order


def _apply(
    attribute: str, convert: Callable[[str], object] = str
) -> Callable[[Session, str], None]:
    def apply(session: Session, value: str) -> None:
        setattr(session, attribute, convert(value))

    return apply


def _apply_lock_timeout(session: Session, value: str) -> None:
    session.backend.lock_timeout_s = int(value) / 1000


def _apply_deadlock_timeout(session: Session, value: str) -> None:
    session.backend.deadlock_timeout_s = int(value) / 1000


def _apply_search_path(session: Session, value: str) -> None:
    session.forget_lookup()


def _become(session: Session, role: Role) -> None:
    session.role = role
    session.forget_lookup()
    # While the session is being made there are no settings yet.
    settings = getattr(session, "settings", None)
    if settings is not None:
        settings.force("is_superuser", "on" if role.is_superuser else "off")


def _apply_role(session: Session, value: str) -> None:
    _become(session, session.session_role if value == "none" else session.named_roles[value])


def _apply_session_authorization(session: Session, value: str) -> None:
    session.session_role = session.named_roles[value]
    _become(session, session.session_role)


def _seconds(milliseconds: str) -> float:
    return int(milliseconds) / 1000


# They change with each transaction, and no plan depends on them.
OF_TRANSACTIONS = frozenset(("transaction_isolation", "transaction_read_only"))

EFFECTS: dict[str, Callable[[Session, str], None]] = {
    "timezone": _apply_time_zone,
    "datestyle": _apply_date_style,
    "intervalstyle": _apply("interval_style"),
    "bytea_output": _apply("bytea_output"),
    "extra_float_digits": _apply("extra_float_digits", int),
    "application_name": _apply("application_name"),
    "lock_timeout": _apply_lock_timeout,
    "deadlock_timeout": _apply_deadlock_timeout,
    "search_path": _apply_search_path,
    "role": _apply_role,
    "seed": lambda session, value: session.random.seed(float(value)),
    "session_authorization": _apply_session_authorization,
    "statement_timeout": _apply("statement_timeout_s", _seconds),
    "idle_session_timeout": _apply("idle_timeout_s", _seconds),
    "idle_in_transaction_session_timeout": _apply("idle_in_transaction_timeout_s", _seconds),
    "work_mem": _apply("work_mem_bytes", lambda kilobytes: int(kilobytes) * 1024),
    "synchronous_commit": _apply("synchronous_commit", lambda value: value != "off"),
}
