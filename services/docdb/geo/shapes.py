"""Shapes on the sphere, and what contains, crosses or is near what.

Every kind of GeoJSON is one `Geometry`: some positions, some lines, some polygons. A position
may be in any of them; two geometries meet where a corner of one is in the other, or where their
edges cross.

    contains    p in a polygon: in its outer ring and in none of its holes
    within      all corners inside, and no edge leads out
    distance    0 inside, else to the nearest edge or position

A `Cap` is a circle on the sphere: what `$centerSphere` says, and what is drawn around a geometry
to find the cells that it may be in.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from services.docdb.geo.sphere import (
    TOLERANCE,
    Vector,
    angle,
    arcs_cross,
    degrees,
    distance_to_arc,
    dot,
    is_clockwise,
    middle,
    turning,
    unit,
)

Edge = tuple[Vector, Vector]


@dataclass(frozen=True, slots=True)
class Cap:
    """All positions within an angle (radians) of a center."""

    center: Vector
    radius: float

    def contains(self, position: Vector) -> bool:
        return angle(self.center, position) <= self.radius + TOLERANCE

    def holds(self, geometry: "Geometry") -> bool:
        """Whether all of a geometry is in it."""
        return all(map(self.contains, geometry.corners))

    def bounds(self) -> "Cap":
        return self


WORLD = Cap((0.0, 0.0, 1.0), math.pi)


class Ring:
    """A closed line; its inside is the smaller side, unless its winding is to be believed."""

    __slots__ = ("bound", "corners", "edges", "is_large", "loop")

    def __init__(self, corners: list[Vector], *, strict: bool = False):
        self.corners = corners
        clockwise = is_clockwise(corners)
        self.loop = corners[::-1] if clockwise else corners
        self.is_large = clockwise and strict
        """The inside is all but what the line goes around."""
        self.edges: list[Edge] = list(zip(corners, [*corners[1:], corners[0]], strict=True))
        self.bound = WORLD if self.is_large else bounding_cap(corners)

    def contains(self, position: Vector) -> bool:
        if not self.bound.contains(position):
            return False
        return self.is_on(position) or (turning(position, self.loop) == 1) != self.is_large

    def is_on(self, position: Vector) -> bool:
        return any(distance_to_arc(position, a, b) <= TOLERANCE for a, b in self.edges)


@dataclass(slots=True)
class Polygon:
    """A ring, and the holes in it."""

    outer: Ring
    holes: list[Ring] = field(default_factory=list)

    def contains(self, position: Vector) -> bool:
        if not self.outer.contains(position):
            return False
        return not any(hole.contains(position) and not hole.is_on(position) for hole in self.holes)

    @property
    def rings(self) -> list[Ring]:
        return [self.outer, *self.holes]


@dataclass(slots=True)
class Geometry:
    """Positions, lines and polygons that belong together."""

    points: list[Vector] = field(default_factory=list)
    lines: list[list[Vector]] = field(default_factory=list)
    polygons: list[Polygon] = field(default_factory=list)
    position: tuple[float, float] | None = None
    """Longitude and latitude as they were written, where it is a single point."""

    @property
    def is_point(self) -> bool:
        return len(self.points) == 1 and not self.lines and not self.polygons

    @property
    def corners(self) -> list[Vector]:
        found = list(self.points)
        for line in self.lines:
            found += line
        for polygon in self.polygons:
            for ring in polygon.rings:
                found += ring.corners
        return found

    def edges(self) -> Iterator[Edge]:
        for line in self.lines:
            yield from pairwise(line)
        yield from self.borders()

    def borders(self) -> Iterator[Edge]:
        """The edges of polygons."""
        for polygon in self.polygons:
            for ring in polygon.rings:
                yield from ring.edges

    def contains(self, position: Vector) -> bool:
        return any(polygon.contains(position) for polygon in self.polygons) or any(
            angle(position, point) <= TOLERANCE for point in self.points
        ) or any(
            distance_to_arc(position, a, b) <= TOLERANCE
            for line in self.lines
            for a, b in pairwise(line)
        )  # fmt: skip

    def holds(self, other: "Geometry") -> bool:
        """Whether all of another geometry is in these polygons."""
        if not all(map(self.contains, other.corners)):
            return False
        if other.is_point:
            return True
        borders = list(self.borders())
        for a, b in other.edges():
            if not self.contains(middle(a, b)):
                return False
            if any(arcs_cross(a, b, c, d, touching=False) for c, d in borders):
                return False
        holes = (hole for polygon in self.polygons for hole in polygon.holes)
        return not any(other.contains(middle_of(hole.corners)) for hole in holes)

    def meets(self, other: "Geometry") -> bool:
        """Whether two geometries have a position in common."""
        if any(map(self.contains, other.corners)) or any(map(other.contains, self.corners)):
            return True
        own = list(self.edges())
        return any(arcs_cross(a, b, c, d) for c, d in other.edges() for a, b in own)

    def distance(self, position: Vector) -> float:
        """From a position to the nearest of it, in radians."""
        if self.is_point:
            return angle(position, self.points[0])
        if any(polygon.contains(position) for polygon in self.polygons):
            return 0.0
        found = [angle(position, point) for point in self.points]
        found += [distance_to_arc(position, a, b) for a, b in self.edges()]
        return min(found, default=math.inf)

    def bounds(self) -> Cap:
        """A circle around all of it."""
        if any(polygon.outer.is_large for polygon in self.polygons):
            return WORLD
        return bounding_cap(self.corners)


def middle_of(corners: list[Vector]) -> Vector:
    return unit(tuple(map(sum, zip(*corners, strict=True))))


def bounding_cap(corners: list[Vector]) -> Cap:
    """A circle around corners, and so around the arcs between them while it is no hemisphere."""
    center = middle_of(corners)
    if dot(center, center) < 0.5:
        return WORLD
    radius = max(angle(center, corner) for corner in corners)
    return WORLD if radius >= math.pi / 2 - TOLERANCE else Cap(center, radius + TOLERANCE)


Box = tuple[float, float, float, float]
"""West, south, east, north, in degrees."""


def boxes_of(cap: Cap) -> list[Box]:
    """The rectangles of degrees that a circle is in: two where it crosses the date line."""
    longitude, latitude = degrees(cap.center)
    radius = math.degrees(cap.radius)
    south, north = latitude - radius, latitude + radius
    if south <= -90 or north >= 90:
        return [(-180.0, max(south, -90.0), 180.0, min(north, 90.0))]
    ratio = math.sin(cap.radius) / math.cos(math.radians(latitude))
    if ratio >= 1:
        return [(-180.0, south, 180.0, north)]
    width = math.degrees(math.asin(ratio))
    west, east = longitude - width, longitude + width
    if west < -180:
        return [(west + 360, south, 180.0, north), (-180.0, south, east, north)]
    if east > 180:
        return [(west, south, 180.0, north), (-180.0, south, east - 360, north)]
    return [(west, south, east, north)]
