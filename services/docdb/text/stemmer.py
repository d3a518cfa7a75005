"""The English stemmer: running, runs ─▶ run. Martin Porter's second algorithm, "Porter2".

A word loses its endings in a fixed order of steps. Most steps apply only within a region of the
word, so that short words stay whole:

    b e a u t i f u l       R1 begins behind the first consonant that follows a vowel: "iful"
                            R2 is the same again within R1: "ul"

    1a  plurals          caresses ─▶ caress    ties ─▶ tie    cats ─▶ cat
    1b  -ed, -ing        hopping ─▶ hop        hoping ─▶ hope
    1c  -y               happy ─▶ happi        so that it meets "happiness"
    2   long endings     rational ─▶ ration    by way of a shorter ending
    3   more of them     electrical ─▶ electric
    4   endings in R2    adjustment ─▶ adjust
    5   a last e or l    rate ─▶ rate, controll ─▶ control

A stem need not be a word; it only has to be the same for words that belong together.
# Real: the Snowball library, from http://snowballstem.org/algorithms/english/stemmer.html
"""

import re
from functools import lru_cache

_VOWELS = "aeiouy"
_DOUBLES = ("bb", "dd", "ff", "gg", "mm", "nn", "pp", "rr", "tt")
_REGION = re.compile(r"[aeiouy][^aeiouy]")
_SHORT_SYLLABLE = re.compile(r"([^aeiouy][aeiouy][^aeiouywxY]|^[aeiouy][^aeiouy])$")
_HAS_VOWEL = re.compile(r"[aeiouy]")

# Words that the steps would get wrong.
_EXCEPTIONS = {
    "skis": "ski", "skies": "sky", "dying": "die", "lying": "lie", "tying": "tie", "idly": "idl",
    "gently": "gentl", "ugly": "ugli", "early": "earli", "only": "onli", "singly": "singl",
    "sky": "sky", "news": "news", "howe": "howe", "atlas": "atlas", "cosmos": "cosmos",
    "bias": "bias", "andes": "andes",
}  # fmt: skip
_DONE_AFTER_1A = frozenset(
    ["inning", "outing", "canning", "herring", "earring", "proceed", "exceed", "succeed"]
)

_STEP_2 = {
    "tional": "tion", "enci": "ence", "anci": "ance", "abli": "able", "entli": "ent",
    "izer": "ize", "ization": "ize", "ational": "ate", "ation": "ate", "ator": "ate",
    "alism": "al", "aliti": "al", "alli": "al", "fulness": "ful", "ousli": "ous",
    "ousness": "ous", "iveness": "ive", "iviti": "ive", "biliti": "ble", "bli": "ble",
    "fulli": "ful", "lessli": "less", "ogi": "og", "li": "",
}  # fmt: skip
_STEP_3 = {
    "tional": "tion", "ational": "ate", "alize": "al", "icate": "ic", "iciti": "ic",
    "ical": "ic", "ful": "", "ness": "", "ative": "",
}  # fmt: skip
_STEP_4 = ("al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ism",
           "ate", "iti", "ous", "ive", "ize", "ion")  # fmt: skip


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """The stem of a word in lower case."""
    if len(word) <= 2:
        return word
    if word in _EXCEPTIONS:
        return _EXCEPTIONS[word]
    word = _with_consonant_y(word.lstrip("'"))
    r1, r2 = _regions(word)
    word = _step_1a(_without_possessive(word))
    if word in _DONE_AFTER_1A:
        return word
    word = _step_1c(_step_1b(word, r1))
    word = _step_2(word, r1)
    word = _step_3(word, r1, r2)
    word = _step_4(word, r2)
    return _step_5(word, r1, r2).replace("Y", "y")


def _with_consonant_y(word: str) -> str:
    """A y that sounds as a consonant is written Y for the time being."""
    word = re.sub(r"^y", "Y", word)
    return re.sub(r"(?<=[aeiouy])y", "Y", word)


def _regions(word: str) -> tuple[int, int]:
    """Where R1 and R2 begin."""
    prefix = next((p for p in ("gener", "commun", "arsen") if word.startswith(p)), "")
    r1 = len(prefix) or _behind_syllable(word, 0)
    return r1, _behind_syllable(word, r1)


def _behind_syllable(word: str, start: int) -> int:
    found = _REGION.search(word, start)
    return found.end() if found else len(word)


def _longest_suffix(word: str, suffixes: object) -> str:
    return max((suffix for suffix in suffixes if word.endswith(suffix)), key=len, default="")


def _without_possessive(word: str) -> str:
    for ending in ("'s'", "'s", "'"):
        if word.endswith(ending):
            return word.removesuffix(ending)
    return word


def _step_1a(word: str) -> str:
    if word.endswith("sses"):
        return word[:-2]
    if word.endswith(("ied", "ies")):
        return word[:-2] if len(word) > 4 else word[:-1]
    if word.endswith(("us", "ss")):
        return word
    # The vowel right before the s does not count: gas stays, gaps becomes gap.
    if word.endswith("s") and _HAS_VOWEL.search(word[:-2]):
        return word[:-1]
    return word


def _step_1b(word: str, r1: int) -> str:
    ending = _longest_suffix(word, ("eed", "eedly", "ed", "edly", "ing", "ingly"))
    if not ending:
        return word
    base = word.removesuffix(ending)
    if ending in ("eed", "eedly"):
        return base + "ee" if len(base) >= r1 else word
    if not _HAS_VOWEL.search(base):
        return word
    if base.endswith(("at", "bl", "iz")):
        return base + "e"
    if base.endswith(_DOUBLES):
        return base[:-1]
    if r1 >= len(base) and _SHORT_SYLLABLE.search(base):
        return base + "e"
    return base


def _step_1c(word: str) -> str:
    if len(word) > 2 and word[-1] in "yY" and word[-2] not in _VOWELS:
        return word[:-1] + "i"
    return word


def _step_2(word: str, r1: int) -> str:
    ending = _longest_suffix(word, _STEP_2)
    base = word.removesuffix(ending) if ending else word
    if not ending or len(base) < r1:
        return word
    if ending == "ogi" and not base.endswith("l"):
        return word
    if ending == "li" and base[-1:] not in tuple("cdeghkmnrt"):
        return word
    return base + _STEP_2[ending]


def _step_3(word: str, r1: int, r2: int) -> str:
    ending = _longest_suffix(word, _STEP_3)
    base = word.removesuffix(ending) if ending else word
    if not ending or len(base) < (r2 if ending == "ative" else r1):
        return word
    return base + _STEP_3[ending]


def _step_4(word: str, r2: int) -> str:
    ending = _longest_suffix(word, _STEP_4)
    base = word.removesuffix(ending) if ending else word
    if not ending or len(base) < r2 or (ending == "ion" and base[-1:] not in ("s", "t")):
        return word
    return base


def _step_5(word: str, r1: int, r2: int) -> str:
    base = word[:-1]
    if word.endswith("e"):
        in_r1 = len(base) >= r1 and not _SHORT_SYLLABLE.search(base)
        return base if len(base) >= r2 or in_r1 else word
    if word.endswith("ll") and len(base) >= r2:
        return base
    return word
