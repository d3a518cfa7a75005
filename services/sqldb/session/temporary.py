"""Temporary tables: in a schema of the session's own, which goes with the session.

They are logged and stored as all tables are; what a crash leaves behind is dropped when the server
starts. # Real: pg_temp_N, whose tables are never logged
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.sqldb.catalog.definitions import Schema, Table

if TYPE_CHECKING:
    from services.sqldb.session.session import Session


class TemporaryObjects:
    """The temporary schema of one session."""

    def __init__(self, session: Session):
        self._session = session
        self.schema_name = ""

    def schema(self) -> Schema:
        """The schema, made when it is first needed."""
        session = self._session
        name = f"pg_temp_{session.pid}"
        view = session.lookup.view
        found = view.state.find("schema", 0, name)
        if not isinstance(found, Schema):
            found = Schema(view.new_oid(), name)
            view.put(found)
        self.schema_name = name
        return found

    def tables(self) -> list[Table]:
        if not self.schema_name:
            return []
        state = self._session.lookup.view.state
        schema = state.find("schema", 0, self.schema_name)
        if schema is None:
            return []
        return [one for one in state.all(Table) if one.schema_oid == schema.oid]

    def before_commit(self) -> None:
        """ON COMMIT DELETE ROWS, ON COMMIT DROP."""
        if not self.schema_name:
            return
        from services.sqldb.commands.dropping import drop_all

        session = self._session
        transaction = session.expect_transaction()
        dropped = []
        for table in self.tables():
            if table.on_commit == "delete":
                session.engine.storage.heap(table.storage_oid).truncate(transaction)
            elif table.on_commit == "drop":
                dropped.append(table)
        if dropped:
            drop_all(session, dropped, cascade=True)

    def drop_all(self) -> None:
        """DISCARD TEMP, and the end of the session: inside a transaction."""
        if not self.schema_name:
            return
        from services.sqldb.commands.dropping import drop_all

        session = self._session
        schema = session.lookup.view.state.find("schema", 0, self.schema_name)
        if schema is not None:
            drop_all(session, [schema], cascade=True)
            session.notices.clear()


def drop_lost(session: Session) -> None:
    """When the server starts: the temporary schemas of sessions that a crash has ended."""
    from services.sqldb.commands.dropping import drop_all

    state = session.lookup.view.state
    lost = [one for one in state.all(Schema) if one.name.startswith("pg_temp_")]
    if lost:
        drop_all(session, lost, cascade=True)
        session.notices.clear()
