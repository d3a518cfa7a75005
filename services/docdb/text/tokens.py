"""Tokens: a text becomes words, and words become the terms of an index.

    "L'Été's café"  ─▶  L'Été's, café  ─▶  l'ete's, cafe  ─▶  l'ete, cafe     (english)

What is between words is anything but letters, digits, underscores and, in English, apostrophes.
"""

import re
import unicodedata
from collections.abc import Iterator

from services.docdb.text.languages import ENGLISH, Language

_WORDS = re.compile(r"\w+")
_ENGLISH_WORDS = re.compile(r"\w+(?:'\w+)*'?")


def words(text: str, language: Language) -> list[str]:
    """The words as they are written."""
    return (_ENGLISH_WORDS if language is ENGLISH else _WORDS).findall(text)


def without_accents(text: str) -> str:
    if text.isascii():
        return text
    decomposed = unicodedata.normalize("NFD", text)
    return "".join([c for c in decomposed if not unicodedata.combining(c)])


def fold(text: str, *, keeps_case: bool = False, keeps_accents: bool = False) -> str:
    """A text as it is compared."""
    if not keeps_accents:
        text = without_accents(text)
    return text if keeps_case else text.lower()


def terms(
    text: str, language: Language, *, keeps_case: bool = False, keeps_accents: bool = False
) -> Iterator[str]:
    """The terms of a text in their order, without stop words."""
    for word in words(text, language):
        if word.lower() in language.stop_words:
            continue
        folded = fold(word, keeps_case=keeps_case, keeps_accents=keeps_accents)
        yield language.stem(folded) if language.stem else folded
