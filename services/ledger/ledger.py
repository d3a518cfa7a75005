"""The ledger: the state of a node, and the rules by which a message changes it.

The state is a pure function of the list: no clock, no network, no randomness. Whoever applies
the same messages in the same order has the same round and the same balances.

    apply(message)
        │
        ├─ list digest    every message counts, also an invalid one
        ├─ parse_group    its form           ── MalformedGroup ─┐
        ├─ validate       its place          ── RejectedGroup ──┤
        ├─ commit         round + 1, balances, history          │
        ▼                                                       ▼
       None: accepted                          the error: nothing has changed but the index

**The whole group or nothing** needs no undoing: validation never writes to the balances. It
puts the new balance of each account into a dict of its own, in which the later transactions
of the group look first, and only a group that is valid to its end is committed.

    balances   ada 10, bob 0
    group      ada → bob 7,  bob → cem 5
    changes    after the first   ada 3, bob 7
               after the second  ada 3, bob 2, cem 5       ─▶ balances.update(changes)

**The sum of all balances is 0.** Each transaction takes from one what it gives to another;
HIPO, which issues the asset, goes below zero by what it issued.
"""

from collections.abc import Iterable, Mapping
from typing import Protocol

from services.ledger.errors import GroupError, IssuanceClosed, NotYetValid, Overspending
from services.ledger.group import Transaction, parse_group
from services.ledger.history import History
from services.ledger.list_digest import ListDigest
from services.ledger.state_root import StateRoot

HIPO = "HIPO"
"""The account that issues the asset; it may go below zero.
# Real: the coinbase transaction in Bitcoin, the reserve account of an Algorand asset"""

LAST_ISSUING_ROUND = 2


class Balances(Protocol):
    """What validation asks of the balances: a dict, or the history's view of an earlier round."""

    def get(self, account: str, default: int) -> int: ...


class Ledger:
    """Round, balances, and all that is derived from them; for one thread at a time."""

    def __init__(self, history: History | None = None, list_digest: ListDigest | None = None):
        """An empty ledger, or one that goes on from what a snapshot kept."""
        self.history = history or History()
        self.list_digest = list_digest or ListDigest()
        self.round = self.history.round
        self.balances: dict[str, int] = self.history.latest_balances()
        self._state_root = StateRoot()
        self._state_root.touch(self.balances)

    @property
    def index(self) -> int:
        """How many messages have been applied, accepted or not: the index of the next one."""
        return self.list_digest.index

    def apply(self, message: bytes) -> GroupError | None:
        """Take the next message of the list: None where it was accepted, else why not."""
        self.list_digest.append(message)
        try:
            changes = validate(parse_group(message), self.round, self.balances)
        except GroupError as error:
            return error
        self._commit(changes)
        return None

    def _commit(self, changes: dict[str, int]) -> None:
        self.round += 1
        self.balances.update(changes)
        self.history.append(self.list_digest.index - 1, changes)
        self._state_root.touch(changes)

    def replay(self, messages: Iterable[bytes], *, stop_at_round: int | None = None) -> None:
        """Apply messages in order, none behind the one that makes `stop_at_round`."""
        for message in messages:
            if self.round == stop_at_round:
                return
            self.apply(message)

    def state_root(self) -> str:
        """The hash over round and balances; computed now, for what has changed since."""
        return self._state_root.compute(self.round, self.balances)

    def balances_at(self, round: int) -> dict[str, int]:
        """The balances after an earlier round, from 0 to the present one. Raises ValueError."""
        if not 0 <= round <= self.round:
            raise ValueError(f"the ledger is at round {self.round}")
        return dict(self.balances) if round == self.round else self.history.balances_at(round)

    def explain(self, index: int, message: bytes) -> GroupError | None:
        """The verdict on a message that has been applied at `index`, found again.

        Raises LookupError where it was another message that was applied.
        """
        if self.history.round_made_by(index) is not None:
            return None
        round = self.history.round_before(index)
        try:
            validate(parse_group(message), round, self.history.view(round))
        except GroupError as error:
            return error
        raise LookupError(f"another message was applied at index {index}")


def validate(group: list[Transaction], round: int, balances: Balances) -> dict[str, int]:
    """The new balance of each account that the group names. Raises RejectedGroup.

    `round` is the one before the group; the transactions take effect one after the other.
    """
    changes: dict[str, int] = {}
    for sender, receiver, amount, first_valid in group:
        if first_valid > round:
            raise NotYetValid(f"valid from round {_shown(first_valid)}, and this is {round}")
        if sender == HIPO and round > LAST_ISSUING_ROUND:
            raise IssuanceClosed(f"{HIPO} sends nothing after round {LAST_ISSUING_ROUND}")
        balance = _balance(sender, changes, balances)
        if balance < amount and sender != HIPO:
            raise Overspending(f"{sender[:64]!r} has {_shown(balance)}, sends {_shown(amount)}")
        # Written before the receiver's is read: whoever sends to himself ends as he began.
        changes[sender] = balance - amount
        changes[receiver] = _balance(receiver, changes, balances) + amount
    return changes


def _balance(account: str, changes: Mapping[str, int], balances: Balances) -> int:
    balance = changes.get(account)
    return balances.get(account, 0) if balance is None else balance


def _shown(number: int) -> str:
    """A number for people: one of thousands of digits would be slow to write, and no use."""
    bits = number.bit_length()
    return str(number) if bits <= 256 else f"a number of {bits} bits"
