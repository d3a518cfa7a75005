"""ACL rules: the words by which users are described, read here and written.

    ACL SETUSER ada on >secret ~user:* %R~shared:* +@read -keys &news.* (+set ~draft:*)

    on, off, nopass, >password, #hash, <password, !hash, resetpass    may the user log in, and how
    +command, -command, +family|subcommand, +@category, allcommands   what may be run
    ~pattern, %R~pattern, %W~pattern, allkeys, resetkeys              on which keys
    &pattern, allchannels, resetchannels                              on which channels
    (rules), clearselectors                                           a further selector; none
    reset                                                             back to the beginning

Rules apply from left to right, each to what those before it have left. The other way round,
`describe` looks for a short list of rules that would make such a user again.
# Real: ACLSetUser(), ACLSetSelector() and ACLDescribeUser() in Redis.
"""

import enum
import re
from collections.abc import Iterable

from services.common.resp import split_words
from services.kvdb.acl_categories import CATEGORIES
from services.kvdb.acl_selector import BOTH, NOTHING, READ, WRITE, Selector
from services.kvdb.acl_user import User, hash_of
from services.kvdb.command import Command

_LATE = (
    "Adding a pattern after the * pattern (or the '{0}' flag) is not valid and does not have any "
    "effect. Try '{1}' to start with an empty list of {2}"
)


class Wrong(enum.Enum):
    """What can be wrong with a rule, in Redis's words."""

    SYNTAX = "Syntax error"
    UNKNOWN = "Unknown command or category name in ACL"
    LATE_KEY = _LATE.format("allkeys", "resetkeys", "patterns")
    LATE_CHANNEL = _LATE.format("allchannels", "resetchannels", "channels")
    NOT_THERE = "The password you are trying to remove from the user does not exist"
    BAD_HASH = (
        "The password hash must be exactly 64 characters and contain only lowercase hexadecimal "
        "characters"
    )
    NESTED = "Allowing first-arg of a subcommand is not supported"


class RuleError(Exception):
    """A rule that cannot be applied."""

    def __init__(self, wrong: Wrong, rule: bytes):
        super().__init__(wrong.value)
        self.wrong = wrong
        self.rule = rule


class UnmatchedParenthesis(Exception):
    """A selector that has no end; `args[0]` is where it begins."""


def has_space(text: bytes) -> bool:
    """What names and patterns must not hold, because rules are divided by spaces."""
    return re.search(rb"[\s\0]", text) is not None


# Reading.


def joined_selectors(words: Iterable[bytes]) -> list[bytes]:
    """Put selectors together that were sent in several words: `(+get`, `~a*)`.

    Raises UnmatchedParenthesis.
    """
    rules: list[bytes] = []
    opened: list[bytes] = []
    for word in words:
        if word.startswith(b"(") and not word.endswith(b")"):
            opened = [word]
        elif opened:
            opened.append(word)
            if word.endswith(b")"):
                rules.append(b" ".join(opened))
                opened = []
        else:
            rules.append(word)
    if opened:
        raise UnmatchedParenthesis(opened[0])
    return rules


def apply_rule(user: User, rule: bytes, *, has_all_channels: bool) -> None:
    """Change a user by one rule. Raises RuleError.

    `has_all_channels` is where selectors begin: `acl-pubsub-default`.
    """
    match rule.lower():
        case b"":
            pass
        case b"on" | b"off":
            user.is_on = rule.lower() == b"on"
        case b"sanitize-payload" | b"skip-sanitize-payload":
            user.checks_payloads = rule.lower() == b"sanitize-payload"
        case b"nopass" | b"resetpass":
            user.needs_no_password = rule.lower() == b"nopass"
            user.passwords.clear()
        case b"clearselectors":
            del user.selectors[1:]
        case b"reset":
            catalog = user.own.catalog
            user.selectors = [Selector(catalog, has_all_channels=has_all_channels)]
            user.is_on = user.needs_no_password = False
            user.passwords.clear()
            user.checks_payloads = True
        case _ if rule[:1] in b"><#!":
            _change_passwords(user, rule)
        case _ if rule.startswith(b"(") and rule.endswith(b")"):
            selector = Selector(user.own.catalog, has_all_channels=has_all_channels)
            for inner in split_words(rule[1:-1]) or ():
                _change_selector(selector, inner)
            user.selectors.append(selector)
        case _:
            _change_selector(user.own, rule)
    user.permissions_changed()


_HASH = re.compile(rb"[0-9a-f]{64}")


def _change_passwords(user: User, rule: bytes) -> None:
    mark, text = rule[:1], rule[1:]
    if mark in b"#!" and not _HASH.fullmatch(text):
        raise RuleError(Wrong.BAD_HASH, rule)
    hashed = text if mark in b"#!" else hash_of(text)
    if mark in b">#":
        user.needs_no_password = False
        if hashed not in user.passwords:
            user.passwords.append(hashed)
    elif hashed in user.passwords:
        user.passwords.remove(hashed)
    else:
        raise RuleError(Wrong.NOT_THERE, rule)


def _change_selector(selector: Selector, rule: bytes) -> None:
    match rule.lower():
        case b"allkeys" | b"~*" | b"resetkeys":
            selector.has_all_keys = rule.lower() != b"resetkeys"
            selector.keys.clear()
        case b"allchannels" | b"&*" | b"resetchannels":
            selector.has_all_channels = rule.lower() != b"resetchannels"
            selector.channels.clear()
        case b"allcommands" | b"+@all":
            selector.permit_all_commands()
        case b"nocommands" | b"-@all":
            selector.permit_no_commands()
        case _ if rule[:1] in (b"~", b"%"):
            _permit_keys(selector, rule)
        case _ if rule.startswith(b"&"):
            _permit_channels(selector, rule)
        case _ if rule.startswith((b"+@", b"-@")):
            category = rule[2:].decode("utf-8", "surrogateescape").lower()
            if category not in CATEGORIES:
                raise RuleError(Wrong.UNKNOWN, rule)
            selector.change_category(category, permits=rule.startswith(b"+"))
        case _ if rule[:1] in (b"+", b"-"):
            _change_command(selector, rule)
        case _:
            raise RuleError(Wrong.SYNTAX, rule)


_PERMISSIONS = {
    b"~": BOTH,
    b"%R~": READ,
    b"%W~": WRITE,
    b"%RW~": BOTH,
    b"%WR~": BOTH,
}


def _permit_keys(selector: Selector, rule: bytes) -> None:
    if selector.has_all_keys:
        raise RuleError(Wrong.LATE_KEY, rule)
    mark, tilde, pattern = rule.partition(b"~")
    permission = _PERMISSIONS.get(mark.upper() + tilde)
    if permission is None or has_space(pattern):
        raise RuleError(Wrong.SYNTAX, rule)
    selector.keys[pattern] = selector.keys.get(pattern, NOTHING) | permission


def _permit_channels(selector: Selector, rule: bytes) -> None:
    if selector.has_all_channels:
        raise RuleError(Wrong.LATE_CHANNEL, rule)
    if has_space(rule):
        raise RuleError(Wrong.SYNTAX, rule)
    selector.channels[rule[1:]] = None


def _change_command(selector: Selector, rule: bytes) -> None:
    """`+get`, `-client|kill`, `+select|0`."""
    permits, name = rule.startswith(b"+"), rule[1:]
    command = selector.catalog.find(name)
    if command is not None:
        selector.change(command, permits=permits)
    elif permits and b"|" in name:
        _permit_first_word(selector, rule)
    else:
        raise RuleError(Wrong.UNKNOWN, rule)


def _permit_first_word(selector: Selector, rule: bytes) -> None:
    name, _, word = rule[1:].rpartition(b"|")
    command = selector.catalog.find(name)
    # Redis has DEBUG as one command, so a rule may name subcommands that are not here.
    is_family = command is not None and command.subcommands and command.name != "debug"
    if command is None or (word and is_family):
        raise RuleError(Wrong.UNKNOWN, rule)
    if b"|" in name:
        raise RuleError(Wrong.NESTED, rule)
    if not word:
        raise RuleError(Wrong.SYNTAX, rule)
    words = selector.first_words.setdefault(command.name, [])
    if word.lower() not in (known.lower() for known in words):
        words.append(word)


# Writing.


def flags_of(user: User) -> list[bytes]:
    """How the user may log in, in words."""
    flags = [b"on" if user.is_on else b"off"]
    flags += [b"nopass"] if user.needs_no_password else []
    if user.checks_payloads is not None:
        flags.append(b"sanitize-payload" if user.checks_payloads else b"skip-sanitize-payload")
    return flags


def describe(user: User) -> bytes:
    """The rules that make such a user, as they stand in the ACL file."""
    own, *others = map(_describe_selector, user.selectors)
    passwords = [b"#" + password for password in user.passwords]
    selectors = [own, *(b"(%b)" % other for other in others)]
    return b" ".join([*flags_of(user), *passwords, *selectors])


def _describe_selector(selector: Selector) -> bytes:
    channels = describe_channels(selector)
    if not selector.has_all_channels:
        channels = b"resetchannels " + channels
    parts = (describe_keys(selector), channels.rstrip(), describe_commands(selector))
    return b" ".join(part for part in parts if part)


_MARKS = {READ: b"%R~", WRITE: b"%W~", BOTH: b"~"}


def describe_keys(selector: Selector) -> bytes:
    if selector.has_all_keys:
        return b"~*"
    return b" ".join(_MARKS[permission] + it for it, permission in selector.keys.items())


def describe_channels(selector: Selector) -> bytes:
    if selector.has_all_channels:
        return b"&*"
    return b" ".join(b"&" + pattern for pattern in selector.channels)


def describe_commands(selector: Selector) -> bytes:
    """Begin with all commands or with none, then come closer, by categories and by commands."""
    sketch = Selector(selector.catalog)
    if selector.is_open:
        sketch.permit_all_commands()
    rules = ["+@all" if selector.is_open else "-@all"]
    sign = "-" if selector.is_open else "+"
    for category in _fitting_categories(selector):
        sketch.change_category(category, permits=not selector.is_open)
        rules.append(f"{sign}@{category}")
    for command in selector.catalog.commands.values():
        rules += _corrections(selector, sketch, command)
    return " ".join(rules).encode("utf-8", "surrogateescape")


def _fitting_categories(selector: Selector) -> list[str]:
    """The categories that describe more right than wrong, the best first.

    After each one what is left is looked at anew, until none is worth its place.
    """
    rest, permits = selector.copy(), selector.is_open
    categories = {name: selector.catalog.in_category(name) for name in CATEGORIES}
    chosen: list[str] = []
    while True:
        best, best_fit = "", (0, 0)
        for category, commands in categories.items():
            right = len(commands - rest.commands) if permits else len(commands & rest.commands)
            wrong = len(commands) - right
            fit = (-wrong, right)
            if category not in chosen and right > wrong and (not best or fit > best_fit):
                best, best_fit = category, fit
        if not best:
            return chosen
        rest.change_category(best, permits=permits)
        chosen.append(best)


def _corrections(selector: Selector, sketch: Selector, command: Command) -> list[str]:
    """The rules that one command still needs; the sketch follows."""
    rules, is_permitted = [], command.name in selector.commands
    if is_permitted != (command.name in sketch.commands):
        sketch.change(command, permits=is_permitted)
        rules.append(f"{'+' if is_permitted else '-'}{command.name}")
    if not is_permitted:
        for word in selector.first_words.get(command.name, ()):
            rules.append(f"+{command.name}|{word.decode('utf-8', 'surrogateescape')}")
    return rules
