"""The arithmetic of the sphere: positions are unit vectors, lines are arcs of great circles.

Two arcs cross where the ends of each lie on different sides of the other's great circle. Whether
a position is within a loop is found by turning: seen from inside, its corners go once around;
seen from outside, they go back as far as they went.

         b
       ╱   ╲        from p: a → b → c → a turns by +360°     p is inside
      ╱  p  ╲       from q: the same walk turns by 0°        q is outside
     a───────c   q
"""

import math

Vector = tuple[float, float, float]

EARTH_RADIUS_M = 6378100.0
TOLERANCE = 1e-11
"""In radians: less than a tenth of a millimetre."""
ROUNDING = 1e-15
"""Below that the sign of a product says nothing."""


def vector(longitude: float, latitude: float) -> Vector:
    """Degrees to a position."""
    lam, phi = math.radians(longitude), math.radians(latitude)
    flat = math.cos(phi)
    return (flat * math.cos(lam), flat * math.sin(lam), math.sin(phi))


def degrees(position: Vector) -> tuple[float, float]:
    """A position to longitude and latitude."""
    x, y, z = position
    return math.degrees(math.atan2(y, x)), math.degrees(math.atan2(z, math.hypot(x, y)))


def dot(a: Vector, b: Vector) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def cross(a: Vector, b: Vector) -> Vector:
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])


def angle(a: Vector, b: Vector) -> float:
    """The distance of two positions, in radians; exact for small ones too."""
    x, y, z = cross(a, b)
    return math.atan2(math.sqrt(x * x + y * y + z * z), dot(a, b))


def unit(a: Vector) -> Vector:
    length = math.sqrt(dot(a, a))
    return (a[0] / length, a[1] / length, a[2] / length) if length else a


def distance_to_arc(p: Vector, a: Vector, b: Vector) -> float:
    """From a position to the nearest of the arc from a to b, in radians."""
    normal = cross(a, b)
    length = math.sqrt(dot(normal, normal))
    if length < TOLERANCE:
        return angle(p, a)
    # The foot of the perpendicular lies on the arc where p is between the ends.
    if dot(cross(normal, a), p) >= 0 and dot(cross(b, normal), p) >= 0:
        return abs(math.asin(max(-1.0, min(1.0, dot(normal, p) / length))))
    return min(angle(p, a), angle(p, b))


def arcs_cross(a: Vector, b: Vector, c: Vector, d: Vector, *, touching: bool = True) -> bool:
    """Whether the arcs ab and cd have a position in common; `touching` counts their ends too."""
    ab, cd = cross(a, b), cross(c, d)
    sides = (dot(ab, c), dot(ab, d), dot(cd, a), dot(cd, b))
    is_sure = min(map(abs, sides)) > ROUNDING
    if is_sure and sides[0] * sides[1] < 0 and sides[2] * sides[3] < 0:
        # The circles cross twice, at antipodes: both arcs have to be at the same one.
        meeting = cross(ab, cd)
        return dot(meeting, _middle(a, b)) * dot(meeting, _middle(c, d)) > 0
    if not touching:
        return False
    return (
        distance_to_arc(c, a, b) <= TOLERANCE
        or distance_to_arc(d, a, b) <= TOLERANCE
        or distance_to_arc(a, c, d) <= TOLERANCE
        or distance_to_arc(b, c, d) <= TOLERANCE
    )


def _middle(a: Vector, b: Vector) -> Vector:
    return (a[0] + b[0], a[1] + b[1], a[2] + b[2])


def middle(a: Vector, b: Vector) -> Vector:
    """The position halfway between two."""
    return unit(_middle(a, b))


def turning(p: Vector, loop: list[Vector]) -> int:
    """How often a closed walk goes around a position: 1 is once, counter-clockwise."""
    total = 0.0
    previous = loop[-1]
    for corner in loop:
        total += _turn(p, previous, corner)
        previous = corner
    return round(total / math.tau)


def _turn(p: Vector, a: Vector, b: Vector) -> float:
    """By which angle one turns at p to look from a to b."""
    to_a, to_b = cross(p, a), cross(p, b)
    return math.atan2(dot(p, cross(to_a, to_b)), dot(to_a, to_b))


def is_clockwise(loop: list[Vector]) -> bool:
    """As seen from above its own middle."""
    x = y = z = 0.0
    middle = [0.0, 0.0, 0.0]
    previous = loop[-1]
    for corner in loop:
        across = cross(previous, corner)
        x, y, z = x + across[0], y + across[1], z + across[2]
        middle = [m + c for m, c in zip(middle, corner, strict=True)]
        previous = corner
    return x * middle[0] + y * middle[1] + z * middle[2] < 0
