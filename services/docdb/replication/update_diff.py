"""What an update has changed in a document: found by comparing it before and after.

    before   {_id: 1, a: 1, b: {x: 1, y: 2}, l: [1, 2, 3], gone: 0}
    after    {_id: 1, a: 2, b: {x: 1, y: 5}, l: [1, 2], new: 0}

    updatedFields     {a: 2, "b.y": 5, new: 0}
    removedFields     ["gone"]
    truncatedArrays   [{field: "l", newSize: 2}]

Documents are compared field by field as deep as they go, arrays place by place; an array that
has grown by more than half of itself, or a value whose type has changed, is shown as a whole.
A path that cannot be told from a plain name with a dot in it, or from a number that is a name,
is spelled out in `disambiguatedPaths`. # Real: the $v: 2 diffs of the oplog, which are written
with each update; here they are found when somebody looks.
"""

from dataclasses import dataclass, field

from services.docdb.bson.types import Document
from services.docdb.query.comparison import is_identical

Path = tuple[object, ...]
"""Names of fields, and numbers of places in arrays."""


@dataclass(slots=True)
class UpdateDescription:
    """As change streams show it."""

    updated: list[tuple[Path, object]] = field(default_factory=list)
    removed: list[Path] = field(default_factory=list)
    truncated: list[tuple[Path, int]] = field(default_factory=list)

    def document(self, *, is_expanded: bool) -> Document:
        shown: Document = {
            "updatedFields": {dotted(path): value for path, value in self.updated},
            "removedFields": [dotted(path) for path in self.removed],
            "truncatedArrays": [
                {"field": dotted(path), "newSize": size} for path, size in self.truncated
            ],
        }
        if is_expanded:
            paths = [path for path, _ in self.updated] + self.removed
            paths += [path for path, _ in self.truncated]
            shown["disambiguatedPaths"] = {
                dotted(path): list(path) for path in paths if _is_ambiguous(path)
            }
        return shown


def dotted(path: Path) -> str:
    return ".".join(map(str, path))


def _is_ambiguous(path: Path) -> bool:
    """Whether the dotted form could be read in another way."""
    names = [part for part in path if type(part) is str]
    has_number_as_name = any(name.isdigit() for name in names[1:])
    return any("." in name for name in names) or has_number_as_name


def describe(before: Document, after: Document) -> UpdateDescription:
    """What was changed between the two."""
    description = UpdateDescription()
    _compare_documents(before, after, (), description)
    return description


def _compare_documents(
    before: Document, after: Document, path: Path, found: UpdateDescription
) -> None:
    for name in before:
        if name not in after:
            found.removed.append((*path, name))
    for name, value in after.items():
        if name not in before:
            found.updated.append(((*path, name), value))
        else:
            _compare(before[name], value, (*path, name), found)


def _compare(before: object, after: object, path: Path, found: UpdateDescription) -> None:
    if before is after or is_identical(before, after):
        return
    if type(before) is dict and type(after) is dict and after:
        _compare_documents(before, after, path, found)
    elif type(before) is list and type(after) is list and _is_worth_it(before, after):
        _compare_arrays(before, after, path, found)
    else:
        found.updated.append((path, after))


def _is_worth_it(before: list, after: list) -> bool:
    """Whether the arrays have enough in common to be shown place by place."""
    return bool(after) and len(after) - len(before) <= max(1, len(before) // 2)


def _compare_arrays(before: list, after: list, path: Path, found: UpdateDescription) -> None:
    if len(after) < len(before):
        found.truncated.append((path, len(after)))
    for place, value in enumerate(after):
        if place >= len(before):
            found.updated.append(((*path, place), value))
        else:
            _compare(before[place], value, (*path, place), found)
