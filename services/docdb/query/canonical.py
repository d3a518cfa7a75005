"""Filters as `explain` shows them: in one form, whatever the client has written.

    {a: 5, b: {$gt: 1, $lt: 9}}   ─▶   {$and: [{a: {$eq: 5}}, {b: {$lt: 9}}, {b: {$gt: 1}}]}

# Real: MatchExpression::serialize() after CanonicalQuery::normalizeTree()
"""

from services.docdb.bson.types import Document, Regex
from services.docdb.query.comparison import equal
from services.docdb.query.conditions import Field
from services.docdb.query.field_filters import is_operators

_ORDER = ["$and", "$or", "$elemMatch", "$size", "$eq", "$lte", "$lt", "$gt", "$gte", "$regex",
          "$mod", "$exists", "$in", "$bitsAllSet", "$bitsAllClear", "$bitsAnySet",
          "$bitsAnyClear", "$not", "$nor", "$type", "$geoWithin", "$geoIntersects", "$near",
          "$where", "$expr", "$text"]  # fmt: skip


def canonical(query: Document) -> Document:
    """The filter in its one form."""
    return joined(clauses(query))


def joined(parts: list[Document]) -> Document:
    ordered = sorted(parts, key=_place)
    if len(ordered) > 1:
        return {"$and": ordered}
    return ordered[0] if ordered else {}


def clauses(query: Document) -> list[Document]:
    """What has to hold, one condition in each."""
    found: list[Document] = []
    for name, operand in query.items():
        if name == "$and":
            for inner in operand:
                found += clauses(inner)
        elif name in ("$or", "$nor"):
            inner = sorted(map(canonical, operand), key=_place)
            is_single = name == "$or" and len(inner) == 1
            found += clauses(inner[0]) if is_single else [{name: inner}]
        elif name == "$comment":
            continue
        elif name.startswith("$"):
            found.append({name: operand})
        else:
            found += _of_field(name, operand)
    return found


def _of_field(path: str, operand: object) -> list[Document]:
    if type(operand) is Regex:
        return [{path: {"$regex": operand}}]
    if not is_operators(operand):
        return [{path: {"$eq": operand}}]
    found: list[Document] = []
    for name, value in operand.items():
        if name == "$ne":
            found.append({path: {"$not": {"$eq": value}}})
        elif name == "$nin":
            found.append({path: {"$not": {"$in": value}}})
        elif name == "$regex" and "$options" in operand:
            found.append({path: {"$regex": value, "$options": operand["$options"]}})
        elif name == "$in" and type(value) is list and len(value) == 1:
            found.append({path: {"$eq": value[0]}})
        elif name not in ("$options", "$comment"):
            found.append({path: {name: value}})
    return found


def _place(clause: Document) -> tuple[int, str]:
    name, operand = next(iter(clause.items()), ("", None))
    operator = name if name.startswith("$") else next(iter(operand))
    place = _ORDER.index(operator) if operator in _ORDER else len(_ORDER)
    return place, name


def beside(query: Document, said: list[Field]) -> Document:
    """What of a filter the bounds of an index do not say: it is held against the documents."""
    left = [clause for clause in clauses(query) if not any(_is_of(clause, it) for it in said)]
    return joined(left)


def _is_of(clause: Document, field: Field) -> bool:
    """Whether a clause is what has become this condition."""
    path, operand = next(iter(clause.items()))
    if path != field.path:
        return False
    name, value = next(iter(operand.items()))
    if name == "$regex" and type(value) is str:
        value = Regex(value, operand.get("$options", ""))
    wanted, operator = field.operand, field.operator
    if operator == "$in" and len(wanted) == 1:
        operator, wanted = "$eq", wanted[0]
    return name == operator and type(value) is type(wanted) and equal(value, wanted)


def is_rooted_or(query: Document) -> bool:
    """Whether a filter is one `$or` and nothing else: its clauses are planned one by one."""
    return list(canonical(query)) == ["$or"]
