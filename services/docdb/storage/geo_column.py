"""The column of a geospatial field: the cells that its shapes are in (`services.docdb.geo.cells`).

2dsphere    GeoJSON, or legacy pairs of longitude and latitude
2d          legacy pairs alone, in any unit; the field may be an array of pairs

A document without such a field has no keys in the index at all: it is sparse by nature.
"""

from services.docdb.bson.types import Document
from services.docdb.errors import MongoError
from services.docdb.geo.cells import EARTH, Grid
from services.docdb.geo.geojson import (
    cannot_extract,
    is_geojson,
    legacy_pair,
    parse_geometry,
)
from services.docdb.geo.shapes import Geometry, boxes_of
from services.docdb.query.comparison import MISSING, STRING_RANK, SortKey
from services.docdb.query.paths import values_at
from services.docdb.storage.index_keys import Column

DOCUMENT_CELLS = 8
"""A shape is indexed under so many cells at the most: each costs an entry."""


def cell_key(cell: str) -> SortKey:
    return (STRING_RANK, cell)


class SphereColumn(Column):
    __slots__ = ()
    grid = EARTH

    def keys(self, document: Document) -> tuple[list[SortKey], bool]:
        cells: dict[str, None] = {}
        shapes = 0
        for value in values_at(document, self.parts):
            for item in shapes_in(value):
                shapes += 1
                try:
                    geometry = parse_geometry(item)
                except MongoError as error:
                    raise cannot_extract(document, error.message) from None
                cells |= dict.fromkeys(cells_of(geometry))
        return [cell_key(cell) for cell in cells], shapes > 1


def shapes_in(value: object) -> list[object]:
    if value is MISSING or value is None or value == []:
        return []
    # An array of shapes, rather than one legacy pair.
    if type(value) is list and type(value[0]) in (list, dict):
        return value
    return [value]


def cells_of(geometry: Geometry) -> list[str]:
    if geometry.position is not None:
        return [EARTH.cell(*geometry.position)]
    return EARTH.cover(boxes_of(geometry.bounds()), DOCUMENT_CELLS)


class FlatColumn(Column):
    __slots__ = ("grid",)

    def __init__(self, path: str, grid: Grid):
        super().__init__(path)
        self.grid = grid

    def keys(self, document: Document) -> tuple[list[SortKey], bool]:
        cells: dict[str, None] = {}
        points = 0
        for value in values_at(document, self.parts):
            for item in shapes_in(value):
                points += 1
                cells[self._cell(document, item)] = None
        return [cell_key(cell) for cell in cells], points > 1

    def _cell(self, document: Document, value: object) -> str:
        if is_geojson(value) and value["type"] == "Point":
            value = value.get("coordinates")
        try:
            x, y = legacy_pair(value)
        except MongoError as error:
            raise MongoError(13068, f"geo field only has 1 element, or no pair of numbers: "
                                    f"{error.message}") from None  # fmt: skip
        grid = self.grid
        if not (grid.left <= x <= grid.right and grid.lower <= y <= grid.upper):
            raise MongoError(13027, f"point not in interval of [ {grid.left:g}, {grid.right:g} ] "
                             f":: caused by :: {{_id: {document.get('_id')}}}")  # fmt: skip
        return grid.cell(x, y)


def flat_grid(spec: Document) -> Grid:
    """The grid of a 2d index, as its options say."""
    low, high = float(spec.get("min", -180)), float(spec.get("max", 180))
    return Grid(low, low, high, high, int(spec.get("bits", 26)))
