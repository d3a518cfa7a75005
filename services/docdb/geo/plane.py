"""Flat geometry: what `$box`, `$center` and `$polygon` mean, and 2d indexes.

Coordinates are just numbers, distances are in their unit, and a degree is as long everywhere.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import pairwise

Pair = tuple[float, float]
Box = tuple[float, float, float, float]
"""Left, lower, right, upper."""


class Region(ABC):
    """A part of the plane."""

    __slots__ = ()

    @abstractmethod
    def contains(self, point: Pair) -> bool:
        """Its border belongs to it."""

    @abstractmethod
    def box(self) -> Box:
        """A rectangle around it."""


@dataclass(frozen=True, slots=True)
class Rectangle(Region):
    corners: Box

    def contains(self, point: Pair) -> bool:
        left, lower, right, upper = self.corners
        return left <= point[0] <= right and lower <= point[1] <= upper

    def box(self) -> Box:
        return self.corners


@dataclass(frozen=True, slots=True)
class Circle(Region):
    center: Pair
    radius: float

    def contains(self, point: Pair) -> bool:
        return math.dist(point, self.center) <= self.radius

    def box(self) -> Box:
        (x, y), r = self.center, self.radius
        return x - r, y - r, x + r, y + r


@dataclass(frozen=True, slots=True)
class FlatPolygon(Region):
    corners: tuple[Pair, ...]

    def contains(self, point: Pair) -> bool:
        """A ray to the right of the point crosses the border an odd number of times."""
        x, y = point
        inside = False
        for (ax, ay), (bx, by) in pairwise([*self.corners, self.corners[0]]):
            if _is_on(point, (ax, ay), (bx, by)):
                return True
            if (ay > y) != (by > y) and x < (bx - ax) * (y - ay) / (by - ay) + ax:
                inside = not inside
        return inside

    def box(self) -> Box:
        xs, ys = zip(*self.corners, strict=True)
        return min(xs), min(ys), max(xs), max(ys)


def _is_on(point: Pair, a: Pair, b: Pair) -> bool:
    across = (b[0] - a[0]) * (point[1] - a[1]) - (b[1] - a[1]) * (point[0] - a[0])
    if across != 0:
        return False
    return (
        min(a[0], b[0]) <= point[0] <= max(a[0], b[0])
        and min(a[1], b[1]) <= point[1] <= max(a[1], b[1])
    )  # fmt: skip
