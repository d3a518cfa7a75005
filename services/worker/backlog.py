"""The backlog: what we think waits in each queue list, and which tasks come first in it.

Wake-ups add to it, claims take from it, and a look at the real lengths corrects it. It decides
nothing: a claim from a list that others have emptied brings nothing, and a task that was expected
and does not come costs a round trip.
"""

from collections.abc import Mapping, Sequence


class Backlog:
    """Numbers by list name, such as `default/5`."""

    def __init__(self) -> None:
        self.lengths: dict[str, int] = {}
        # The ids that come first, where wake-ups have told of all that waits there.
        self._heads: dict[str, list[str]] = {}

    @property
    def total(self) -> int:
        return sum(self.lengths.values())

    def found(self, lengths: Mapping[str, int]) -> None:
        """Somebody has looked at all lists."""
        self.lengths = dict(lengths)
        self._heads.clear()

    def woken(self, name: str, count: int, ids: Sequence[str]) -> None:
        """So many tasks more; these are the first of them."""
        before = self.lengths.get(name, 0)
        if len(self._heads.get(name, ())) == before:
            self._heads.setdefault(name, []).extend(ids)
        self.lengths[name] = before + count

    def expected(self, claims: Sequence[str]) -> dict[str, str]:
        """What claims from these lists will probably bring: ids, and from which list."""
        return {head.pop(0): name for name in claims if (head := self._heads.get(name))}

    def left(self, lengths: Mapping[str, int]) -> None:
        """What the claims have left of these lists."""
        self.lengths |= lengths
        for name, length in lengths.items():
            if len(self._heads.get(name, ())) != length:
                # Somebody else was faster, or we were not told of all: what comes first now?
                self._heads.pop(name, None)
