"""What an index is over, as expressions: its keys, and the predicate of a partial one.

    CREATE INDEX ON users (lower(name)) WHERE NOT is_gone

The catalog has the texts "lower(name)" and "NOT is_gone". Bound to the table's columns and folded
as a query's are, they can be compared with parts of a query: an expression index is used where the
query has the same expression, a partial one where its conditions imply the predicate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.sqldb.catalog.definitions import Index, Table
from services.sqldb.optimizer.folding import fold_one
from services.sqldb.plan import expressions as ex
from services.sqldb.plan.analysis import rewrite

if TYPE_CHECKING:
    from services.sqldb.session.session import Session

TABLE_RELATION = 1
"""The relation whose columns stand in a form before it is put over one of a statement."""


@dataclass(frozen=True, slots=True)
class IndexForm:
    """One expression for each key; `predicate` None: the index has all rows."""

    keys: tuple[ex.Expression, ...]
    predicate: ex.Expression | None = None

    def over(self, relation: int) -> IndexForm:
        def change(part: ex.Expression) -> ex.Expression:
            if isinstance(part, ex.Column):
                return ex.Column(part.type, relation, part.index, part.name, part.typmod)
            return part

        predicate = self.predicate
        return IndexForm(
            tuple([rewrite(key, change) for key in self.keys]),
            None if predicate is None else rewrite(predicate, change),
        )


def plain_form(index: Index, types: list) -> IndexForm:
    """The form of an index on columns for all rows; `types` of the table's columns."""
    return IndexForm(
        tuple([ex.Column(types[key.column], TABLE_RELATION, key.column) for key in index.keys])
    )


def form_of(session: Session, table: Table, index: Index) -> IndexForm:
    """Bind what the catalog has as text; kept as long as the definitions mean the same."""
    known = session.lookup.index_forms.get(index.oid)
    if known is None:
        known = session.lookup.index_forms[index.oid] = _bound(session, table, index)
    return known


def _bound(session: Session, table: Table, index: Index) -> IndexForm:
    # Imported late: commands themselves fold and compile.
    from services.sqldb.commands.row_expressions import row_expression
    from services.sqldb.types import BOOL

    lookup = session.lookup
    keys: list[ex.Expression] = []
    for key in index.keys:
        if key.column >= 0:
            column = table.columns[key.column]
            type_ = lookup.types.by_oid(column.type_oid)
            keys.append(ex.Column(type_, TABLE_RELATION, key.column, column.name, column.typmod))
        else:
            keys.append(rewrite(row_expression(session, lookup, table, key.expression), fold_one))
    predicate = None
    if index.predicate:
        condition = row_expression(session, lookup, table, index.predicate, BOOL)
        predicate = rewrite(condition, fold_one)
    return IndexForm(tuple(keys), predicate)
