"""Specifications of indexes: what a client says of one is checked, and put into its stored form.

{key: {title: "text", city: 1}, weights: {title: 5}}

─▶ {key: {_fts: "text", _ftsx: 1, city: 1}, weights: {title: 5}, default_language: "english", …}
"""

from decimal import Decimal

from services.docdb.bson import extended_json
from services.docdb.bson.types import Document
from services.docdb.errors import MongoError
from services.docdb.expressions.numbers import is_number
from services.docdb.query.collation import parse_collation
from services.docdb.query.filters import parse_filter
from services.docdb.query.implication import check_expression
from services.docdb.query.projection import parse_projection
from services.docdb.storage.index import GEO_KINDS, IndexKind, kind_of
from services.docdb.storage.wildcard_keys import WILDCARD
from services.docdb.text.languages import find_language

_KINDS = frozenset({"hashed", "text", *GEO_KINDS})
_OPTIONS = frozenset(
    [
        "v",
        "key",
        "name",
        "unique",
        "sparse",
        "background",
        "expireAfterSeconds",
        "partialFilterExpression",
        "collation",
        "hidden",
        "ns",
        "storageEngine",
        "dropDups",
        "prepareUnique",
        "clustered",
        "weights",
        "default_language",
        "language_override",
        "textIndexVersion",
        "2dsphereIndexVersion",
        "bits",
        "min",
        "max",
        "wildcardProjection",
        "bucketSize",
    ]
)


def takes_collation(pattern: Document) -> bool:
    """Whether the collation of its collection is that of an index too."""
    return not {"text", *GEO_KINDS} & set(map(str, pattern.values()))


def parse_spec(spec: object) -> Document:
    """A specification as it is stored. Raises MongoError."""
    if type(spec) is not dict:
        raise MongoError(14, "The elements of the 'indexes' array must be objects")
    for name in spec:
        if name not in _OPTIONS:
            raise MongoError(197, f"Error in specification {spec} :: caused by :: The field "
                             f"'{name}' is not valid for an index specification.")  # fmt: skip
    pattern = spec.get("key")
    if type(pattern) is not dict:
        raise MongoError(9, "The 'key' field is a required property of an index specification")
    if not pattern:
        raise MongoError(67, "Index keys cannot be an empty object")
    if "name" not in spec:
        raise MongoError(9, "The 'name' field is a required property of an index specification")
    if type(spec["name"]) is not str:
        raise MongoError(14, "The field 'name' must be a string")
    if not spec["name"] or spec["name"] == "*":
        raise MongoError(67, f"The index name '{spec['name']}' is not valid.")
    for path, kind in pattern.items():
        _check_part(path, kind)
    _check_kinds(spec)
    _check_options(spec)
    stored: Document = {"v": 2, "key": pattern, "name": spec["name"]}
    for name, value in spec.items():
        if name in ("v", "key", "name", "ns", "dropDups"):
            continue
        if name in ("unique", "sparse", "hidden"):
            if value:
                stored[name] = True
        elif name == "collation":
            collation = parse_collation(value)
            if collation:
                stored[name] = collation.document
        else:
            stored[name] = value
    kinds = set(map(str, pattern.values()))
    if "text" in kinds:
        return _text_spec(stored)
    if "2dsphere" in kinds:
        stored.setdefault("2dsphereIndexVersion", 3)
    return stored


def _check_part(path: str, kind: object) -> None:
    if not path:
        raise MongoError(67, "Index keys cannot be an empty field.")
    if "" in path.split(".") or (path.startswith("$") and path != WILDCARD):
        raise MongoError(67, f"Index key contains an illegal field name: '{path}'")
    if type(kind) is str:
        if kind not in _KINDS:
            raise MongoError(67, f"Unknown index plugin '{kind}'")
    elif isinstance(kind, bool) or not isinstance(kind, int | float) or kind == 0 or kind != kind:
        raise MongoError(67, "Values in v:2 index key pattern cannot be of type "
                         f"{type(kind).__name__}. Only numbers > 0, numbers < 0, and strings are "
                         "allowed.")  # fmt: skip


def _check_flags(spec: Document) -> None:
    for name in ("unique", "sparse", "hidden"):
        if name in spec and not isinstance(spec[name], bool | int | float | Decimal):
            shown = extended_json.dump(spec[name], relaxed=True)
            raise MongoError(14, f"The field '{name}' has value {name}: {shown}, which is not "
                             "convertible to bool")  # fmt: skip
    if spec["key"] == {"_id": 1}:
        for name in ("unique", "sparse", "expireAfterSeconds", "partialFilterExpression"):
            if name in spec:
                raise MongoError(197, f"The field '{name}' is not valid for an _id index "
                                 "specification.")  # fmt: skip


def _check_options(spec: Document) -> None:
    _check_flags(spec)
    seconds = spec.get("expireAfterSeconds")
    if seconds is not None:
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise MongoError(67, "TTL index 'expireAfterSeconds' option must be numeric")
        if seconds < 0 or seconds > 2**31 - 1:
            raise MongoError(67, "TTL index 'expireAfterSeconds' option must be within an "
                             "acceptable range")  # fmt: skip
        if len(spec["key"]) > 1:
            raise MongoError(67, "TTL indexes are single-field indexes, compound indexes do not "
                             "support TTL.")  # fmt: skip
    if "partialFilterExpression" in spec:
        if type(spec["partialFilterExpression"]) is not dict:
            raise MongoError(14, "'partialFilterExpression' for an index has to be an object")
        check_expression(parse_filter(spec["partialFilterExpression"]))
        if spec.get("sparse"):
            raise MongoError(67, 'cannot mix "partialFilterExpression" and "sparse" options')
    if "hashed" in spec["key"].values() and spec.get("unique"):
        raise MongoError(67, "Currently hashed indexes cannot guarantee uniqueness. Use a regular "
                         "index.")  # fmt: skip


def _check_kinds(spec: Document) -> None:
    """What goes together in one index. Raises MongoError."""
    pattern = spec["key"]
    kinds = [kind for kind in pattern.values() if type(kind) is str]
    if kinds.count("hashed") > 1:
        raise MongoError(31303, "A maximum of one index field is allowed to be hashed but found "
                         f"{kinds.count('hashed')} for 'key' {pattern}")  # fmt: skip
    if "text" in kinds and len(set(kinds)) > 1:
        raise MongoError(67, f"Can't use more than one index plugin for a single index: {pattern}")
    if "2d" in kinds and (kinds.count("2d") > 1 or next(iter(pattern.values())) != "2d"):
        raise MongoError(67, f"2d has to be first in index: {pattern}")
    for name in ("min", "max", "bits"):
        if name in spec and (isinstance(spec[name], bool) or not is_number(spec[name])):
            raise MongoError(67, f"'{name}' of a 2d index has to be a number")
    if spec.get("min", -180) >= spec.get("max", 180):
        raise MongoError(67, "region for a 2d index is empty: min has to be below max")
    if not 1 <= spec.get("bits", 26) <= 32:
        raise MongoError(67, "bits for a 2d index must be > 0 and <= 32")
    is_wildcard = kind_of(pattern) is IndexKind.WILDCARD and "text" not in kinds
    if is_wildcard:
        _check_wildcard(spec)
    elif "wildcardProjection" in spec:
        raise MongoError(2, "The field 'wildcardProjection' is only allowed in an 'wildcard' index")


def _check_wildcard(spec: Document) -> None:
    pattern = spec["key"]
    if len(pattern) > 1:
        raise MongoError(238, "compound wildcard indexes are not implemented by this server")
    path, kind = next(iter(pattern.items()))
    if type(kind) is str or kind < 0:
        raise MongoError(67, "A numeric value in a $** index key pattern must be positive.")
    for name in ("unique", "sparse", "expireAfterSeconds"):
        if spec.get(name):
            raise MongoError(67, f"Index type 'wildcard' does not support the {name} option")
    projection = spec.get("wildcardProjection")
    if projection is not None:
        if path != WILDCARD:
            raise MongoError(67, "The field 'wildcardProjection' is only allowed when 'key' is "
                             '{"$**": ±1}')  # fmt: skip
        if type(projection) is not dict or not projection:
            raise MongoError(67, "The 'wildcardProjection' field must be a non-empty object")
        parse_projection(projection)


def _text_spec(stored: Document) -> Document:
    """The terms stand in the key under names of their own; the fields are the weights."""
    pattern = stored["key"]
    if "_fts" in pattern:
        return stored
    if type(stored.get("weights", {})) is not dict:
        raise MongoError(67, "text index option 'weights' must be an object")
    if type(stored.get("language_override", "")) is not str:
        raise MongoError(67, "text index option 'language_override' must be a string")
    weights = dict(stored.get("weights", {}))
    for path, weight in weights.items():
        if not is_number(weight) or not (0 < weight < 100_000):
            raise MongoError(67, f"text index weight must be a number from 1 to 99999: {path}")
    key: Document = {}
    for path, kind in pattern.items():
        if kind == "text":
            weights.setdefault(path, 1)
            key |= {"_fts": "text", "_ftsx": 1}
        else:
            key[path] = kind
    _check_adjacent(list(pattern.values()))
    find_language(stored.get("default_language", "english"))
    return {
        **stored,
        "key": key,
        "weights": dict(sorted(weights.items())),
        "default_language": stored.get("default_language", "english"),
        "language_override": stored.get("language_override", "language"),
        "textIndexVersion": 3,
    }


def _check_adjacent(kinds: list[object]) -> None:
    first = kinds.index("text")
    count = kinds.count("text")
    if kinds[first : first + count] != ["text"] * count:
        raise MongoError(67, "bad text index: all text fields have to stand next to each other")
