"""Plans that leave nothing to choose: only a text index answers `$text`, a geospatial one `$near`.

Fields that stand before the text or the place in the index have to be fixed by the query.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from services.docdb.bson.types import Document
from services.docdb.errors import MongoError
from services.docdb.query.bounds import fields_by_path
from services.docdb.query.collation import Collation
from services.docdb.query.conditions import And, Condition, Field
from services.docdb.query.geo_conditions import Near
from services.docdb.query.implication import implies
from services.docdb.query.intervals import intervals_of_condition
from services.docdb.query.metadata import Metadata
from services.docdb.query.near_plan import NearScan
from services.docdb.query.plans import Plan
from services.docdb.query.sorting import SortOrder
from services.docdb.query.text_condition import TextCondition
from services.docdb.query.text_plan import TextScan
from services.docdb.storage.collection import Collection
from services.docdb.storage.index import Index


@dataclass(slots=True)
class Query:
    """What the planner has to know of a query."""

    condition: And
    sort: SortOrder | None = None
    collation: Collation | None = None
    hint: object = None
    wanted: frozenset[str] | None = None
    """The paths that are shown, where that is not all: an index may have them in its keys."""
    low: Document | None = None
    high: Document | None = None
    """`min` and `max` of find: the bounds of the hinted index, said outright."""
    metadata: Metadata = field(default_factory=Metadata)


def holds_all(index: Index, query: Query) -> bool:
    """Whether all that the query can find is in the index."""
    return index.partial_condition is None or implies(query.condition, index.partial_condition)


def special_condition(query: Query) -> Condition | None:
    """The `$near` or `$text` of a query."""
    for condition in _top_level(query.condition):
        if type(condition) is TextCondition:
            return condition
        if type(condition) is Field and type(condition.operand) is Near:
            return condition
    return None


def _top_level(condition: And) -> Iterator[Condition]:
    for child in condition.children:
        if type(child) is And:
            yield from _top_level(child)
        else:
            yield child


def special_plan(collection: Collection, query: Query) -> Plan | None:
    condition = special_condition(query)
    if condition is None:
        return None
    if type(condition) is TextCondition:
        return text_plan(query)
    return near_plan(collection, query, condition)


def text_plan(query: Query) -> TextScan | None:
    """The plan of a query with `$text`. Raises MongoError."""
    condition = special_condition(query)
    if type(condition) is not TextCondition:
        return None
    index = condition.index
    paths = list(index.pattern)
    prefix = _prefixes(index, paths[: paths.index("_fts")], query)
    if prefix is None or len(prefix) != 1 or not holds_all(index, query):
        raise MongoError(
            291,
            "error processing query: planner returned error :: caused by :: failed to use text "
            "index to satisfy $text query (if text index is compound, are equality predicates "
            "given for all prefix fields?)",
        )
    return TextScan(condition, prefix[0])


def near_plan(collection: Collection, query: Query, condition: Field) -> NearScan:
    """The plan of a query with `$near`. Raises MongoError."""
    near: Near = condition.operand
    kinds = ("2dsphere",) if near.is_geojson else ("2dsphere", "2d") if near.is_sphere else ("2d",)
    for kind in kinds:
        for index in collection.indexes.values():
            if index.is_hidden or index.pattern.get(condition.path) != kind:
                continue
            paths = list(index.pattern)
            prefixes = _prefixes(index, paths[: paths.index(condition.path)], query)
            if prefixes is not None and holds_all(index, query):
                return NearScan(index, condition.path, near, query.metadata, prefixes)
    raise MongoError(291, f"error processing query: ns={collection.namespace} planner returned "
                     "error :: caused by :: unable to find index for $geoNear query")  # fmt: skip


def _prefixes(index: Index, paths: list[str], query: Query) -> list[tuple] | None:
    """The beginnings of keys in which these paths have the values that the query fixes them to."""
    fields = fields_by_path(query.condition.children)
    prefixes: list[tuple] = [()]
    for place, path in enumerate(paths):
        found = None
        for condition in fields.get(path, []):
            if condition.operator in ("$eq", "$in"):
                found = intervals_of_condition(
                    condition, index.key, has_collation=index.collation is not None
                )
        if found is None:
            return None
        points = [index.extractor.part(interval.low, place) for interval in found]
        prefixes = [(*prefix, point) for prefix in prefixes for point in points]
    return prefixes
