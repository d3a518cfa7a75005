"""Places: with an index or without the same documents are found, and the nearest come first."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from services.docdb.geo.cells import EARTH, ranges
from services.docdb.geo.geojson import parse_geometry
from services.docdb.geo.shapes import Cap, boxes_of
from services.docdb.geo.sphere import angle, degrees, vector
from services.docdb.tests.support import Database

longitudes = st.one_of(st.floats(-180, 180), st.sampled_from([-180.0, 180.0, 0.0, 179.9]))
latitudes = st.one_of(st.floats(-90, 90), st.sampled_from([-90.0, 90.0, 0.0]))
positions = st.tuples(longitudes, latitudes).map(list)
near_rome = st.tuples(st.floats(10, 15), st.floats(40, 44)).map(list)
points = st.one_of(positions, near_rome)


def square(corner: list[float], size: float) -> dict:
    x, y = corner
    ring = [[x, y], [x + size, y], [x + size, y + size], [x, y + size], [x, y]]
    return {"type": "Polygon", "coordinates": [ring]}


squares = st.builds(
    square, st.tuples(st.floats(-170, 160), st.floats(-80, 70)).map(list), st.floats(0.1, 9)
)
small_squares = st.builds(square, near_rome, st.floats(0.1, 3))
shapes = st.one_of(
    points,
    points.map(lambda p: {"type": "Point", "coordinates": p}),
    st.lists(near_rome, min_size=2, max_size=4, unique_by=tuple).map(
        lambda line: {"type": "LineString", "coordinates": line}
    ),
    squares,
    small_squares,
)
areas = st.one_of(
    st.one_of(squares, small_squares).map(lambda shape: {"$geoWithin": {"$geometry": shape}}),
    st.one_of(
        squares, small_squares, points.map(lambda p: {"type": "Point", "coordinates": p})
    ).map(lambda shape: {"$geoIntersects": {"$geometry": shape}}),
    st.tuples(points, st.floats(0, 3)).map(
        lambda circle: {"$geoWithin": {"$centerSphere": list(circle)}}
    ),
)


@settings(max_examples=50, deadline=None)
@given(st.lists(shapes, min_size=1, max_size=12), areas)
def test_an_index_changes_no_result(places: list, area: dict) -> None:
    database = Database()
    documents = [{"_id": number, "at": place} for number, place in enumerate(places)]
    index = {"key": {"at": "2dsphere"}, "name": "at"}
    database.run({"createIndexes": "indexed", "indexes": [index]})
    database.insert("plain", *documents)
    database.insert("indexed", *documents)
    options = {"sort": {"_id": 1}}
    plain = database.find("plain", {"at": area}, **options)
    assert database.find("indexed", {"at": area}, **options) == plain
    plan = database.run({"explain": {"find": "indexed", "filter": {"at": area}}})
    assert "COLLSCAN" not in str(plan["queryPlanner"]["winningPlan"])


@settings(max_examples=50, deadline=None)
@given(st.lists(shapes, min_size=1, max_size=15), points, st.one_of(st.none(), st.floats(0, 1e7)))
def test_the_nearest_come_first(places: list, center: list, most: float | None) -> None:
    database = Database()
    documents = [{"_id": number, "at": place} for number, place in enumerate(places)]
    database.insert("c", *documents)
    index = {"key": {"at": "2dsphere"}, "name": "at"}
    assert database.run({"createIndexes": "c", "indexes": [index]})["ok"]
    spec = {"near": {"type": "Point", "coordinates": center}, "distanceField": "d"}
    if most is not None:
        spec["maxDistance"] = most
    found = database.documents({"aggregate": "c", "pipeline": [{"$geoNear": spec}], "cursor": {}})
    distances = [document["d"] for document in found]
    assert distances == sorted(distances)
    middle = vector(*center)
    expected = {
        number
        for number, place in enumerate(places)
        if most is None or parse_geometry(place).distance(middle) * 6378100 <= most
    }
    assert {document["_id"] for document in found} == expected


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)).map(list), min_size=1, max_size=15),
    st.tuples(st.floats(-20, 120), st.floats(-20, 120)).map(list),
    st.floats(0, 80),
)
def test_the_plane(places: list, center: list, radius: float) -> None:
    database = Database()
    index = {"key": {"p": "2d"}, "name": "p", "min": 0, "max": 100}
    database.run({"createIndexes": "c", "indexes": [index]})
    database.insert("c", *({"_id": number, "p": p} for number, p in enumerate(places)))
    inside = {n for n, p in enumerate(places) if math.dist(p, center) <= radius}
    found = database.find("c", {"p": {"$geoWithin": {"$center": [center, radius]}}})
    assert {document["_id"] for document in found} == inside
    near = database.find("c", {"p": {"$near": center, "$maxDistance": radius}})
    assert {document["_id"] for document in near} == inside
    distances = [math.dist(document["p"], center) for document in near]
    assert distances == sorted(distances)


@given(points, st.floats(1e-7, 3), points)
def test_cells_cover_a_circle(center: list, radius: float, place: list) -> None:
    cap = Cap(vector(*center), radius)
    cell = EARTH.cell(*place)
    intervals = ranges(EARTH.cover(boxes_of(cap)))
    if cap.contains(vector(*place)):
        assert any(low <= cell <= high for low, high in intervals)


@given(longitudes, st.floats(-89.9, 89.9))
def test_a_position_comes_back_from_its_vector(longitude: float, latitude: float) -> None:
    assert angle(vector(*degrees(vector(longitude, latitude))), vector(longitude, latitude)) < 1e-9
