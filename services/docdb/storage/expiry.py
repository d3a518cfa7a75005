"""TTL indexes: documents whose date is too long ago are removed, once a minute.

`expireAfterSeconds` says how long after the date in the indexed field. A field that is an array
counts with its earliest date; what is no date never expires. # Real: TTLMonitor in MongoDB.
"""

from services.docdb.errors import MongoError
from services.docdb.query.comparison import DATE_RANK
from services.docdb.storage.catalog import Catalog
from services.docdb.storage.collection import Collection
from services.docdb.storage.index import Index


def remove_expired(catalog: Catalog, now_ms: int) -> int:
    """Remove what has expired; how many documents that were."""
    removed = 0
    for collection in list(catalog.collections()):
        for index in list(collection.indexes.values()):
            if "expireAfterSeconds" in index.spec and len(index.fields) == 1:
                removed += _remove_from(collection, index, now_ms)
    return removed


def _remove_from(collection: Collection, index: Index, now_ms: int) -> int:
    deadline_ms = now_ms - int(index.spec["expireAfterSeconds"] * 1000)
    low, high = (((DATE_RANK,),), -1), (((DATE_RANK, deadline_ms),), float("inf"))
    record_ids = {record_id for _, record_id in index.entries.between(low, high)}
    removed = 0
    for record_id in record_ids:
        try:
            collection.delete(collection.records[record_id])
            removed += 1
        except MongoError:
            continue  # A transaction has it; there will be another look.
    return removed
