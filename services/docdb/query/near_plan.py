"""The plan of `$near`: the documents around a point, the nearest first.

The nearest documents are found in rings. The first circle is as large as the cell around the
point that has anything in it; whatever lies in it comes out in order of distance; then the
circle is doubled, until it has reached everything that was asked for:

              ╭───────────╮
              │  ╭─────╮ 4│      what was seen in the square of a circle but lies outside of it
              │  │ 1 ×2│  │      waits for the next one: something nearer may come first
              │  ╰─────╯3 │
              ╰───────────╯
"""

import heapq
import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from services.docdb.geo import cells, plane
from services.docdb.geo.cells import Grid
from services.docdb.geo.shapes import Cap, boxes_of
from services.docdb.query.geo_conditions import Near
from services.docdb.query.metadata import DISTANCE, NEAR_POINT, Metadata
from services.docdb.query.paths import split, values_at
from services.docdb.query.plans import Counters, Plan
from services.docdb.storage.collection import Collection, Record
from services.docdb.storage.geo_column import cell_key, shapes_in
from services.docdb.storage.index import Index
from services.docdb.storage.sorted_blocks import TOP


@dataclass(slots=True)
class NearScan(Plan):
    """The documents around a point, the nearest first.  # Real: GEO_NEAR_2DSPHERE, GEO_NEAR_2D"""

    index: Index
    path: str
    near: Near
    metadata: Metadata
    prefixes: list[tuple] = field(default_factory=lambda: [()])
    sorts: bool = True

    def records(self, collection: Collection, counters: Counters) -> Iterator[Record]:
        seen: set[int] = set()
        waiting: list[tuple[float, int, object, Record]] = []
        radius, grid = self._first_radius(), self.index.grid_of(self.path)
        while True:
            boxes = self._boxes(radius)
            for record_id in self._record_ids(grid.cover(boxes), counters):
                record = None if record_id in seen else collection.records.get(record_id)
                seen.add(record_id)
                if record is not None:
                    counters.documents += 1
                    self._measure(record, waiting)
            is_last = radius >= self.near.high or any(map(grid.covers, boxes))
            while waiting and (is_last or waiting[0][0] <= radius):
                distance, _, place, record = heapq.heappop(waiting)
                self.metadata.put(record.document, DISTANCE, distance * self.near.unit)
                self.metadata.put(record.document, NEAR_POINT, place)
                yield record
            if is_last:
                return
            radius *= 2

    def _measure(self, record: Record, waiting: list) -> None:
        best: tuple[float, object] | None = None
        for value in values_at(record.document, split(self.path)):
            for place in shapes_in(value):
                distance = self.near.distance(place)
                if distance is not None and (best is None or distance < best[0]):
                    best = (distance, place)
        if best is not None:
            heapq.heappush(waiting, (best[0], record.id, best[1], record))

    def _record_ids(self, covered: list[str], counters: Counters) -> Iterator[int]:
        for prefix in self.prefixes:
            for low, high in cells.ranges(covered):
                start, end = (*prefix, cell_key(low)), (*prefix, cell_key(high), TOP)
                for _, record_id in self.index.entries.between((start, -1), (end, math.inf)):
                    counters.keys += 1
                    yield record_id

    def _boxes(self, radius: float) -> list[plane.Box]:
        if self.near.position is not None:
            return boxes_of(Cap(self.near.position, min(radius, math.pi)))
        return [plane.Circle(self.near.point, radius).box()]

    def _first_radius(self) -> float:
        """As large as the smallest cell around the point that is not empty."""
        grid: Grid = self.index.grid_of(self.path)
        x, y = self.near.point
        x, y = min(max(x, grid.left), grid.right), min(max(y, grid.lower), grid.upper)
        cell = grid.cell(x, y)
        length = grid.depth
        while length and not self._has_entries(cell[:length]):
            length -= 1
        size = (grid.right - grid.left) / 2**length
        radius = math.radians(size) if self.near.is_sphere else size
        return max(radius, self.near.low, 1e-9)

    def _has_entries(self, cell: str) -> bool:
        for prefix in self.prefixes:
            start = ((*prefix, cell_key(cell)), -1)
            found = self.index.entries.first_from(start)
            if found is not None and found[0] < (*prefix, cell_key(cell + "4")):
                return True
        return False

    def name(self) -> str:
        return self.index.name

    def note_use(self) -> None:
        self.index.uses += 1

    @property
    def stage(self) -> str:
        kind = "2DSPHERE" if self.index.pattern[self.path] == "2dsphere" else "2D"
        return f"GEO_NEAR_{kind}"
