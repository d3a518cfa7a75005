"""A user: a name, passwords, and selectors that say what is permitted.

Passwords are kept as SHA-256 in hexadecimal, so neither a listing nor the file gives them away.
They are no match for a stolen file if they are short: `ACL GENPASS` makes good ones.
# Real: user in Redis's server.h, and ACLCheckUserCredentials().
"""

import hashlib
import hmac
from dataclasses import dataclass, field

from services.kvdb.acl_selector import READ, Catalog, Denial, Selector
from services.kvdb.command import Command

DEFAULT = b"default"
"""The user of every new connection."""


def hash_of(password: bytes) -> bytes:
    return hashlib.sha256(password).hexdigest().encode()


@dataclass(slots=True, eq=False)
class User:
    """One user; clients that have logged in refer to it, so it changes in place."""

    name: bytes
    selectors: list[Selector]
    """The first one is the user's own; the others stand in parentheses."""
    is_on: bool = False
    needs_no_password: bool = False
    passwords: list[bytes] = field(default_factory=list)
    """Their hashes."""
    checks_payloads: bool | None = None
    """`sanitize-payload`, or the opposite; this server checks what RESTORE brings anyway."""
    is_unrestricted: bool = False
    """No request needs a look; `permissions_changed` says so."""

    @property
    def own(self) -> Selector:
        return self.selectors[0]

    def rules_from(self, other: "User") -> None:
        """Take over everything but the name."""
        self.selectors = [selector.copy() for selector in other.selectors]
        self.is_on, self.needs_no_password = other.is_on, other.needs_no_password
        self.passwords = list(other.passwords)
        self.checks_payloads = other.checks_payloads
        self.permissions_changed()

    def permissions_changed(self) -> None:
        self.is_unrestricted = any(selector.is_unrestricted for selector in self.selectors)

    def accepts(self, password: bytes) -> bool:
        """Compared in constant time: the time of an answer must not tell how much was right."""
        given = hash_of(password)
        matches = [hmac.compare_digest(given, known) for known in self.passwords]
        return self.is_on and (self.needs_no_password or any(matches))

    def denial(self, command: Command, request: list[bytes]) -> Denial | None:
        """Why a request is refused; None where a selector permits it.

        Of several reasons the one that came closest: a key beats the command, a later key an
        earlier one.
        """
        worst = None
        for selector in self.selectors:
            denial = selector.denial(command, request)
            if denial is None:
                return None
            worst = max(worst or denial, denial)
        return worst

    def may_read_all_keys(self, command: Command, request: list[bytes]) -> bool:
        """Whether a selector permits the request, and reading any key at all."""
        return any(
            selector.denial(command, request) is None and selector.permits_all_keys(READ)
            for selector in self.selectors
        )


def new_user(name: bytes, catalog: Catalog, *, has_all_channels: bool = False) -> User:
    """A user that may nothing, and cannot log in."""
    return User(name, [Selector(catalog, has_all_channels=has_all_channels)])


def new_default_user(catalog: Catalog) -> User:
    """The user that may everything, and needs no password."""
    user = new_user(DEFAULT, catalog)
    user.own.permit_all_commands()
    user.own.has_all_keys = user.own.has_all_channels = True
    user.is_on = user.needs_no_password = True
    user.permissions_changed()
    return user
