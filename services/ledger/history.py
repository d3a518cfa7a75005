"""History: the balances at any earlier round, kept as versions of each account.

Each account has two columns, the rounds that changed it and its balance after each:

    ada    rounds   [   1,    4,    9]
           balances [1000,  960,  971]

    ada at round 8?   the last change not after 8 is that of round 4   ─▶ 960
    ada at round 0?   there is none                                    ─▶ no such account yet

A question costs one binary search for each account, however far back it reaches; a transfer
costs one entry for each of its two accounts. Rounds are packed in an array (8 bytes), balances
are Python integers of any size (8 bytes for the reference, 28 or more for the number).

Beside the accounts stands `message_indexes`: which message of the list made each round. So
the round that any message met is one more binary search, and its verdict can be found again
at any time by validating it against the balances of that round. No verdict is stored.

# Real: an archive node keeps the state of each block (Ethereum), a pruned one only the last;
# versions with the number of the change that made them are MVCC in a database.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator


class AccountHistory:
    """The balances that one account has had. `rounds` grows strictly."""

    __slots__ = ("balances", "rounds")

    def __init__(self, rounds: array | None = None, balances: list[int] | None = None):
        self.rounds = array("q") if rounds is None else rounds
        self.balances: list[int] = [] if balances is None else balances

    def at(self, round: int) -> int | None:
        """The balance after `round`; None where the account did not exist yet."""
        changes = bisect_right(self.rounds, round)
        return self.balances[changes - 1] if changes else None


class History:
    """What every accepted group has changed."""

    __slots__ = ("accounts", "message_indexes")

    def __init__(self) -> None:
        self.accounts: dict[str, AccountHistory] = {}
        self.message_indexes = array("q")

    @property
    def round(self) -> int:
        """The latest round."""
        return len(self.message_indexes)

    def append(self, message_index: int, balances: dict[str, int]) -> None:
        """Record the next round: the message that made it and the balances that it changed."""
        self.message_indexes.append(message_index)
        round = len(self.message_indexes)
        accounts = self.accounts
        for account, balance in balances.items():
            history = accounts.get(account)
            if history is None:
                history = accounts[account] = AccountHistory()
            history.rounds.append(round)
            history.balances.append(balance)

    def balances_at(self, round: int) -> dict[str, int]:
        """Every account that existed after `round`, with its balance."""
        found = ((account, history.at(round)) for account, history in self.accounts.items())
        return {account: balance for account, balance in found if balance is not None}

    def latest_balances(self) -> dict[str, int]:
        return {account: history.balances[-1] for account, history in self.accounts.items()}

    def round_before(self, message_index: int) -> int:
        """The round that the message at `message_index` met."""
        return bisect_left(self.message_indexes, message_index)

    def round_made_by(self, message_index: int) -> int | None:
        """The round that the message made; None where it was not accepted."""
        round = self.round_before(message_index)
        if round < self.round and self.message_indexes[round] == message_index:
            return round + 1
        return None

    def view(self, round: int) -> "BalancesAt":
        return BalancesAt(self, round)

    def items(self) -> Iterator[tuple[str, AccountHistory]]:
        return iter(self.accounts.items())


class BalancesAt:
    """The balances at one round, looked up one by one: as much of a dict as validation needs."""

    __slots__ = ("_history", "_round")

    def __init__(self, history: History, round: int):
        self._history = history
        self._round = round

    def get(self, account: str, default: int) -> int:
        history = self._history.accounts.get(account)
        balance = None if history is None else history.at(self._round)
        return default if balance is None else balance
