"""What a command's own fields say about how its filter is to be read: collation and `let`."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from services.docdb.bson.types import Date, Document
from services.docdb.errors import MongoError
from services.docdb.expressions.compiler import Scope, compile_expression
from services.docdb.expressions.logic import check_variable
from services.docdb.query.collation import Collation, key_of, parse_collation
from services.docdb.query.conditions import Condition
from services.docdb.query.filters import FilterContext, parse_filter
from services.docdb.query.metadata import VARIABLE, Metadata
from services.docdb.query.planner import Query
from services.docdb.query.text_condition import parse_text
from services.docdb.storage.collection import Collection

if TYPE_CHECKING:
    from services.docdb.engine import Engine


@dataclass(slots=True)
class QueryContext:
    """Collation, variables, and the scope that knows their names."""

    collation: Collation | None
    scope: Scope
    variables: dict[str, object]
    collection: Collection | None = None
    metadata: Metadata = field(default_factory=Metadata)

    @property
    def filters(self) -> FilterContext:
        return FilterContext(
            self.scope.key, self.scope, self._search, self.variables, self.metadata
        )

    def _search(self, operand: object) -> Condition:
        return parse_text(operand, self.collection, self.metadata)


def read_context(
    engine: "Engine", collection: Collection | None, collation: object, let: object = None
) -> QueryContext:
    """Raises MongoError."""
    parsed = parse_collation(collation)
    if collation in (None, {}) and collection is not None:
        parsed = collection.collation
    metadata = Metadata()
    variables: dict[str, object] = {"NOW": Date(engine.now_ms), VARIABLE: metadata}
    scope = Scope(key_of(parsed))
    if let is not None:
        if type(let) is not dict:
            raise MongoError(14, "BSON field 'let' is the wrong type, expected type 'object'")
        for name, value in let.items():
            check_variable(name)
            variables[name] = compile_expression(value, scope)({}, variables)
        scope = scope.with_names(*let)
    return QueryContext(parsed, scope, variables, collection, metadata)


def plain_query(
    filters: Document,
    context: QueryContext,
    hint: object = None,
    wanted: frozenset[str] | None = None,
) -> Query:
    """The query of a command that has no order; `wanted` are the paths that it looks at."""
    condition = parse_filter(filters, context.filters)
    return Query(condition, None, context.collation, hint, wanted, metadata=context.metadata)
