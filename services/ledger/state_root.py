"""The state root: one hash over the round and all balances, so that nodes can compare them.

Each account is hashed with its balance into a 256-bit number; their sum stands for all of
them in any order, and the root is the hash of the round and the sum:

    term(account) = SHA-256( name ‖ 0x00 0xff ‖ balance )
    root          = SHA-256( round ‖ Σ term(account)  mod 2²⁵⁶ )

A sum can be kept up to date: when a balance changes, its old term is subtracted and its new
one added. And it can be late: applying a group only marks its accounts (`touch`), and the
terms are hashed when somebody asks for the root. A node that replays a million groups hashes
each account once, at the end. The price is one number in memory for each account.

Two honest nodes with different balances never show the same root in practice. The sum is no
proof against a forger, who could search for accounts whose terms cancel each other: it is
there to notice a fault, and the list is there to settle it.
# Real: the Merkle Patricia trie of Ethereum, whose root also proves a single account;
# MuHash in Bitcoin Core is a set hash like this one, made safe by multiplying modulo a prime.
"""

from collections.abc import Iterable, Mapping
from hashlib import sha256

_MODULUS = 1 << 256
# No UTF-8 text holds the byte 0xff, so no name can be mistaken for another with its balance.
_SEPARATOR = b"\x00\xff"


class StateRoot:
    """The root over balances that are kept elsewhere."""

    __slots__ = ("_sum", "_terms", "_touched")

    def __init__(self) -> None:
        self._sum = 0
        self._terms: dict[str, int] = {}
        self._touched: set[str] = set()

    def touch(self, accounts: Iterable[str]) -> None:
        """The balances of these accounts may have changed."""
        self._touched.update(accounts)

    def compute(self, round: int, balances: Mapping[str, int]) -> str:
        """The root as 64 hexadecimal digits; costs two hashes for each touched account."""
        for account in self._touched:
            term = _term(account, balances[account])
            self._sum += term - self._terms.get(account, 0)
            self._terms[account] = term
        self._sum %= _MODULUS
        self._touched.clear()
        return sha256(b"%d\n%064x" % (round, self._sum)).hexdigest()


def _term(account: str, balance: int) -> int:
    # Half a surrogate pair has no UTF-8: "surrogatepass" gives it bytes that no text has.
    name = account.encode("utf-8", "surrogatepass")
    # Hexadecimal: decimal digits take quadratic time for a balance of many of them.
    return int.from_bytes(sha256(b"%b%b%x" % (name, _SEPARATOR, balance)).digest())
