"""Languages: which words a text index leaves out, and what of a word it keeps."""

from collections.abc import Callable
from dataclasses import dataclass

from services.docdb.errors import MongoError
from services.docdb.text import stop_words
from services.docdb.text.stemmer import stem


@dataclass(frozen=True, slots=True)
class Language:
    name: str
    stop_words: frozenset[str] = frozenset()
    stem: Callable[[str], str] | None = None


ENGLISH = Language("english", stop_words.ENGLISH, stem)
_CODES = {
    "danish": "da",
    "dutch": "nl",
    "finnish": "fi",
    "french": "fr",
    "german": "de",
    "hungarian": "hu",
    "italian": "it",
    "norwegian": "nb",
    "portuguese": "pt",
    "romanian": "ro",
    "russian": "ru",
    "spanish": "es",
    "swedish": "sv",
    "turkish": "tr",
}
_BY_NAME = (
    {name: Language(name) for name in ("none", *_CODES)}
    | {code: Language(name) for name, code in _CODES.items()}
    | {"english": ENGLISH, "en": ENGLISH}
)


def find_language(name: object) -> Language:
    """By its name or code. Raises MongoError."""
    if type(name) is not str:
        raise MongoError(17261, "the language of a text has to be a string")
    found = _BY_NAME.get(name.lower())
    if found is None:
        raise MongoError(17262, f'unsupported language: "{name}" for text index version 3')
    return found
