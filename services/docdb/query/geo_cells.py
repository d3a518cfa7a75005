"""Which cells of a geospatial index an area leaves to be read."""

from services.docdb.geo import cells
from services.docdb.geo.shapes import Cap, boxes_of
from services.docdb.query.geo_conditions import Area
from services.docdb.query.intervals import Interval
from services.docdb.storage.geo_column import cell_key
from services.docdb.storage.index import Index

MAX_INTERVALS = 500


def intervals_of(index: Index, path: str, area: Area) -> list[Interval] | None:
    """Where in a geospatial index all is that may be in an area; None where it cannot say."""
    grid = index.grid_of(path)
    is_sphere = index.pattern[path] == "2dsphere"
    if area.flat is not None:
        if is_sphere:
            return None
        boxes = [area.flat.box()]
    elif is_sphere or (type(area.sphere) is Cap and grid.left >= -180 and grid.right <= 180):
        boxes = boxes_of(area.sphere.bounds())
    else:
        return None
    found = cells.ranges(grid.cover(boxes))
    if len(found) > MAX_INTERVALS:
        return None
    return [Interval(cell_key(low), cell_key(high)) for low, high in found]
