"""$geoNear: the documents around a point, with their distances, the nearest first.

{near: point, distanceField: "d", key: …, spherical: …, minDistance, maxDistance, query,
 distanceMultiplier, includeLocs}
"""

from services.docdb.bson.types import Document
from services.docdb.errors import MongoError, bad_value
from services.docdb.expressions.numbers import is_number
from services.docdb.geo import geojson
from services.docdb.pipeline.shaping import with_value
from services.docdb.pipeline.stage import (
    CompileStage,
    Documents,
    PipelineContext,
    Stage,
    need_object,
)
from services.docdb.query.conditions import And, Field
from services.docdb.query.filters import has_near, parse_filter
from services.docdb.query.geo_conditions import Near, near_point
from services.docdb.query.metadata import DISTANCE, NEAR_POINT
from services.docdb.query.paths import split
from services.docdb.query.planner import Query, choose
from services.docdb.storage.collection import Collection

_KNOWN = frozenset({"near", "distanceField", "key", "spherical", "minDistance", "maxDistance",
                    "query", "distanceMultiplier", "includeLocs", "uniqueDocs"})  # fmt: skip


def geo_near(operand: object, context: PipelineContext) -> Stage:
    """`nearest` is what it does; to compile it is to look for errors."""
    _parse(operand)
    context.metadata.is_kept = True
    return lambda documents: documents


def _parse(operand: object) -> tuple[Document, Near]:
    spec = need_object("$geoNear", operand, 10065)
    for name in spec:
        if name not in _KNOWN:
            raise MongoError(40415, f"BSON field '$geoNear.{name}' is an unknown field.")
    if type(spec.get("distanceField")) is not str:
        raise MongoError(16606, "$geoNear requires a 'distanceField' option as a String")
    if "near" not in spec:
        raise MongoError(5860400, "$geoNear requires a 'near' argument")
    multiplier = spec.get("distanceMultiplier", 1)
    if not is_number(multiplier) or multiplier < 0:
        raise MongoError(16607, "distanceMultiplier must be a nonnegative number")
    if type(spec.get("query", {})) is not dict:
        raise MongoError(14, "query must be an object")
    limits = {f"${n}": spec[n] for n in ("minDistance", "maxDistance") if n in spec}
    is_geojson = geojson.is_geojson(spec["near"])
    geometry = geojson.parse_geometry(spec["near"]) if is_geojson else None
    if geometry is not None and geometry.position is None:
        raise bad_value("$geoNear's near has to be a point")
    point = geometry.position if geometry else geojson.legacy_pair(spec["near"])
    is_sphere = is_geojson or bool(spec.get("spherical"))
    return spec, near_point(point, limits, is_sphere=is_sphere, is_geojson=is_geojson)


def nearest(collection: Collection | None, operand: object, context: PipelineContext) -> Documents:
    """The documents, each with its distance in the field that was asked for. Raises MongoError."""
    spec, near = _parse(operand)
    if collection is None:
        return iter(())
    path = _path(collection, spec, near)
    context.metadata.is_kept = True
    condition = parse_filter(spec.get("query", {}), context.filters)
    if has_near(condition):
        raise bad_value("$geoNear's query cannot have a $near in it")
    condition = And([Field(path, split(path), "$near", near, lambda value: True), condition])
    query = Query(condition, None, context.collation, metadata=context.metadata)
    records = choose(collection, query).execution.records()
    return (_with_distance(record.document, spec, context) for record in records)


def _path(collection: Collection, spec: Document, near: Near) -> str:
    """The geospatial field that is meant. Raises MongoError."""
    key = spec.get("key")
    if key is not None:
        if type(key) is not str or not key:
            raise MongoError(14, "$geoNear parameter 'key' must be a nonempty string")
        return key
    for kind in ("2d", "2dsphere"):
        paths = {
            path
            for index in collection.indexes.values()
            for path in index.geo_paths
            if index.pattern[path] == kind
        }
        if len(paths) > 1:
            raise MongoError(27, f"There is more than one {kind} index on {collection.namespace}; "
                             "unsure which to use for $geoNear")  # fmt: skip
        if paths:
            return paths.pop()
    raise MongoError(27, "$geoNear requires a 2d or 2dsphere index, but none were found")


def _with_distance(document: Document, spec: Document, context: PipelineContext) -> Document:
    metadata = context.metadata
    distance = metadata.get(document, DISTANCE) * spec.get("distanceMultiplier", 1)
    made = with_value(document, split(spec["distanceField"]), distance)
    if spec.get("includeLocs"):
        made = with_value(made, split(spec["includeLocs"]), metadata.get(document, NEAR_POINT))
    return metadata.move(document, made)


STAGES: dict[str, CompileStage] = {"$geoNear": geo_near}
