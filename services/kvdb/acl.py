"""ACL: the commands that show and change the users. What users are is in `access`.

ACL SETUSER applies all of its rules to a copy first: with one mistake among them, nothing changes.
"""

import secrets

from services.common.resp import OK, ReplyError, SetReply, Simple
from services.kvdb import acl_rules, errors
from services.kvdb.acl_categories import CATEGORIES
from services.kvdb.acl_file import AclFileError, line_of
from services.kvdb.acl_rules import RuleError, UnmatchedParenthesis
from services.kvdb.acl_selector import Reason, Selector
from services.kvdb.acl_user import DEFAULT
from services.kvdb.arguments import integer
from services.kvdb.clients import Client
from services.kvdb.help_texts import help_reply

_NO_FILE = (
    "ERR This Redis instance is not configured to use an ACL file. You may want to specify users "
    "via the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis "
    "configuration file set) in order to store users in the Redis configuration."
)
_MAX_PASSWORD_BITS = 4096

# Users.


def acl_setuser(client: Client, request: list[bytes]) -> object:
    _, _, name, *words = request
    if acl_rules.has_space(name):
        raise ReplyError("ERR Usernames can't contain spaces or null characters")
    access = client.engine.access
    changed, user = access.new_user(name), access.users.get(name)
    if user:
        changed.rules_from(user)
    try:
        for rule in acl_rules.joined_selectors(words):
            try:
                access.apply(changed, rule)
            except RuleError as error:
                shown = errors.shown(rule)
                raise ReplyError(f"ERR Error in ACL SETUSER modifier '{shown}': {error}") from None
    except UnmatchedParenthesis as error:
        start = errors.shown(error.args[0])
        raise ReplyError(
            f"ERR Unmatched parenthesis in acl selector starting at '{start}'."
        ) from None
    access.change(name, changed)
    return OK


def acl_getuser(client: Client, request: list[bytes]) -> dict[bytes, object] | None:
    user = client.engine.access.users.get(request[2])
    if user is None:
        return None
    return {
        b"flags": SetReply(acl_rules.flags_of(user)),
        b"passwords": user.passwords,
        **_described(user.own),
        b"selectors": [_described(selector) for selector in user.selectors[1:]],
    }


def _described(selector: Selector) -> dict[bytes, object]:
    return {
        b"commands": acl_rules.describe_commands(selector),
        b"keys": acl_rules.describe_keys(selector),
        b"channels": acl_rules.describe_channels(selector),
    }


def acl_deluser(client: Client, request: list[bytes]) -> int:
    names = request[2:]
    if DEFAULT in names:
        raise ReplyError("ERR The 'default' user cannot be removed")
    return sum(client.engine.access.delete(name) for name in names)


def acl_list(client: Client, request: list[bytes]) -> list[bytes]:
    return [line_of(user) for user in client.engine.access.sorted_users()]


def acl_users(client: Client, request: list[bytes]) -> list[bytes]:
    return [user.name for user in client.engine.access.sorted_users()]


def acl_whoami(client: Client, request: list[bytes]) -> bytes | None:
    return client.user.name if client.user else None


# The file.


def acl_load(client: Client, request: list[bytes]) -> object:
    if not client.engine.settings.acl_file:
        raise ReplyError(_NO_FILE)
    try:
        client.engine.access.load_file()
    except AclFileError as error:
        raise ReplyError(f"ERR {error}") from None
    return OK


def acl_save(client: Client, request: list[bytes]) -> object:
    if not client.engine.settings.acl_file:
        raise ReplyError(_NO_FILE)
    try:
        client.engine.access.save_file()
    except OSError as error:
        client.engine.log.error("the ACL file cannot be written", reason=error)
        raise ReplyError(
            "ERR There was an error trying to save the ACLs. Please check the server logs for more "
            "information"
        ) from None
    return OK


# Asking.


def acl_cat(client: Client, request: list[bytes]) -> list[bytes]:
    if len(request) > 3:
        raise errors.unusable_subcommand(request)
    if len(request) == 2:
        return [category.encode() for category in CATEGORIES]
    category = errors.shown(request[2])
    if category.lower() not in CATEGORIES:
        raise ReplyError(f"ERR Unknown category '{category[: errors.MAX_SHOWN]}'")
    commands = client.engine.access.catalog.commands
    return [name.encode() for name, it in commands.items() if category.lower() in it.categories]


def acl_genpass(client: Client, request: list[bytes]) -> bytes:
    if len(request) > 3:
        raise errors.unusable_subcommand(request)
    bits = integer(request[2]) if len(request) == 3 else 256
    if not 0 < bits <= _MAX_PASSWORD_BITS:
        raise ReplyError(
            "ERR ACL GENPASS argument must be the number of bits for the output password, "
            f"a positive number up to {_MAX_PASSWORD_BITS}"
        )
    digits = (bits + 3) // 4
    return secrets.token_hex((digits + 1) // 2)[:digits].encode()


def acl_log(client: Client, request: list[bytes]) -> object:
    if len(request) > 3:
        raise errors.unusable_subcommand(request)
    log = client.engine.access.log
    if len(request) == 3 and request[2].upper() == b"RESET":
        log.clear()
        return OK
    count = integer(request[2]) if len(request) == 3 else 10
    return log.newest(count, client.engine.clock.now_ms)


_DRY_TEXTS = {
    Reason.COMMAND: "This user has no permissions to run the '{}' command",
    Reason.KEY: "This user has no permissions to access the '{}' key",
    Reason.CHANNEL: "This user has no permissions to access the '{}' channel",
}


def acl_dryrun(client: Client, request: list[bytes]) -> object:
    """Whether a user might run a request, without running it."""
    _, _, name, *inner = request
    user = client.engine.access.users.get(name)
    if user is None:
        raise ReplyError(f"ERR User '{errors.shown(name)}' not found")
    try:
        command = client.engine.dispatcher.find(inner)
    except ReplyError:
        raise ReplyError(f"ERR Command '{errors.shown(inner[0])}' not found") from None
    if not command.accepts(len(inner)):
        raise errors.wrong_arity(command.name)
    denial = user.denial(command, inner)
    if denial is None:
        return OK
    is_command = denial.reason is Reason.COMMAND
    item = command.name if is_command else errors.shown(inner[denial.position])
    return _DRY_TEXTS[denial.reason].format(item).encode("utf-8", "surrogateescape")


def acl_help(client: Client, request: list[bytes]) -> list[Simple]:
    return help_reply(
        "ACL",
        "CAT [<category>]",
        "    The categories, or the commands in one.",
        "DELUSER <username> [<username> ...]",
        "    Remove users, and close their connections.",
        "DRYRUN <username> <command> [<arg> ...]",
        "    Whether a user might run a command.",
        "GETUSER <username>",
        "    What there is to know of a user.",
        "GENPASS [<bits>]",
        "    A new random password.",
        "LIST",
        "    All users, with their rules.",
        "LOAD",
        "    Read the users from the ACL file.",
        "LOG [<count> | RESET]",
        "    What was refused lately.",
        "SAVE",
        "    Write the users to the ACL file.",
        "SETUSER <username> <rule> [<rule> ...]",
        "    Add a user, or change it.",
        "USERS",
        "    The names of all users.",
        "WHOAMI",
        "    The user of this connection.",
    )
