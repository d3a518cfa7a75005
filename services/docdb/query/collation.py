"""Collation: in which order text comes, and which texts count as equal.

Without one, text is ordered by its code points. With one, a text is replaced by a key:

    strength 1   letters alone                      resume = Résumé
    strength 2   letters and accents                resume < résumé = RÉSUMÉ
    strength 3   letters, accents and case          (the default)
    numericOrdering   runs of digits are numbers    item9 < item10

The key is made with `unicodedata`, the same for every locale: decomposed, its base letters
first, its accents next, its case last. # Real: ICU, which knows the rules of each language.
Left out: the rules of locales, `alternate: shifted` for anything but white space and
punctuation, and `backwards`.
"""

import re
import unicodedata
from dataclasses import dataclass

from services.docdb.bson.types import Document
from services.docdb.errors import MongoError, bad_value
from services.docdb.query.comparison import KeyMaker, key_maker_with_strings, sort_key

_DIGITS = re.compile(r"(\d+)")
_LOCALE = re.compile(r"([a-z]{2,3})(_[A-Za-z0-9]+)*(@[a-z=;]+)?")
_LANGUAGES = frozenset(re.findall(r"\w+", """
    af am ar as az be bg bn bo bs ca chr cs cy da de dsb dz ee el en eo es et fa fi fil fo fr
    fy ga gl gu ha haw he hi hr hsb hu hy id ig is it ja ka kk kl km kn ko kok ky lb lkt ln lo
    lt lv mk ml mn mr ms mt my nb ne nl nn no om or pa pl ps pt ro ru se si sk sl smn sq sr sv
    sw ta te th tk to tr ug uk ur uz vi vo wae yi yo zh zu
"""))  # fmt: skip
"""The languages whose order ICU knows."""

_FIELDS: dict[str, tuple[type, ...]] = {
    "locale": (str,),
    "strength": (int, float),
    "caseLevel": (bool,),
    "caseFirst": (str,),
    "numericOrdering": (bool,),
    "alternate": (str,),
    "maxVariable": (str,),
    "normalization": (bool,),
    "backwards": (bool,),
    "version": (str,),
}


_CHOICES = {
    "caseFirst": ("off", "upper", "lower"),
    "alternate": ("non-ignorable", "shifted"),
    "maxVariable": ("punct", "space"),
}


@dataclass(frozen=True, slots=True)
class Collation:
    """How text is compared; `key` makes the sort key of any value under it."""

    spec: tuple[tuple[str, object], ...]
    key: KeyMaker

    @property
    def document(self) -> Document:
        return dict(self.spec)


def parse_collation(spec: object) -> Collation | None:
    """The collation of a command; None for the simple one. Raises MongoError."""
    if spec is None or spec == {}:
        return None
    if type(spec) is not dict:
        raise MongoError(14, "BSON field 'collation' is the wrong type, expected type 'object'")
    for name, value in spec.items():
        if name not in _FIELDS:
            raise MongoError(40415, f"BSON field 'collation.{name}' is an unknown field.")
        if not isinstance(value, _FIELDS[name]):
            raise MongoError(14, f"BSON field 'collation.{name}' is the wrong type")
    if "locale" not in spec:
        raise MongoError(40414, "BSON field 'collation.locale' is missing but a required field")
    if spec["locale"] == "simple":
        if len(spec) > 1:
            raise bad_value("If 'locale' is 'simple', no other fields are allowed in a collation")
        return None
    locale = _LOCALE.fullmatch(spec["locale"])
    if not locale or locale[1] not in _LANGUAGES:
        raise bad_value(f"Field 'locale' is invalid in: {spec}")
    if spec.get("strength", 3) not in (1, 2, 3, 4, 5):
        raise bad_value("Field 'strength' must be an integer 1 through 5")
    for name, known in _CHOICES.items():
        if spec.get(name, known[0]) not in known:
            raise bad_value(f"Enumeration value '{spec[name]}' for field 'collation.{name}' is not "
                            "a valid value.")  # fmt: skip
    full = _with_defaults(spec)
    return Collation(tuple(full.items()), key_maker_with_strings(_TextKey(full)))


def key_of(collation: Collation | None) -> KeyMaker:
    return collation.key if collation else sort_key


def _with_defaults(spec: Document) -> Document:
    return {
        "locale": spec["locale"],
        "caseLevel": spec.get("caseLevel", False),
        "caseFirst": spec.get("caseFirst", "off"),
        "strength": int(spec.get("strength", 3)),
        "numericOrdering": spec.get("numericOrdering", False),
        "alternate": spec.get("alternate", "non-ignorable"),
        "maxVariable": spec.get("maxVariable", "punct"),
        "normalization": spec.get("normalization", False),
        "backwards": spec.get("backwards", False),
        "version": "57.1",
    }


class _TextKey:
    """Makes the key of a text: base letters, then accents, then case, as far as they count."""

    __slots__ = ("_case_level", "_ignores", "_numeric", "_strength", "_upper_first")

    def __init__(self, spec: Document):
        self._strength = spec["strength"]
        self._case_level = spec["caseLevel"]
        self._numeric = spec["numericOrdering"]
        self._ignores = spec["alternate"] == "shifted"
        self._upper_first = spec["caseFirst"] == "upper"

    def __call__(self, text: str) -> object:
        if self._ignores:
            text = "".join(c for c in text if unicodedata.category(c)[0] not in "ZP")
        decomposed = unicodedata.normalize("NFD", text)
        letters = "".join(c for c in decomposed if not unicodedata.combining(c))
        key: list[object] = [self._base(letters.casefold())]
        if self._strength >= 2:
            key.append("".join(c for c in decomposed if unicodedata.combining(c)))
        if self._strength >= 3 or self._case_level:
            key.append(letters if self._upper_first else letters.swapcase())
        return tuple(key)

    def _base(self, letters: str) -> object:
        # Letters come after all else, as in every locale; digits before them.
        if not self._numeric:
            return _alphabetic(letters)
        pieces = _DIGITS.split(letters)
        return tuple(
            (1, int(piece)) if index % 2 else (2, _alphabetic(piece))
            for index, piece in enumerate(pieces)
            if piece
        )


def _alphabetic(letters: str) -> tuple:
    return tuple([(2 if c.isalpha() else 1 if c.isdigit() else 0, c) for c in letters])
