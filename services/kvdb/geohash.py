"""Geohash: a place on the globe as one number, near places mostly as near numbers.

Halve the range of longitudes again and again, and note each time in which half the place is;
the same for the latitudes; then shuffle the two rows of bits together:

    longitude 13.361389   1 0 0 0 1 0 0 1 1 0 …        26 bits, "x"
    latitude  38.115556   1 0 1 1 1 0 0 1 0 1 …        26 bits, "y"
    hash                  11 00 01 01 11 00 00 11 …    x y x y, 52 bits

    ┌────┬────┐     The first two bits say which quarter of the map, the next two which quarter
    │ 01 │ 11 │     of that, and so on: a prefix of 2·n bits is a *cell*, one of 4ⁿ. All places
    ├────┼────┤     in a cell have hashes in one range, and a sorted set finds ranges quickly.
    │ 00 │ 10 │     52 bits fit into a double, so the hash serves as the score of a member.
    └────┴────┘     A cell of 26 steps is about 0.6 m × 0.3 m.

A search takes cells about as large as what is searched for, at most the nine around its centre,
and looks at each place in them:

    1. `_estimate_steps`: the smallest cells such that nine are sure to cover the area.
    2. `cells_around`: the cell of the centre and its neighbours, without those that the
       bounding box of the area does not reach.
    3. `Circle` and `Box`: whether a place that was found is really inside.

Neighbours are counted modulo the number of cells: east of the last one comes the first again,
as on a globe. The map ends at ±85.05° (Web Mercator), where it would become infinitely high.
# Real: geohash.c and geohash_helper.c in Redis.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

STEPS = 26
"""Halvings of each axis in the hash of a place."""

LONGITUDES = (-180.0, 180.0)
LATITUDES = (-85.05112878, 85.05112878)

EARTH_RADIUS_M = 6372797.560856
_MAP_HALF_M = 20037726.37
"""Half the width of the map: the equator's, from Greenwich to the edge."""

_DEGREE = math.pi / 180.0
_ALPHABET = b"0123456789bcdefghjkmnpqrstuvwxyz"

Place = tuple[float, float]
"""Longitude and latitude in degrees."""


# Places and hashes.

_SPREADING = (
    (16, 0x0000FFFF0000FFFF),
    (8, 0x00FF00FF00FF00FF),
    (4, 0x0F0F0F0F0F0F0F0F),
    (2, 0x3333333333333333),
    (1, 0x5555555555555555),
)


def _spread(number: int) -> int:
    """Put a zero before each of 32 bits: each line moves the upper halves twice as far."""
    for shift, mask in _SPREADING:
        number = (number | number << shift) & mask
    return number


def _gather(number: int) -> int:
    """Every second bit, from the lowest on: undo `_spread`."""
    number &= _SPREADING[-1][1]
    for (shift, _), (_, mask) in zip(_SPREADING[:0:-1], _SPREADING[-2::-1], strict=True):
        number = (number | number >> shift) & mask
    return (number | number >> 16) & 0xFFFFFFFF


def encode(place: Place, latitudes: tuple[float, float] = LATITUDES) -> int:
    """The hash of a place, 52 bits."""
    x, y = _cell_numbers(place, STEPS, latitudes)
    return _spread(x) << 1 | _spread(y)


def _cell_numbers(
    place: Place, steps: int, latitudes: tuple[float, float] = LATITUDES
) -> tuple[int, int]:
    longitude, latitude = place
    (west, east), (south, north) = LONGITUDES, latitudes
    x = int((longitude - west) / (east - west) * (1 << steps))
    y = int((latitude - south) / (north - south) * (1 << steps))
    return x, y


def decode(score: float) -> Place:
    """The middle of the cell of a hash; any number is taken for one, as a score may be."""
    bits = int(score) if math.isfinite(score) else 0
    longitude = _middle(_gather(bits >> 1), *LONGITUDES)
    return longitude, _middle(_gather(bits), *LATITUDES)


def _middle(number: int, lowest: float, highest: float) -> float:
    """The middle of a cell on one axis."""
    scale, cells = highest - lowest, 1 << STEPS
    first, last = lowest + number / cells * scale, lowest + (number + 1) / cells * scale
    return max(min((first + last) / 2, highest), lowest)


def to_text(score: float) -> bytes:
    """The hash in the letters that other programs know (geohash.org).

    They take the latitudes from pole to pole, so the place is encoded anew. Eleven letters are
    55 bits; we have 52 and answer 0 for the last letter, as Redis does.
    """
    bits = encode(decode(score), (-90.0, 90.0))
    letters = (_ALPHABET[bits >> 52 - 5 * count & 31] for count in range(1, 11))
    return bytes(letters) + _ALPHABET[:1]


# Distances.


def distance_m(first: Place, second: Place) -> float:
    """Along the great circle, by the haversine formula, on a globe."""
    (longitude_1, latitude_1), (longitude_2, latitude_2) = first, second
    v = math.sin((longitude_2 * _DEGREE - longitude_1 * _DEGREE) / 2)
    if v == 0.0:
        return _latitude_distance_m(latitude_1, latitude_2)
    latitude_1, latitude_2 = latitude_1 * _DEGREE, latitude_2 * _DEGREE
    u = math.sin((latitude_2 - latitude_1) / 2)
    square = u * u + math.cos(latitude_1) * math.cos(latitude_2) * v * v
    # Rounding may take the places of two antipodes to just above 1.
    return 2.0 * EARTH_RADIUS_M * math.asin(min(math.sqrt(square), 1.0))


def _latitude_distance_m(first: float, second: float) -> float:
    """Along a meridian."""
    return EARTH_RADIUS_M * abs(second * _DEGREE - first * _DEGREE)


# Areas.


@dataclass(frozen=True, slots=True)
class Circle:
    """All places up to a distance from the centre."""

    centre: Place
    radius_m: float

    @property
    def half_width_m(self) -> float:
        return self.radius_m

    @property
    def half_height_m(self) -> float:
        return self.radius_m

    def distance_m(self, place: Place) -> float | None:
        """From the centre; None where the place is outside."""
        distance = distance_m(self.centre, place)
        return None if distance > self.radius_m else distance


@dataclass(frozen=True, slots=True)
class Box:
    """All places not farther than half a width and half a height from the centre."""

    centre: Place
    width_m: float
    height_m: float

    @property
    def half_width_m(self) -> float:
        return self.width_m / 2

    @property
    def half_height_m(self) -> float:
        return self.height_m / 2

    @property
    def radius_m(self) -> float:
        """To a corner."""
        return math.sqrt(self.half_width_m**2 + self.half_height_m**2)

    def distance_m(self, place: Place) -> float | None:
        """From the centre; None where the place is outside."""
        latitude = place[1]
        if _latitude_distance_m(latitude, self.centre[1]) > self.half_height_m:
            return None
        if distance_m(place, (self.centre[0], latitude)) > self.half_width_m:
            return None
        return distance_m(self.centre, place)


Area = Circle | Box


@dataclass(frozen=True, slots=True)
class _Bounds:
    """A rectangle of degrees."""

    west: float
    south: float
    east: float
    north: float


def _bounding_box(area: Area) -> _Bounds:
    """Degrees that hold the area: a degree of longitude is shortest nearest to a pole."""
    longitude, latitude = area.centre
    height = area.half_height_m / EARTH_RADIUS_M / _DEGREE
    outermost = latitude - height if latitude < 0 else latitude + height
    width = area.half_width_m / EARTH_RADIUS_M / _cosine(outermost * _DEGREE) / _DEGREE
    return _Bounds(longitude - width, latitude - height, longitude + width, latitude + height)


def _cosine(angle: float) -> float:
    return math.cos(angle) if math.isfinite(angle) else math.nan


# Cells.


@dataclass(frozen=True, slots=True)
class Cell:
    """Cell `x` from the west and `y` from the south, of 2^steps each way."""

    x: int
    y: int
    steps: int

    @classmethod
    def at(cls, place: Place, steps: int) -> "Cell":
        return cls(*_cell_numbers(place, steps), steps)

    def neighbour(self, east: int, north: int) -> "Cell":
        last = (1 << self.steps) - 1
        return Cell(self.x + east & last, self.y + north & last, self.steps)

    @property
    def scores(self) -> tuple[int, int]:
        """The hashes in it, from the first up to, not including, the last."""
        prefix = _spread(self.x) << 1 | _spread(self.y)
        unused_bits = 2 * (STEPS - self.steps)
        return prefix << unused_bits, prefix + 1 << unused_bits

    @property
    def bounds(self) -> _Bounds:
        (west, east), (south, north) = LONGITUDES, LATITUDES
        cells, width, height = 1 << self.steps, east - west, north - south
        return _Bounds(
            west + self.x / cells * width,
            south + self.y / cells * height,
            west + (self.x + 1) / cells * width,
            south + (self.y + 1) / cells * height,
        )


def _estimate_steps(radius_m: float, latitude: float) -> int:
    """Steps for cells such that nine of them hold an area, nearly always."""
    if radius_m == 0:
        return STEPS
    steps = -1
    while radius_m < _MAP_HALF_M:
        radius_m *= 2
        steps += 1
    # Towards the poles a cell is narrower.
    steps -= (abs(latitude) > 66) + (abs(latitude) > 80)
    return min(max(steps, 1), STEPS)


_DIRECTIONS = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1))
"""East and north; in the order in which Redis searches, for COUNT ANY takes the first it finds."""


def cells_around(area: Area) -> list[Cell]:
    """Different cells, nine at most, that together hold the area."""
    bounds = _bounding_box(area)
    steps = _estimate_steps(area.radius_m, area.centre[1])
    middle = Cell.at(area.centre, steps)
    if steps > 1 and not _reaches(middle, bounds):
        middle = Cell.at(area.centre, steps - 1)
    return list(dict.fromkeys(_needed(middle, bounds)))


def _reaches(middle: Cell, bounds: _Bounds) -> bool:
    """Whether the neighbours of a cell end outside of these degrees on all sides."""
    return not (
        middle.neighbour(0, 1).bounds.north < bounds.north
        or middle.neighbour(0, -1).bounds.south > bounds.south
        or middle.neighbour(1, 0).bounds.east < bounds.east
        or middle.neighbour(-1, 0).bounds.west > bounds.west
    )


def _needed(middle: Cell, bounds: _Bounds) -> Iterator[Cell]:
    """The cell and its neighbours, without those on a side where the cell itself is enough."""
    own = middle.bounds
    unneeded: set[tuple[str, int]] = set()
    if middle.steps >= 2:
        if own.south < bounds.south:
            unneeded.add(("north", -1))
        if own.north > bounds.north:
            unneeded.add(("north", 1))
        if own.west < bounds.west:
            unneeded.add(("east", -1))
        if own.east > bounds.east:
            unneeded.add(("east", 1))
    for east, north in _DIRECTIONS:
        if ("east", east) not in unneeded and ("north", north) not in unneeded:
            yield middle.neighbour(east, north)
