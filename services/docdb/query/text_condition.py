"""`$text`: a condition on the whole document, which only a text index can answer.

{$text: {$search: "coffee -decaf", $language: "en", $caseSensitive: …, $diacriticSensitive: …}}
"""

from dataclasses import dataclass

from services.docdb.bson.types import Document
from services.docdb.errors import MongoError, bad_value
from services.docdb.query.conditions import Condition, Predicate
from services.docdb.query.metadata import TEXT_SCORE, Metadata
from services.docdb.query.type_names import type_name
from services.docdb.storage.collection import Collection
from services.docdb.storage.index import Index, IndexKind
from services.docdb.text.languages import find_language
from services.docdb.text.search import Search

_OPTIONS = {
    "$search": "string",
    "$language": "string",
    "$caseSensitive": "bool",
    "$diacriticSensitive": "bool",
}


@dataclass(slots=True)
class TextCondition(Condition):
    """A search in the texts of a collection's text index."""

    index: Index
    search: Search
    metadata: Metadata

    def compile(self) -> Predicate:
        fields, search, metadata = self.index.extractor.fields, self.search, self.metadata

        def predicate(document: Document) -> bool:
            score = metadata.get(document, TEXT_SCORE)
            if type(score) is not float:
                score = search.score(fields.scores(document))
            return bool(score) and search.accepts(fields, document)

        return predicate


def text_index(collection: Collection | None) -> Index | None:
    for index in collection.indexes.values() if collection else ():
        if index.kind is IndexKind.TEXT and not index.is_hidden:
            return index
    return None


def parse_text(operand: object, collection: Collection | None, metadata: Metadata) -> Condition:
    """Raises MongoError."""
    if type(operand) is not dict:
        raise bad_value("$text expects an object")
    for name, value in operand.items():
        if name not in _OPTIONS:
            raise bad_value(f"extra fields in $text: {name}")
        if type_name(value) != _OPTIONS[name]:
            raise MongoError(14, f'"{name}" had the wrong type. Expected {_OPTIONS[name]}, '
                             f"found {type_name(value)}")  # fmt: skip
    if "$search" not in operand:
        raise MongoError(4, 'Missing expected field "$search"')
    index = text_index(collection)
    if index is None:
        raise MongoError(27, "text index required for $text query")
    fields = index.extractor.fields
    language = fields.default_language
    if "$language" in operand:
        language = find_language(operand["$language"])
    metadata.is_kept = True
    search = Search(
        language, operand.get("$caseSensitive", False), operand.get("$diacriticSensitive", False)
    )
    return TextCondition(index, search.read(operand["$search"]), metadata)
