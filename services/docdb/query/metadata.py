"""What a query knows of a document beside the document: `$meta` shows it.

    textScore         how well it answers a `$text`
    geoNearDistance   how far it is from the point of a `$near` or `$geoNear`

Documents are told apart by which object they are; a stage that makes another document of one
hands over what is known of it (`move`).
# Real: the metadata of a WorkingSetMember and of a Document in a pipeline.
"""

from services.docdb.bson.types import Document
from services.docdb.query.comparison import MISSING

VARIABLE = "$metadata"
"""Under this name it is among the variables of a query; no client can name it."""
TEXT_SCORE, DISTANCE, NEAR_POINT = "textScore", "geoNearDistance", "geoNearPoint"
NAMES = (TEXT_SCORE, DISTANCE, NEAR_POINT)


class Metadata:
    """Of all documents of one query."""

    __slots__ = ("_known", "is_kept")

    def __init__(self) -> None:
        self._known: dict[int, tuple[Document, dict[str, object]]] = {}
        self.is_kept = False
        """Whether the query makes any: else nobody needs to hand it on."""

    def put(self, document: Document, name: str, value: object) -> None:
        # The document is kept too, so that no other one gets its number.
        self._known.setdefault(id(document), (document, {}))[1][name] = value

    def get(self, document: Document, name: str) -> object:
        found = self._known.get(id(document))
        return MISSING if found is None else found[1].get(name, MISSING)

    def move(self, old: Document, new: Document) -> Document:
        """`new` is what has become of `old`."""
        found = self._known.get(id(old))
        if found is not None and new is not old:
            self._known[id(new)] = (new, found[1])
        return new
