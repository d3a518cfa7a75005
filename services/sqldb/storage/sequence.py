"""Sequences: numbers given out once, whether the transaction that asked for one commits or not.

If each number were logged, each nextval would cost a write. So the log is told of a number 32
ahead, and nothing while the numbers up to there are given out; after a crash the sequence goes on
from what the log says: up to 32 numbers are never seen, and none twice. # Real: sequence.c,
SEQ_LOG_VALS"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from services.sqldb.errors import SEQUENCE_GENERATOR_LIMIT_EXCEEDED, SqlError
from services.sqldb.storage.log_record import encode_sequence

if TYPE_CHECKING:
    from services.sqldb.transactions.transaction import Transaction

LOGGED_AHEAD = 32


class Sequence:
    """The state of one sequence; how it counts (increment, limits) the catalog knows.

    `last_value` is the number given out last if `is_called`, else the next one.
    """

    __slots__ = ("_ahead", "_append", "is_called", "last_value", "logged_value", "name", "oid")

    def __init__(self, oid: int, start: int, append: Callable[[bytes], None], name: str = ""):
        self.oid = oid
        self.name = name
        self.last_value = start
        self.is_called = False
        self.logged_value = start
        """What recovery would go on from, if `is_called`."""
        self._ahead = 0
        self._append = append

    @property
    def ahead(self) -> int:
        """How many numbers can be given out before the log is told again."""
        return self._ahead

    def next(self, increment: int, minimum: int, maximum: int, *, cycles: bool = False) -> int:
        """The next number. Raises SqlError 2200H at the end, 53100 where the disk is full."""
        value = self.last_value
        if self.is_called:
            value += increment
            if not minimum <= value <= maximum:
                if not cycles:
                    raise self._exhausted(increment, minimum, maximum)
                value = minimum if increment > 0 else maximum
                self._ahead = 0
        if self._ahead == 0:
            ahead = min(max(value + increment * LOGGED_AHEAD, minimum), maximum)
            self._append(encode_sequence(self.oid, ahead, True))
            self.logged_value = ahead
            self._ahead = LOGGED_AHEAD
        else:
            self._ahead -= 1
        self.last_value, self.is_called = value, True
        return value

    def _exhausted(self, increment: int, minimum: int, maximum: int) -> SqlError:
        which, limit = ("maximum", maximum) if increment > 0 else ("minimum", minimum)
        return SqlError(
            SEQUENCE_GENERATOR_LIMIT_EXCEEDED,
            f'nextval: reached {which} value of sequence "{self.name}" ({limit})',
        )

    def set(self, value: int, *, is_called: bool) -> None:
        """setval: at once, for everybody, and not undone. Raises SqlError 53100."""
        self._append(encode_sequence(self.oid, value, is_called))
        self.restore(value, is_called)

    def restart(self, transaction: "Transaction", value: int) -> None:
        """ALTER SEQUENCE RESTART, TRUNCATE RESTART IDENTITY: undone with the transaction."""
        last_value, is_called = self.last_value, self.is_called
        transaction.assign_xid()
        transaction.on_undo(lambda: self.restore(last_value, is_called), self.record)
        self.restore(value, False)

    def restore(self, value: int, is_called: bool) -> None:
        """As it was; from here on the next number is logged."""
        self.last_value, self.is_called, self.logged_value = value, is_called, value
        self._ahead = 0

    def record(self) -> bytes:
        """As recovery shall find it; for checkpoints, and for the commit that has made it."""
        return encode_sequence(self.oid, self.logged_value, self.is_called)

    def exact_record(self) -> bytes:
        """For the log when the server stops in order: then no number is lost."""
        return encode_sequence(self.oid, self.last_value, self.is_called)
