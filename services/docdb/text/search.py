"""A search: what `$text` asks for, and whether a document's texts answer it.

    $search: "coffee \\"fair trade\\" -decaf"

    any of    coffee, fair, trade       a document has to have one of these terms,
    phrases   "fair trade"              each phrase as it is written,
    none of   decaf                     and none of these

The index finds the documents that have one of the terms; the rest is seen in their texts.
"""

import re
from dataclasses import dataclass, field

from services.docdb.bson.types import Document
from services.docdb.text.languages import Language
from services.docdb.text.scores import TextFields
from services.docdb.text.tokens import fold, terms

_PIECES = re.compile(r'(?:(?:(?<=\s)|^)(-))?"([^"]*)(?:"|$)|([^\s"]+)')


@dataclass(slots=True)
class Search:
    """A search string that was taken apart."""

    language: Language
    keeps_case: bool = False
    keeps_accents: bool = False
    terms: list[str] = field(default_factory=list)
    """As they are in the index: folded."""
    negated: list[str] = field(default_factory=list)
    phrases: list[str] = field(default_factory=list)
    negated_phrases: list[str] = field(default_factory=list)
    _exact_terms: set[str] = field(default_factory=set)
    _exact_negated: set[str] = field(default_factory=set)

    def read(self, text: str) -> "Search":
        for piece in _PIECES.finditer(text):
            minus, phrase, word = piece.groups()
            if phrase is not None:
                (self.negated_phrases if minus else self.phrases).append(self._fold(phrase))
                if not minus:
                    self._add(phrase, self.terms, self._exact_terms)
            elif word is not None and word.startswith("-"):
                self._add(word[1:], self.negated, self._exact_negated)
            elif word is not None:
                self._add(word, self.terms, self._exact_terms)
        return self

    def _fold(self, text: str) -> str:
        return fold(text, keeps_case=self.keeps_case, keeps_accents=self.keeps_accents)

    def _exact(self, text: str, language: Language) -> set[str]:
        found = terms(text, language, keeps_case=self.keeps_case, keeps_accents=self.keeps_accents)
        return set(found)

    def _add(self, text: str, folded: list[str], exact: set[str]) -> None:
        folded += [term for term in terms(text, self.language) if term not in folded]
        exact |= self._exact(text, self.language)

    def score(self, scores: dict[str, float]) -> float:
        """What the terms of a document are worth to this search; 0 where it has none."""
        return sum(scores.get(term, 0.0) for term in self.terms)

    @property
    def needs_texts(self) -> bool:
        """Whether the terms in the index do not tell everything."""
        return bool(
            self.negated
            or self.phrases
            or self.negated_phrases
            or self.keeps_case
            or self.keeps_accents
        )

    def accepts(self, fields: TextFields, document: Document) -> bool:
        """Whether a document that has one of the terms is found."""
        if not self.needs_texts:
            return True
        texts = list(fields.texts(document))
        folded = [self._fold(text) for text, _, _ in texts]
        if not all(any(phrase in text for text in folded) for phrase in self.phrases):
            return False
        if any(phrase in text for text in folded for phrase in self.negated_phrases):
            return False
        found = set().union(*(self._exact(text, language) for text, _, language in texts))
        return not found & self._exact_negated and bool(found & self._exact_terms)
