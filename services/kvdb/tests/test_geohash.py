"""Geohashes: the scores of Redis, and cells that hold what is searched for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kvdb import geohash
from services.kvdb.geohash import Box, Circle

PALERMO, CATANIA = (13.361389, 38.115556), (15.087269, 37.502669)


@pytest.mark.parametrize(
    ("place", "score", "text"),
    [
        # From the documentation of GEOADD and GEOHASH.
        (PALERMO, 3479099956230698, b"sqc8b49rny0"),
        (CATANIA, 3479447370796909, b"sqdtr74hyu0"),
    ],
)
def test_known_places(place: geohash.Place, score: int, text: bytes):
    assert geohash.encode(place) == score
    assert geohash.to_text(score) == text
    assert geohash.distance_m(geohash.decode(score), place) < 0.6


def test_known_distance():
    first, second = (geohash.decode(geohash.encode(it)) for it in (PALERMO, CATANIA))
    assert round(geohash.distance_m(first, second), 4) == 166274.1516
    assert geohash.distance_m((0, 0), (180, 0)) == pytest.approx(20_020_741, abs=1_000)


longitude, latitude = st.floats(-180, 180), st.floats(-85, 85)
place = st.tuples(longitude, latitude)


@given(place)
def test_a_place_comes_back(where: geohash.Place):
    back = geohash.decode(geohash.encode(where))
    assert back == pytest.approx(where, abs=1e-5)


@given(st.floats())
def test_any_score_is_a_place(score: float):
    east, north = geohash.decode(score)
    assert -180 <= east <= 180
    assert -86 <= north <= 86


nearby = st.tuples(st.floats(-120, 120), st.floats(-60, 60))


@given(nearby, nearby, st.floats(0, 2_000_000))
def test_cells_hold_every_place_of_a_circle(centre, other, radius_m: float):
    """Away from the edges of the map, where the cells of Redis, and ours, may miss some."""
    _check(Circle(centre, radius_m), other)


@given(nearby, nearby, st.floats(0, 2_000_000), st.floats(0, 2_000_000))
def test_cells_hold_every_place_of_a_box(centre, other, width_m: float, height_m: float):
    _check(Box(centre, width_m, height_m), other)


def _check(area: geohash.Area, other: geohash.Place) -> None:
    """The centre, and a place on the way to another one, if that is inside."""
    middle = tuple(a + (b - a) / 50 for a, b in zip(area.centre, other, strict=True))
    cells = geohash.cells_around(area)
    assert len(cells) <= 9
    for where in (area.centre, middle):
        score = geohash.encode(where)
        if area.distance_m(geohash.decode(score)) is not None:
            assert any(first <= score < behind for first, behind in (it.scores for it in cells))
