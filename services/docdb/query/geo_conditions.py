"""The geospatial operators of filters: what is within, what intersects, what is near.

    {place: {$geoWithin: {$geometry: {type: "Polygon", …}}}}        on the sphere
    {place: {$geoWithin: {$centerSphere: [[lng, lat], radians]}}}   on the sphere
    {place: {$geoWithin: {$box: [[0, 0], [5, 5]]}}}                 on the plane; $center, $polygon
    {place: {$geoIntersects: {$geometry: …}}}
    {place: {$near: {$geometry: point, $maxDistance: metres}}}      sorted by distance
    {place: {$near: [x, y], $maxDistance: …}}

`Area` and `Near` are the operands of such conditions: the planner asks them which cells of an
index to read (`geo_cells`, `near_plan`).
"""

import math
from dataclasses import dataclass

from services.docdb.bson.types import Document
from services.docdb.errors import MongoError, bad_value
from services.docdb.geo import geojson, plane
from services.docdb.geo.shapes import Cap, Geometry
from services.docdb.geo.sphere import EARTH_RADIUS_M, Vector, vector
from services.docdb.query.conditions import Condition, Field, Reach
from services.docdb.query.operators import Test
from services.docdb.query.paths import split
from services.docdb.query.type_names import type_name

NEAR_OPERATORS = frozenset({"$near", "$nearSphere", "$geoNear"})
OPERATORS = frozenset({"$geoWithin", "$within", "$geoIntersects", *NEAR_OPERATORS})
BESIDE_NEAR = frozenset({"$maxDistance", "$minDistance", "$uniqueDocs"})


@dataclass(frozen=True, slots=True)
class Area:
    """What `$geoWithin` and `$geoIntersects` are about."""

    sphere: Geometry | Cap | None = None
    flat: plane.Region | None = None
    intersects: bool = False

    def test(self) -> Test:
        return lambda value: type(value) in (dict, list) and self._takes(value)

    def _takes(self, value: object) -> bool:
        try:
            if self.flat is not None:
                return self._takes_flat(value)
            geometry = geojson.parse_geometry(value)
        except MongoError:
            return False  # What is no place is in no area.
        if self.intersects:
            return self.sphere.meets(geometry)
        return self.sphere.holds(geometry)

    def _takes_flat(self, value: object) -> bool:
        if geojson.is_geojson(value):
            if value["type"] != "Point":
                return False
            value = value.get("coordinates")
        return self.flat.contains(geojson.legacy_pair(value))


@dataclass(frozen=True, slots=True)
class Near:
    """What `$near` asks for. Distances are in radians on the sphere, else in units of the plane."""

    position: Vector | None
    point: tuple[float, float]
    is_geojson: bool
    low: float
    high: float

    @property
    def is_sphere(self) -> bool:
        return self.position is not None

    @property
    def unit(self) -> float:
        """How much of what the client sees is one of ours: metres to a radian."""
        return EARTH_RADIUS_M if self.is_geojson else 1.0

    def distance(self, value: object) -> float | None:
        """Of a value from the point; None where it is no place, or too near, or too far."""
        try:
            if self.position is not None:
                found = geojson.parse_geometry(value).distance(self.position)
            else:
                if geojson.is_geojson(value) and value["type"] == "Point":
                    value = value.get("coordinates")
                found = math.dist(self.point, geojson.legacy_pair(value))
        except MongoError:
            return None
        return found if self.low <= found <= self.high else None


def parse_geo(path: str, name: str, operands: Document) -> Condition:
    """The condition of one geospatial operator; `operands` has what stands beside it too."""
    operand = operands[name]
    if name in NEAR_OPERATORS:
        near = _parse_near(name, operand, operands)
        # The plan gives the documents that are near, and in their order.
        return Field(path, split(path), "$near", near, lambda value: True)
    others = set(operands) - OPERATORS - {"$uniqueDocs"}
    if type(operand) is not dict:
        raise bad_value(f"{name} needs an object")
    area = _parse_area(name, {k: v for k, v in operand.items() if k != "$uniqueDocs"})
    if "$maxDistance" in others:
        raise bad_value(f"unknown operator: $maxDistance beside {name}")
    operator = "$geoIntersects" if area.intersects else "$geoWithin"
    return Field(path, split(path), operator, area, area.test(), Reach.BOTH)


# Areas.


def _parse_area(name: str, spec: Document) -> Area:
    if len(spec) != 1:
        raise bad_value(f"{name} takes one shape, such as $geometry: {spec}")
    kind, shape = next(iter(spec.items()))
    if name == "$geoIntersects" and kind != "$geometry":
        raise bad_value(f"$geoIntersects not supported with provided geometry: {spec}")
    match kind:
        case "$geometry":
            geometry = geojson.parse_geojson(shape)
            if name != "$geoIntersects" and (geometry.points or geometry.lines):
                raise bad_value(f"$geoWithin not supported with provided geometry: {spec}")
            return Area(geometry, intersects=name == "$geoIntersects")
        case "$centerSphere":
            center, radius = _circle(kind, shape)
            return Area(Cap(vector(*geojson.checked_pair(center)), min(radius, math.pi)))
        case "$center":
            return Area(flat=plane.Circle(*_circle(kind, shape)))
        case "$box":
            return Area(flat=_box(shape))
        case "$polygon":
            return Area(flat=_polygon(shape))
    raise bad_value(f"unknown geo specifier: {kind}: {shape}")


def _circle(kind: str, shape: object) -> tuple[tuple[float, float], float]:
    items = list(shape.values()) if type(shape) is dict else shape
    if type(items) is not list or len(items) != 2:
        raise bad_value(f"{kind} needs a center and a radius")
    radius = geojson.number(items[1])
    if radius < 0:
        raise bad_value("radius must be a non-negative number")
    return geojson.legacy_pair(items[0]), radius


def _box(shape: object) -> plane.Rectangle:
    corners = list(shape.values()) if type(shape) is dict else shape
    if type(corners) is not list or len(corners) != 2:
        raise bad_value("$box needs two corners")
    (ax, ay), (bx, by) = map(geojson.legacy_pair, corners)
    return plane.Rectangle((min(ax, bx), min(ay, by), max(ax, bx), max(ay, by)))


def _polygon(shape: object) -> plane.FlatPolygon:
    corners = list(shape.values()) if type(shape) is dict else shape
    if type(corners) is not list:
        raise bad_value(f"$polygon needs an array of points, not {type_name(shape)}")
    if len(corners) < 3:
        raise bad_value("Polygon must have at least 3 points")
    return plane.FlatPolygon(tuple(map(geojson.legacy_pair, corners)))


# Near.


def _parse_near(name: str, operand: object, beside: Document) -> Near:
    is_spherical = name == "$nearSphere"
    limits = {k: v for k, v in beside.items() if k in BESIDE_NEAR}
    if type(operand) is dict and "$geometry" in operand:
        unknown = set(operand) - BESIDE_NEAR - {"$geometry"}
        if unknown:
            raise bad_value(f"invalid argument in geo near query: {unknown.pop()}")
        shape = operand["$geometry"]
        limits |= {k: v for k, v in operand.items() if k != "$geometry"}
        is_geojson = geojson.is_geojson(shape)
        geometry = geojson.parse_geometry(shape)
        if geometry.position is None:
            raise bad_value(f"invalid point in geo near query $geometry argument: {shape}")
        if is_geojson:
            return near_point(geometry.position, limits, is_sphere=True, is_geojson=True)
        return near_point(geometry.position, limits, is_sphere=is_spherical, is_geojson=False)
    items = list(operand.values()) if type(operand) is dict else operand
    if type(items) is not list or len(items) < 2:
        raise bad_value(f"invalid argument in geo near query: {operand}")
    if len(items) > 2:
        # Real: the oldest form of all has the distance as a third element.
        limits.setdefault("$maxDistance", items[2])
    return near_point(
        geojson.legacy_pair(items), limits, is_sphere=is_spherical, is_geojson=False
    )  # fmt: skip


def near_point(
    point: tuple[float, float], limits: Document, *, is_sphere: bool, is_geojson: bool
) -> Near:
    """Raises MongoError."""
    unit = EARTH_RADIUS_M if is_geojson else 1.0
    bounds = []
    for name, default in (("$minDistance", 0.0), ("$maxDistance", math.inf)):
        value = limits.get(name)
        if value is not None and (
            isinstance(value, bool) or not isinstance(value, int | float) or value < 0
        ):
            raise bad_value(f"{name[1:]} must be a non-negative number")
        bounds.append(default if value is None else value / unit)
    position = vector(*geojson.checked_pair(point)) if is_sphere else None
    return Near(position, point, is_geojson, *bounds)
