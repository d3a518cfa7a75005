"""The columns that a command will give, before it is run: for Describe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.sqldb.session.results import ResultColumn
from services.sqldb.syntax import nodes
from services.sqldb.types import JSON, TEXT

if TYPE_CHECKING:
    from services.sqldb.session.session import Session


def command_columns(session: Session, node: object) -> tuple[ResultColumn, ...] | None:
    match node:
        case nodes.ShowSetting(name=None):
            return tuple(ResultColumn(name, TEXT) for name in ("name", "setting", "description"))
        case nodes.ShowSetting(name=name):
            return (ResultColumn(session.settings.name_of(name), TEXT),)
        case nodes.Explain(options=options):
            is_json = any(one.name == "format" and one.value == "json" for one in options)
            return (ResultColumn("QUERY PLAN", JSON if is_json else TEXT),)
        case nodes.Fetch(cursor=name, is_move=False):
            portal = session.portals.get(name)
            return None if portal is None else portal.result().columns
        case nodes.Execute(name=name):
            statement = session.prepared.get(name)
            return None if statement is None else statement.columns
    return None
