"""Full-text search: what a text index holds, and what `$text` asks of it.

    "The runners were running"  ─▶  tokens: the runners were running
                                ─▶  without stop words: runners running
                                ─▶  stems: runner run          each with a score, into the index

    tokens       a text becomes words; case and accents are folded away
    stop_words   the words that are in every text and so find nothing
    stemmer      English words become their stems
    languages    which of the two a language has
    scores       the terms of a document, and how much each says about it
    search       `$search: "coffee \\"fair trade\\" -decaf"` is taken apart, and held against texts

What is left out: stop words and stems of any language but English; other languages are accepted,
and their words stay as they are. # Real: the Snowball stemmers of fifteen languages.
"""
