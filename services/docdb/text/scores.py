"""Scores: which terms a document has, and how much each says about it.

    weights {title: 10, body: 1}

    title  "Coffee"              coffee  10 · 1 · 1 · 1.1      the whole field is that word
    body   "a cup of coffee"     coffee   1 · 1 · 0.75         one of two words that count

A term that comes again in a field counts half as much each time; a field of few words counts
more than one of many; and the weight of the field multiplies all of it. What a document has of
a term in all its fields is added up.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from services.docdb.bson.types import Document
from services.docdb.errors import MongoError
from services.docdb.query.comparison import MISSING
from services.docdb.query.paths import split, values_at
from services.docdb.text.languages import Language, find_language
from services.docdb.text.tokens import terms

EVERYTHING = "$**"


@dataclass(frozen=True, slots=True)
class TextFields:
    """The fields of a text index, and in which language they are."""

    weights: dict[str, float]
    default_language: Language
    language_field: str

    def texts(self, document: Document) -> Iterator[tuple[str, float, Language]]:
        """Each indexed text of a document, with its weight. Raises MongoError."""
        language = self._language_of(document, self.default_language)
        if EVERYTHING in self.weights:
            yield from self._all_texts(document, "", language)
            return
        for path, weight in self.weights.items():
            parts = split(path)
            owners = values_at(document, parts[:-1]) if len(parts) > 1 else [document]
            for owner in owners:
                yield from self._texts_of(owner, parts[-1], weight, language)

    def _texts_of(
        self, owner: object, name: str, weight: float, language: Language
    ) -> Iterator[tuple[str, float, Language]]:
        if type(owner) is list:
            for item in owner:
                yield from self._texts_of(item, name, weight, language)
        elif type(owner) is dict:
            language = self._language_of(owner, language)
            value = owner.get(name, MISSING)
            for item in value if type(value) is list else [value]:
                if type(item) is str:
                    yield item, weight, language

    def _all_texts(
        self, value: object, path: str, language: Language
    ) -> Iterator[tuple[str, float, Language]]:
        if type(value) is str:
            yield value, self.weights.get(path, self.weights[EVERYTHING]), language
        elif type(value) is list:
            for item in value:
                yield from self._all_texts(item, path, language)
        elif type(value) is dict:
            language = self._language_of(value, language)
            for name, item in value.items():
                if path or name != self.language_field:
                    inner = f"{path}.{name}" if path else name
                    yield from self._all_texts(item, inner, language)

    def _language_of(self, document: Document, inherited: Language) -> Language:
        name = document.get(self.language_field)
        if name is None:
            return inherited
        if type(name) is not str:
            raise MongoError(17261, "found language override field in document with non-string "
                             "type")  # fmt: skip
        return find_language(name)

    def scores(self, document: Document) -> dict[str, float]:
        """The terms of a document, each with its score. Raises MongoError."""
        found: dict[str, float] = {}
        for text, weight, language in self.texts(document):
            _add_scores(found, text, weight, language)
        return found


def _add_scores(found: dict[str, float], text: str, weight: float, language: Language) -> None:
    counts: dict[str, int] = {}
    total = 0
    for term in terms(text, language):
        counts[term] = counts.get(term, 0) + 1
        total += 1
    for term, count in counts.items():
        # 1 + 1/2 + 1/4 + … for each time that it comes.
        frequency = 2 - 0.5 ** (count - 1)
        share = 0.5 * count / total + 0.5
        is_all = 1.1 if text.lower() == term else 1.0
        found[term] = found.get(term, 0.0) + weight * frequency * share * is_all
