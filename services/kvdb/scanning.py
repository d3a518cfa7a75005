"""What SCAN, HSCAN, SSCAN and ZSCAN have in common: the cursor and its options."""

from collections.abc import Callable
from dataclasses import dataclass

from services.common.glob import matcher
from services.common.resp import ReplyError
from services.kvdb import errors
from services.kvdb.arguments import bounded_pattern, following, integer, words
from services.kvdb.scan_table import ScanTable


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """`[MATCH pattern] [COUNT count] [TYPE type]`."""

    is_match: Callable[[bytes], object] | None
    count: int
    type_name: bytes | None

    def step(
        self, table: ScanTable, cursor: int, *, is_small: bool = False
    ) -> tuple[int, list[bytes]]:
        """The next cursor and the keys that match; a small table comes whole, as in Redis."""
        if is_small:
            next_cursor, keys = 0, list(table)
        else:
            next_cursor, keys = table.scan(cursor, self.count)
        return next_cursor, list(filter(self.is_match, keys)) if self.is_match else keys


NOTHING: list = [b"0", []]
"""The whole scan of a key that is not there."""


def cursor(text: bytes) -> int:
    if not text.isdigit() or len(text) > 20 or int(text) >= 2**64:
        raise ReplyError(errors.INVALID_CURSOR)
    return int(text)


def options(arguments: list[bytes], *, takes_type: bool = False) -> ScanOptions:
    is_match, count, type_name = None, 10, None
    for word, values in words(arguments):
        match word:
            case b"MATCH":
                glob = bounded_pattern(following(values))
                is_match = None if glob == b"*" else matcher(glob)
            case b"COUNT":
                count = integer(following(values))
                if count < 1:
                    raise errors.syntax_error()
            case b"TYPE" if takes_type:
                type_name = following(values).lower()
            case _:
                raise errors.syntax_error()
    return ScanOptions(is_match, count, type_name)
