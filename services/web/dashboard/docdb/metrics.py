"""The figures of the topic `docdb` as metrics."""

from collections.abc import Mapping

from services.web.dashboard.metrics import Family, Figures, families_of_table

_TABLE = (
    ("connections", "docdb_connections", "gauge", "Clients that are connected."),
    ("cursors", "docdb_open_cursors", "gauge", "Cursors that clients have not read to the end."),
    ("resident_bytes", "docdb_resident_bytes", "gauge", "Memory of the process."),
)
_OF_DATABASES = (
    ("documents", "docdb_documents", "Documents, by database."),
    ("data_bytes", "docdb_data_bytes", "Size of the documents, by database."),
    ("index_bytes", "docdb_index_bytes", "Size of the indexes, by database."),
    ("collections", "docdb_collections", "Collections, by database."),
)


def docdb_metrics(figures: Figures) -> list[Family]:
    operations = Family("docdb_operations_total", "counter", "Operations since the start, by kind.")
    counters = figures.get("operations")
    if isinstance(counters, Mapping):
        for kind, count in counters.items():
            operations.add(count, kind=str(kind))
    families = []
    for field, name, text in _OF_DATABASES:
        family = Family(name, "gauge", text)
        for database in figures.get("databases") or ():
            family.add(database[field], database=database["name"])
        families.append(family)
    return [operations, *families, *families_of_table(figures, _TABLE)]
