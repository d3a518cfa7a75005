"""GeoJSON and legacy coordinates become shapes; what is wrong with them becomes an error.

    {type: "Point", coordinates: [12.5, 41.9]}       longitude comes first
    [12.5, 41.9]   {lng: 12.5, lat: 41.9}            legacy: the first two numbers

A ring is closed, has three corners or more, and does not cross itself; holes lie within the
outer ring. # Real: GeoParser
"""

from collections.abc import Callable
from decimal import Decimal
from itertools import combinations, pairwise

from services.docdb.bson.types import Document
from services.docdb.errors import MongoError, bad_value
from services.docdb.geo.shapes import Geometry, Polygon, Ring
from services.docdb.geo.sphere import Vector, arcs_cross, vector
from services.docdb.query.type_names import type_name

_PLAIN_CRS = ("urn:ogc:def:crs:OGC:1.3:CRS84", "EPSG:4326")
_STRICT_CRS = "urn:x-mongodb:crs:strictwinding:EPSG:4326"
MAX_RING_CORNERS_CHECKED = 200
"""To hold each edge against each other one takes their square: some 50 ms here."""


def is_geojson(value: object) -> bool:
    return type(value) is dict and type(value.get("type")) is str


def parse_geometry(value: object) -> Geometry:
    """GeoJSON or a legacy pair. Raises MongoError 2."""
    return parse_geojson(value) if is_geojson(value) else legacy_point(value)


def legacy_point(value: object) -> Geometry:
    return _point(legacy_pair(value))


def legacy_pair(value: object) -> tuple[float, float]:
    """Two numbers, in an array or a document. Raises MongoError 2."""
    if type(value) is dict:
        items = list(value.values())
    elif type(value) is list:
        items = value
    else:
        raise bad_value(f"Point must be an array or object, instead got type {type_name(value)}")
    if len(items) < 2:
        raise bad_value("Point must contain at least two coordinates, x and y")
    return number(items[0]), number(items[1])


def number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise bad_value("Point must only contain numeric elements, instead got type "
                        f"{type_name(value)}")  # fmt: skip
    found = float(value)
    if found != found or abs(found) == float("inf"):
        raise bad_value("Point coordinates must be finite numbers")
    return found


def parse_geojson(value: object) -> Geometry:
    """Raises MongoError 2."""
    if type(value) is not dict:
        raise bad_value(f"geometry must be an object, instead got type {type_name(value)}")
    kind = value.get("type")
    if kind == "GeometryCollection":
        return _collection(value)
    parser = _KINDS.get(kind) if type(kind) is str else None
    if parser is None:
        raise bad_value(f"unknown GeoJSON type: {value}")
    coordinates = value.get("coordinates")
    if type(coordinates) is not list:
        found = type_name(coordinates) if "coordinates" in value else "missing"
        raise bad_value(f"{kind} coordinates must be an array, instead got type {found}")
    return parser(coordinates, _is_strict(value))


def _is_strict(value: Document) -> bool:
    """Whether the coordinate system says that winding counts."""
    crs = value.get("crs")
    if crs is None:
        return False
    if type(crs) is not dict or crs.get("type") != "name":
        raise bad_value('GeoJSON CRS must have field "type": "name"')
    properties = crs.get("properties")
    name = properties.get("name") if type(properties) is dict else None
    if type(name) is not str:
        raise bad_value('In CRS, "properties.name" must be a string')
    if name not in (*_PLAIN_CRS, _STRICT_CRS):
        raise bad_value(f"Unknown CRS name: {name}")
    return name == _STRICT_CRS


def checked_pair(pair: tuple[float, float]) -> tuple[float, float]:
    longitude, latitude = pair
    if not -180 <= longitude <= 180 or not -90 <= latitude <= 90:
        raise bad_value(
            f"longitude/latitude is out of bounds, lng: {longitude:g} lat: {latitude:g}"
        )
    return pair


def _point(pair: tuple[float, float]) -> Geometry:
    return Geometry(points=[vector(*checked_pair(pair))], position=pair)


def _position(value: object) -> Vector:
    if type(value) is not list:
        raise bad_value(f"Point must be an array or object, instead got type {type_name(value)}")
    return vector(*checked_pair(legacy_pair(value)))


def _line(coordinates: object) -> list[Vector]:
    line = _without_repeats([_position(item) for item in _array("LineString", coordinates)])
    if len(line) < 2:
        raise bad_value(f"GeoJSON LineString must have at least 2 vertices: {coordinates}")
    return line


def _array(kind: str, value: object) -> list:
    if type(value) is not list:
        raise bad_value(f"{kind} coordinates must be an array, instead got type {type_name(value)}")
    return value


def _some(kind: str, coordinates: list) -> list:
    if not coordinates:
        raise bad_value(f"{kind} coordinates must have at least 1 element")
    return coordinates


def _polygon(coordinates: object, strict: bool) -> Polygon:
    rings = [_ring(item, strict) for item in _array("Polygon", coordinates)]
    if not rings:
        raise bad_value("Polygon has no loops.")
    outer, *holes = rings
    if strict and holes:
        raise bad_value("Only one simple loop is allowed in a big polygon")
    for place, hole in enumerate(holes, 1):
        if not all(map(outer.contains, hole.corners)):
            raise bad_value(
                "Secondary loops not contained by first exterior loop - secondary loops must be "
                f"holes: {coordinates[place]} first loop: {coordinates[0]}"
            )
    return Polygon(outer, holes)


def _ring(coordinates: object, strict: bool) -> Ring:
    corners = [_position(item) for item in _array("Polygon", coordinates)]
    if len(corners) < 4:
        raise bad_value(f"Loop must have at least 3 different vertices: {coordinates}")
    if corners[0] != corners[-1]:
        raise bad_value("Loop is not closed, first vertex does not equal last vertex: "
                        f"{coordinates}")  # fmt: skip
    corners = _without_repeats(corners)[:-1]
    if len(set(corners)) < 3:
        raise bad_value(f"Loop must have at least 3 different vertices: {coordinates}")
    ring = Ring(corners, strict=strict)
    _check_simple(ring, coordinates)
    return ring


def _check_simple(ring: Ring, coordinates: object) -> None:
    """Raises MongoError where a ring crosses itself; very long ones are believed."""
    if len(set(ring.corners)) < len(ring.corners):
        raise bad_value(f"Loop is not valid: {coordinates} Duplicate vertices")
    if len(ring.edges) > MAX_RING_CORNERS_CHECKED:
        return
    for (i, (a, b)), (j, (c, d)) in combinations(enumerate(ring.edges), 2):
        is_next = j == i + 1 or (i == 0 and j == len(ring.edges) - 1)
        if not is_next and arcs_cross(a, b, c, d):
            raise bad_value(f"Loop is not valid: {coordinates} Edges {i} and {j} cross.")


def _without_repeats(corners: list[Vector]) -> list[Vector]:
    return corners[:1] + [after for before, after in pairwise(corners) if before != after]


def _collection(value: Document) -> Geometry:
    members = value.get("geometries")
    if type(members) is not list:
        found = type_name(members) if "geometries" in value else "missing"
        raise bad_value(f"GeometryCollection geometries must be an array, instead got type {found}")
    if not members:
        raise bad_value("GeometryCollection geometries must have at least 1 element")
    whole = Geometry()
    for member in members:
        if type(member) is not dict or member.get("type") == "GeometryCollection":
            raise bad_value("GeometryCollections cannot be nested, and hold geometries alone: "
                            f"{value}")  # fmt: skip
        part = parse_geojson(member)
        whole.points += part.points
        whole.lines += part.lines
        whole.polygons += part.polygons
    return whole


_KINDS: dict[str, Callable[[list, bool], Geometry]] = {
    "Point": lambda items, strict: _point(legacy_pair(items)),
    "MultiPoint": lambda items, strict: Geometry(
        points=[_position(item) for item in _some("MultiPoint", items)]
    ),
    "LineString": lambda items, strict: Geometry(lines=[_line(items)]),
    "MultiLineString": lambda items, strict: Geometry(
        lines=[_line(item) for item in _some("MultiLineString", items)]
    ),
    "Polygon": lambda items, strict: Geometry(polygons=[_polygon(items, strict)]),
    "MultiPolygon": lambda items, strict: Geometry(
        polygons=[_polygon(item, False) for item in _some("MultiPolygon", items)]
    ),
}


def cannot_extract(document: Document, reason: str) -> MongoError:
    """A document whose field a geospatial index cannot take."""
    return MongoError(16755, f"Can't extract geo keys: {{_id: {document.get('_id')}}}  {reason}")
