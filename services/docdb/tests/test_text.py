"""Full-text search: stems, the pieces of a search, and that the index says what the texts say."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.docdb.tests.support import Database
from services.docdb.text.languages import ENGLISH, find_language
from services.docdb.text.search import Search
from services.docdb.text.stemmer import stem
from services.docdb.text.tokens import terms

# From the published vocabulary of the Porter2 algorithm.
STEMS = (
    "consist consist|consisted consist|consistency consist|consistently consist|consolation consol"
    "|knack knack|knackeries knackeri|kneel kneel|kneeling kneel|knightly knight|knots knot"
    "|caresses caress|ponies poni|ties tie|cries cri|gas gas|gaps gap|kiwis kiwi|agreed agre"
    "|hopping hop|hoping hope|luxuriating luxuri|happy happi|cry cri|by by|say say"
    "|relational relat|rationally ration|hopefulness hope|generalization general|sky sky"
    "|skies sky|dying die|news news|inning inning|proceed proceed|succeeded succeed|a a"
    "|controlling control"
)


@pytest.mark.parametrize("pair", STEMS.split("|"))
def test_stems(pair: str) -> None:
    word, expected = pair.split()
    assert stem(word) == expected


@given(st.text(st.characters(codec="utf-8"), max_size=30))
def test_any_text_has_terms(text: str) -> None:
    for language in (ENGLISH, find_language("none")):
        assert all(list(terms(text, language)))


@pytest.mark.parametrize(
    ("text", "found", "negated", "phrases", "negated_phrases"),
    [
        ('coffee "fair trade" -decaf', ["coffe", "fair", "trade"], ["decaf"], ["fair trade"], []),
        ("self-made -x-y", ["self", "made"], ["x", "y"], [], []),
        ('a -"no way"', [], [], [], ["no way"]),
        ('"never ends', ["never", "end"], [], ["never ends"], []),
        ('"" - --', [], [], [""], []),
    ],
)
def test_a_search_is_taken_apart(
    text: str, found: list, negated: list, phrases: list, negated_phrases: list
) -> None:
    search = Search(ENGLISH).read(text)
    assert search.terms == found
    assert search.negated == negated
    assert search.phrases == phrases
    assert search.negated_phrases == negated_phrases


words = st.sampled_from(["coffee", "tea", "runs", "running", "red", "Redder", "the", "cup", "cups"])
texts = st.lists(words, max_size=6).map(" ".join)
searches = st.lists(st.one_of(words, words.map(lambda w: f"-{w}")), min_size=1, max_size=3).map(
    " ".join
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(texts, st.lists(texts, max_size=2)), min_size=1, max_size=8), searches)
def test_what_is_found_is_what_the_words_say(contents: list, wanted: str) -> None:
    database = Database()
    index = {"key": {"t": "text"}, "name": "t"}
    documents = [{"_id": number, "t": content} for number, content in enumerate(contents)]
    half = len(documents) // 2
    database.insert("c", {"_id": "none"}, *documents[:half])
    assert database.run({"createIndexes": "c", "indexes": [index]})["ok"]
    for document in documents[half:]:
        database.insert("c", document)

    def stems(text: str) -> set[str]:
        return {stem(word.lower()) for word in text.split() if word != "the"}

    yes = stems(" ".join(word for word in wanted.split() if not word.startswith("-")))
    no = stems(" ".join(word[1:] for word in wanted.split() if word.startswith("-")))
    expected = []
    for number, content in enumerate(contents):
        has = stems(content if type(content) is str else " ".join(content))
        if has & yes and not has & no:
            expected.append(number)
    found = database.find("c", {"$text": {"$search": wanted}}, sort={"_id": 1})
    assert [document["_id"] for document in found] == expected
    assert database.run({"validate": "c"})["valid"]
