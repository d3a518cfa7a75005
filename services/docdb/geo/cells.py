"""Cells: squares within squares, so that an ordered index finds what is near in two dimensions.

    ┌────┬────┐      A place is the digits of the squares that it is in, from large to small:
    │ 2  │ 3  │
    ├──┬─┼────┤          03…    the upper right quarter of the lower left quarter
    │02│3│    │
    ├──┼─┤ 1  │      What begins with the same digits is in the same square. So a square is one
    │00│1│    │      interval of the index, "03" to "04", and an area is some squares.
    └──┴─┴────┘

A shape that is no point is indexed under the few squares that cover it, large or small. A query
therefore reads each of its squares, with all that is smaller in it, and also every larger square
around it, which may stand for a shape that reaches in.
# Real: the cells of S2, on the six faces of a cube, for 2dsphere; geohashes for 2d.
"""

import heapq
from dataclasses import dataclass

Box = tuple[float, float, float, float]

DEPTH = 26
"""Digits of a point: a square of 60 cm on the earth."""
COVER_CELLS = 20


@dataclass(frozen=True, slots=True)
class Grid:
    """A rectangle that is divided; boxes and points are in its own unit."""

    left: float
    lower: float
    right: float
    upper: float
    depth: int = DEPTH

    def cell(self, x: float, y: float) -> str:
        """The smallest square that a point is in."""
        last = (1 << self.depth) - 1
        column = min(int((x - self.left) / (self.right - self.left) * (last + 1)), last)
        row = min(int((y - self.lower) / (self.upper - self.lower) * (last + 1)), last)
        # The bits of both numbers in turn, two of them to a digit.
        bits = range(self.depth - 1, -1, -1)
        return "".join(["0123"[(row >> bit & 1) * 2 + (column >> bit & 1)] for bit in bits])

    def square(self, cell: str) -> Box:
        """Where a cell is."""
        x, y, width, height = self.left, self.lower, self.right - self.left, self.upper - self.lower
        for digit in cell:
            width, height = width / 2, height / 2
            x += width * (digit in "13")
            y += height * (digit in "23")
        return x, y, x + width, y + height

    def covers(self, box: Box) -> bool:
        """Whether a box has all of the grid in it."""
        return (
            box[0] <= self.left
            and box[1] <= self.lower
            and box[2] >= self.right
            and box[3] >= self.upper
        )

    def cover(self, boxes: list[Box], most: int = COVER_CELLS) -> list[str]:
        """A few squares in which all of the boxes lie, as small as that allows."""
        done: list[str] = []
        open_cells = [(0, "")]
        while open_cells:
            depth, cell = heapq.heappop(open_cells)
            inner = [cell + digit for digit in "0123"]
            inner = [c for c in inner if self._touches(c, boxes)]
            is_full = len(done) + len(open_cells) + len(inner) > most
            if is_full or depth == self.depth or self._is_inside(cell, boxes):
                done.append(cell)
                continue
            for cell in inner:
                heapq.heappush(open_cells, (depth + 1, cell))
        return sorted(done)

    def _touches(self, cell: str, boxes: list[Box]) -> bool:
        x0, y0, x1, y1 = self.square(cell)
        return any(b[0] <= x1 and b[2] >= x0 and b[1] <= y1 and b[3] >= y0 for b in boxes)

    def _is_inside(self, cell: str, boxes: list[Box]) -> bool:
        x0, y0, x1, y1 = self.square(cell)
        return any(b[0] <= x0 and b[2] >= x1 and b[1] <= y0 and b[3] >= y1 for b in boxes)


EARTH = Grid(-180.0, -90.0, 180.0, 90.0)


def ranges(cells: list[str]) -> list[tuple[str, str]]:
    """The intervals of an index in which everything is that may be in some squares."""
    found: dict[tuple[str, str], None] = {}
    for cell in cells:
        for length in range(len(cell)):
            found[cell[:length], cell[:length]] = None
        # "4" comes right behind the last digit.
        found[cell, cell + "4"] = None
    return sorted(found)
