"""The keys of a text index: one for each term of a document, with the score that it has there.

    index  {city: 1, _fts: "text", _ftsx: 1}         document  {city: "Rome", title: "Fresh coffee"}

    keys   ("Rome", "coffe", 0.75)   ("Rome", "fresh", 0.75)

Fields before the terms have to be fixed by the query; fields behind them are merely kept.
"""

from services.docdb.bson.types import Document
from services.docdb.errors import MongoError
from services.docdb.query.comparison import NUMBER_RANK, STRING_RANK
from services.docdb.storage.index_keys import Column
from services.docdb.text.languages import find_language
from services.docdb.text.scores import TextFields

MAX_TERM_CHARACTERS = 256


def text_fields(spec: Document) -> TextFields:
    return TextFields(
        {path: float(weight) for path, weight in spec["weights"].items()},
        find_language(spec.get("default_language", "english")),
        spec.get("language_override", "language"),
    )


class TextKeyExtractor:
    """Makes the keys of documents for one text index."""

    __slots__ = ("_after", "_before", "fields")

    def __init__(self, before: list[Column], after: list[Column], fields: TextFields):
        self._before = before
        self._after = after
        self.fields = fields

    def part(self, value_key: tuple, place: int) -> object:
        return value_key

    def keys(self, document: Document) -> tuple[list[tuple], bool]:
        """Raises MongoError."""
        prefix = tuple(self._single(column, document) for column in self._before)
        suffix = tuple(self._single(column, document) for column in self._after)
        scores: dict[str, float] = {}
        for term, score in self.fields.scores(document).items():
            scores[term[:MAX_TERM_CHARACTERS]] = score
        keys = [
            (*prefix, (STRING_RANK, term), (NUMBER_RANK, score), *suffix)
            for term, score in scores.items()
        ]
        return keys, len(keys) > 1

    def _single(self, column: Column, document: Document) -> tuple:
        found, is_array = column.keys(document)
        if is_array:
            raise MongoError(16675, "cannot have a multi-key as a prefix to a text index")
        return found[0]
