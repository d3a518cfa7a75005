"""SET, RESET, SHOW and DISCARD."""

from __future__ import annotations

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.session.permissions import check_role_setting
from services.sqldb.session.results import Result, ResultColumn
from services.sqldb.session.session import BlockState, Session
from services.sqldb.syntax import nodes
from services.sqldb.types import TEXT


def set_setting(session: Session, node: nodes.SetSetting) -> Result:
    is_local = node.scope is nodes.SetScope.LOCAL
    if is_local and session.block is not BlockState.BLOCK:
        session.warn("25P01", "SET LOCAL can only be used in transaction blocks")
    name = node.name.lower()
    if name in ("transaction_isolation", "transaction_read_only"):
        return _set_transaction_setting(session, name, node)
    if name in ("role", "session_authorization"):
        return _set_role(session, name, node)
    if not node.from_current:
        session.settings.set(node.name, _text_of(node), is_local)
    return Result("SET")


def _set_role(session: Session, name: str, node: nodes.SetSetting) -> Result:
    """Raises SqlError 22023, 42501."""
    is_local = node.scope is nodes.SetScope.LOCAL
    wanted = _text_of(node)
    if wanted is None:
        wanted = "none" if name == "role" else session.login_role.name
    check_role_setting(session, name, wanted)
    if name == "session_authorization":
        session.settings.set("role", "none", is_local)
    session.settings.set(name, wanted, is_local)
    return Result("SET")


def _set_transaction_setting(session: Session, name: str, node: nodes.SetSetting) -> Result:
    from services.sqldb.commands.transactions import set_modes

    value = _text_of(node)
    if value is None:
        value = session.settings[f"default_{name}"]
    if name == "transaction_isolation":
        set_modes(session, nodes.TransactionModes(isolation=value.lower()))
    else:
        is_on = value.lower() in ("on", "true", "yes", "1")
        set_modes(session, nodes.TransactionModes(read_only=is_on))
    return Result("SET")


def _text_of(node: nodes.SetSetting) -> str | None:
    """The value as one text; None: DEFAULT."""
    if node.values is None:
        return None
    parts = [_one_text(node, value) for value in node.values]
    if None in parts:
        return None
    if node.name.lower() == "search_path":
        return ", ".join(_quoted(part) for part in parts)
    return ", ".join(parts)


def _one_text(node: nodes.SetSetting, value: object) -> str | None:
    match value:
        case None:
            return None
        case bool():
            return "on" if value else "off"
        case int():
            # SET TIME ZONE -5: hours.
            return _hours(value) if node.name.lower() == "timezone" else str(value)
        case nodes.Cast():
            raise SqlError(errors.FEATURE_NOT_SUPPORTED, "SET TIME ZONE INTERVAL is not supported")
    return str(value)


def _hours(hours: int) -> str:
    # POSIX counts the hours that are missing to UTC.
    return f"<{hours:+03d}>{-hours:+03d}"


def _quoted(name: str) -> str:
    is_plain = name.replace("_", "a").isalnum() and name == name.lower() and not name[0].isdigit()
    return name if is_plain else '"' + name.replace('"', '""') + '"'


def reset_setting(session: Session, node: nodes.ResetSetting) -> Result:
    if node.name is None:
        session.settings.reset_all()
    else:
        if node.name.lower() == "session_authorization":
            session.settings.set("role", None)
        session.settings.set(node.name, None)
    return Result("RESET")


def show_setting(session: Session, node: nodes.ShowSetting) -> Result:
    if node.name is None:
        columns = tuple(ResultColumn(name, TEXT) for name in ("name", "setting", "description"))
        return Result("SHOW", columns, session.settings.rows())
    if node.name == "glassbox.health":
        value = session.engine.health()
        return Result("SHOW", (ResultColumn("glassbox.health", TEXT),), [(value,)])
    value = session.settings.show(node.name)
    return Result("SHOW", (ResultColumn(session.settings.name_of(node.name), TEXT),), [(value,)])


def discard(session: Session, node: nodes.Discard) -> Result:
    if node.what == "all":
        if session.block is BlockState.BLOCK:
            message = "DISCARD ALL cannot run inside a transaction block"
            raise SqlError(errors.ACTIVE_SQL_TRANSACTION, message)
        session.reset()
    elif node.what == "temp":
        session.temporary.drop_all()
    elif node.what == "sequences":
        session.sequence_values.clear()
    return Result(f"DISCARD {node.what.upper()}")
