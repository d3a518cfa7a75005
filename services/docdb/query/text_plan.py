"""The plan of `$text`: the records that have one of the terms, with what they are worth.

    term "coffe"  ─▶  records 3, 8       ┐
    term "fair"   ─▶  records 3, 5       ├─▶  3: 0.75 + 0.75    5: 0.6    8: 1.1
    term "trade"  ─▶  records 3          ┘

Phrases, negated terms and case are seen in the documents (`TextCondition`).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from services.docdb.query.comparison import STRING_RANK
from services.docdb.query.metadata import TEXT_SCORE
from services.docdb.query.plans import Counters, Plan
from services.docdb.query.text_condition import TextCondition
from services.docdb.storage.collection import Collection, Record
from services.docdb.storage.index import Index
from services.docdb.storage.sorted_blocks import TOP
from services.docdb.storage.text_keys import MAX_TERM_CHARACTERS


@dataclass(slots=True)
class TextScan(Plan):
    """Real: TEXT_MATCH over TEXT_OR over IXSCAN."""

    condition: TextCondition
    prefix: tuple = ()
    sorts: bool = False

    @property
    def index(self) -> Index:
        return self.condition.index

    def records(self, collection: Collection, counters: Counters) -> Iterator[Record]:
        scores: dict[int, float] = {}
        place = len(self.prefix) + 1
        for term in self.condition.search.terms:
            start = (*self.prefix, (STRING_RANK, term[:MAX_TERM_CHARACTERS]))
            for key, record_id in self.index.entries.between(
                (start, -1), ((*start, TOP), float("inf"))
            ):
                counters.keys += 1
                scores[record_id] = scores.get(record_id, 0.0) + key[place][1]
        metadata = self.condition.metadata
        for record_id, score in scores.items():
            record = collection.records.get(record_id)
            if record is not None:
                counters.documents += 1
                metadata.put(record.document, TEXT_SCORE, score)
                yield record

    def name(self) -> str:
        return self.index.name

    def note_use(self) -> None:
        self.index.uses += 1
