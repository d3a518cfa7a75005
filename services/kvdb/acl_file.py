"""The ACL file: users that survive a restart, one line each.

    user default on nopass ~* &* +@all
    user ada on #2bb80d… ~user:* resetchannels -@all +@read

The file is read as a whole, when the server starts and at ACL LOAD: with a single mistake in it
nothing changes. ACL SAVE replaces it, so remarks would be lost; they are refused instead.
# Real: ACLLoadFromFile() and ACLSaveToFile() in Redis.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from services.common.atomic_file import replace_file
from services.kvdb import acl_rules
from services.kvdb.acl_rules import RuleError, UnmatchedParenthesis, Wrong
from services.kvdb.acl_selector import Catalog
from services.kvdb.acl_user import User, new_user

_NOTHING_CHANGED = (
    "WARNING: ACL errors detected, no change to the previously active ACL rules was performed"
)


class AclFileError(Exception):
    """The file cannot be read, or holds mistakes; the text names them all."""


def load_users(path: str, catalog: Catalog, *, has_all_channels: bool) -> dict[bytes, User]:
    """The users in the file, by name. Raises AclFileError."""
    try:
        lines = Path(path).read_bytes().split(b"\n")
    except OSError as error:
        raise AclFileError(
            f"Error loading ACLs, opening file '{path}': {error.strerror}"
        ) from error
    reader = _Reader(path, catalog, has_all_channels)
    mistakes = [
        it for number, line in enumerate(lines, start=1) for it in reader.read(number, line)
    ]
    if mistakes:
        raise AclFileError("".join(mistakes) + _NOTHING_CHANGED)
    return reader.users


@dataclass(slots=True)
class _Reader:
    """What has been read so far."""

    path: str
    catalog: Catalog
    has_all_channels: bool
    users: dict[bytes, User] = field(default_factory=dict)

    def read(self, number: int, line: bytes) -> Iterator[str]:
        """Add the user of one line; yields what is wrong with it."""
        words = line.strip(b" \t\r\n").split(b" ")
        place = f"{self.path}:{number}"
        if words == [b""]:
            return
        if words[0] != b"user" or len(words) < 2:
            yield f"{place} should start with user keyword followed by the username. "
            return
        name, shown = words[1], words[1].decode("utf-8", "surrogateescape")
        if acl_rules.has_space(name):
            yield f"'{place}: username '{shown}' contains invalid characters. "
        elif name in self.users:
            yield f"WARNING: Duplicate user '{shown}' found on line {number}. "
        else:
            user = new_user(name, self.catalog, has_all_channels=self.has_all_channels)
            self.users[name] = user
            yield from self._apply(user, words[2:], place)

    def _apply(self, user: User, words: list[bytes], place: str) -> Iterator[str]:
        """An unknown command is named. Other rules are not: a password might be among them."""
        try:
            rules = acl_rules.joined_selectors(words)
        except UnmatchedParenthesis:
            yield f"{place}: Unmatched parenthesis in selector definition."
            return
        is_first = True
        for rule in rules:
            rule = rule.strip(b"\t\r\n")
            try:
                acl_rules.apply_rule(user, rule, has_all_channels=self.has_all_channels)
            except RuleError as error:
                if error.wrong is Wrong.UNKNOWN:
                    shown = rule.decode("utf-8", "surrogateescape")
                    yield f"{place}: Error in applying operation '{shown}': {error}. "
                elif is_first:
                    is_first = False
                    yield f"{place}: {error}. "


def save_users(path: str, users: Iterable[User]) -> None:
    """Replace the file, in one step. Raises OSError."""
    lines = (line_of(user) + b"\n" for user in users)
    replace_file(Path(path), lines)


def line_of(user: User) -> bytes:
    return b"user %b %b" % (user.name, acl_rules.describe(user))
