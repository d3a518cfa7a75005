"""Settings, other sessions, notifications and advisory locks as functions."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from services.sqldb.catalog.system_catalog import text_array
from services.sqldb.functions import Definitions
from services.sqldb.session.permissions import check_role_setting
from services.sqldb.transactions.lock_modes import LockMode
from services.sqldb.values import Array

if TYPE_CHECKING:
    from services.sqldb.session.session import Session

define = Definitions()
_STABLE = {"context": True, "volatility": "s"}
_VOLATILE = {"context": True, "volatility": "v"}


# Settings.


@define.function("current_setting(text) -> text", "current_setting(text, bool) -> text", **_STABLE)
def current_setting(session: Session, name: str, missing_ok: bool = False) -> str | None:
    if missing_ok and not session.settings.is_known(name):
        return None
    return session.settings.show(name)


@define.function("set_config(text, text, bool) -> text", strict=False, **_VOLATILE)
def set_config(session: Session, name: str, value: str | None, is_local: bool) -> str:
    if name.lower() in ("role", "session_authorization") and value is not None:
        check_role_setting(session, name.lower(), value)
    session.settings.set(name, value, bool(is_local))
    return session.settings.show(name)


# Sessions.


@define.function("pg_backend_pid() -> int4", **_STABLE)
def pg_backend_pid(session: Session) -> int:
    return session.pid


@define.function("pg_cancel_backend(int4) -> bool", **_VOLATILE)
def pg_cancel_backend(session: Session, pid: int) -> bool:
    other = session.engine.sessions.get(pid)
    if other is None:
        session.warn("01000", f"PID {pid} is not a PostgreSQL backend process")
        return False
    other.cancel()
    return True


@define.function("pg_terminate_backend(int4) -> bool", **_VOLATILE)
def pg_terminate_backend(session: Session, pid: int) -> bool:
    other = session.engine.sessions.get(pid)
    if other is None:
        session.warn("01000", f"PID {pid} is not a PostgreSQL backend process")
        return False
    other.terminate()
    other.disconnect()
    return True


@define.function("pg_sleep(float8) -> void", **_VOLATILE)
def pg_sleep(session: Session, seconds: float) -> str:
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        session.interrupts.wait(end_s)
    return ""


@define.function("pg_blocking_pids(int4) -> int4[]", **_VOLATILE)
def pg_blocking_pids(session: Session, pid: int) -> Array:
    other = session.engine.sessions.get(pid)
    if other is None:
        return text_array([])
    locks = session.engine.transactions.locks
    return text_array([backend.pid for backend in locks.blockers_of(other.backend)])


@define.function("pg_notify(text, text) -> void", strict=False, **_VOLATILE)
def pg_notify(session: Session, channel: str | None, payload: str | None) -> str:
    from services.sqldb.commands.notifications import send_notification

    send_notification(session, channel or "", payload or "")
    return ""


@define.function("pg_listening_channels() -> setof text", **_VOLATILE)
def pg_listening_channels(session: Session) -> list[str]:
    return sorted(session.channels)


@define.function("pg_is_in_recovery() -> bool", **_STABLE)
def pg_is_in_recovery(session: Session) -> bool:
    return False


@define.function("pg_postmaster_start_time() -> timestamptz", **_STABLE)
def pg_postmaster_start_time(session: Session) -> int:
    return int(session.engine.vitals.started_at_s * 1_000_000) - 946_684_800_000_000


@define.function("txid_current() -> int8", "pg_current_xact_id() -> xid8", **_STABLE)
def txid_current(session: Session) -> int:
    return session.expect_transaction().assign_xid()


@define.function("inet_server_port() -> int4", **_STABLE)
def inet_server_port(session: Session) -> int:
    return session.engine.settings.port


# Advisory locks: a number, or two.


def _tag(first: int, second: int | None) -> tuple:
    if second is None:
        return "advisory", (first >> 32) & 0xFFFFFFFF, first & 0xFFFFFFFF, 1
    return "advisory", first & 0xFFFFFFFF, second & 0xFFFFFFFF, 2


def _define_advisory(name: str, result: str, run: object) -> None:
    define.function(f"{name}(int8) -> {result}", f"{name}(int4, int4) -> {result}", **_VOLATILE)(
        run
    )


def _session_lock(mode: LockMode, *, waits: bool) -> object:
    def lock(session: Session, first: int, second: int | None = None) -> object:
        locks = session.engine.transactions.locks
        is_taken = locks.acquire(session.backend, _tag(first, second), mode, waits=waits)
        if is_taken:
            session.advisory_locks.append((_tag(first, second), mode))
        return "" if waits else is_taken

    return lock


def _transaction_lock(mode: LockMode, *, waits: bool) -> object:
    def lock(session: Session, first: int, second: int | None = None) -> object:
        is_taken = session.expect_transaction().lock(_tag(first, second), mode, waits=waits)
        return "" if waits else is_taken

    return lock


def _unlock(mode: LockMode) -> object:
    def unlock(session: Session, first: int, second: int | None = None) -> bool:
        key = (_tag(first, second), mode)
        if key not in session.advisory_locks:
            session.warn("01000", f"you don't own a lock of type {mode.name.title()}Lock")
            return False
        session.advisory_locks.remove(key)
        session.engine.transactions.locks.release(session.backend, *key)
        return True

    return unlock


for _suffix, _mode in (("", LockMode.EXCLUSIVE), ("_shared", LockMode.SHARE)):
    for _prefix, _waits, _result in (
        ("pg_advisory", True, "void"),
        ("pg_try_advisory", False, "bool"),
    ):
        _define_advisory(f"{_prefix}_lock{_suffix}", _result, _session_lock(_mode, waits=_waits))
        _define_advisory(
            f"{_prefix}_xact_lock{_suffix}", _result, _transaction_lock(_mode, waits=_waits)
        )
    _define_advisory(f"pg_advisory_unlock{_suffix}", "bool", _unlock(_mode))


@define.function("pg_advisory_unlock_all() -> void", **_VOLATILE)
def pg_advisory_unlock_all(session: Session) -> str:
    session.release_advisory_locks()
    return ""
