"""What a statement does with each table that it names, for the question whether its user may.

The binder notes it while it resolves names; `session.permissions` asks when the statement is
planned. # Real: requiredPerms, selectedCols and checkAsUser of a RangeTblEntry
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.sqldb.catalog.definitions import Table


@dataclass(slots=True, eq=False)
class Access:
    """One mention of a table. Columns are attnums, below 0 those of the system.

    A view that is changed has the table below it (`below`, whose `view` it is): what is done to the
    view is done to that, by the rights of the view's owner.
    """

    table: Table
    # The view's owner, for what a view reads; 0: who runs the statement.
    as_role: int = 0
    letters: set[str] = field(default_factory=set)
    selected: set[int] = field(default_factory=set)
    inserted: set[int] = field(default_factory=set)
    updated: set[int] = field(default_factory=set)
    view: Access | None = None
    below: Access | None = None
    # Of a view that is changed: its attnums by the indexes of the columns of the table below all.
    numbers: dict[int, int] = field(default_factory=dict)

    @property
    def wanted(self) -> set[str]:
        """The letters of the rights that it takes."""
        if self.view is not None:
            return self.view.wanted
        return self.letters | {"r"} if self.selected else self.letters

    def note_inserted(self, indexes: Iterable[int]) -> None:
        self.letters.add("a")
        self._note("inserted", list(indexes))

    def note_updated(self, indexes: Iterable[int]) -> None:
        self.letters.add("w")
        self._note("updated", list(indexes))

    def _note(self, what: str, indexes: list[int]) -> None:
        one: Access | None = self
        while one is not None:
            getattr(one, what).update(one.numbers.get(index, index + 1) for index in indexes)
            one = one.below
