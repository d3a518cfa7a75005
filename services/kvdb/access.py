"""Access: who may do what. The users, who has logged in as whom, and the guard of each request.

    request ─▶ is its user unrestricted? Then nothing is looked at     `client.is_guarded`
            ─▶ has the client logged in, or need it not?               else NOAUTH
            ─▶ does a selector of its user permit the command,         else NOPERM, and an
               its keys and its channels?                              entry in ACL LOG

Every client is of a user; a new connection is of the user `default`, which may everything and
needs no password until somebody says otherwise. The guard costs the others nothing: `User` knows
whether it is restricted at all, and `Client.is_guarded` is made of that once, when it changes.

Commands are looked up by what the command table says of them: their categories (`acl_categories`)
for rules such as `+@read`, their keys and what they do with them (`key_specs`, `key_access`) for
`%R~user:*`. So there is no list of dangerous commands here that could be forgotten.

    acl_user, acl_selector    a user, and what is permitted
    acl_rules                 from `+@read ~a*` to that, and back
    acl_file, acl_log         kept on disk; what was refused
    acl                       the commands

Two roads lead to the default user's password: `requirepass` sets it, and ACL rules may change it
afterwards. An ACL file says all about the users that it names; where it does not name `default`,
a password that was given with the options stays in force. (Redis would open the door here.)
# Real: acl.c in Redis, ACLCheckAllPerm() above all.
"""

from typing import TYPE_CHECKING

from services.common.resp import ReplyError
from services.kvdb import acl_file, errors
from services.kvdb.acl_log import AclLog, Entry
from services.kvdb.acl_rules import apply_rule
from services.kvdb.acl_selector import Catalog, Denial, Reason, is_channel_among
from services.kvdb.acl_user import DEFAULT, User, new_default_user, new_user
from services.kvdb.client_list import client_line
from services.kvdb.clients import Client
from services.kvdb.command import Command
from services.kvdb.errors import Rejection

if TYPE_CHECKING:
    from services.kvdb.engine import Engine

_REASON_AT_EXEC = {
    Reason.COMMAND: "no permission to execute the command or subcommand",
    Reason.KEY: "no permission to touch the specified keys",
    Reason.CHANNEL: "no permission to access one of the channels used as arguments",
}


class Access:
    """The users of an engine, and the guard."""

    def __init__(self, engine: "Engine"):
        self._engine = engine
        self.catalog = Catalog(engine.dispatcher.commands)
        self.default = new_default_user(self.catalog)
        self.users: dict[bytes, User] = {DEFAULT: self.default}
        self.log = AclLog()
        self._password = ""
        self.settings_changed()

    # The guard.

    def concerns(self, client: Client) -> bool:
        """Whether this client's requests need a look."""
        user = client.user
        return user is not None and not (user.is_unrestricted and self.is_logged_in(client))

    def is_logged_in(self, client: Client) -> bool:
        """Or it need not, because the default user is open to all."""
        return client.is_authenticated or (self.default.is_on and self.default.needs_no_password)

    def admit(self, client: Client, command: Command, request: list[bytes]) -> None:
        """Raises Rejection where the client may not do this. Logging in is open to everybody."""
        user = client.user
        if user is None or "no_auth" in command.flags:
            return
        if not self.is_logged_in(client):
            raise Rejection(errors.NO_AUTH)
        if user.is_unrestricted:
            return
        denial = user.denial(command, request)
        if denial:
            self._note(client, command, request, denial)
            raise errors.no_permission(denial.reason.name, command.name)

    def admit_again(self, client: Client, command: Command, request: list[bytes]) -> None:
        """Rules may have changed since a command was queued. Raises ReplyError."""
        user = client.user
        if user is None or user.is_unrestricted:
            return
        denial = user.denial(command, request)
        if denial:
            self._note(client, command, request, denial)
            raise ReplyError(
                "NOPERM ACLs rules changed between the moment the transaction was accumulated and "
                "the EXEC call. This command is no longer allowed for the following reason: "
                f"{_REASON_AT_EXEC[denial.reason]}"
            )

    def may_read_all_keys(self, client: Client, request: list[bytes]) -> bool:
        """For SORT, which finds keys by what is in others."""
        user = client.user
        if user is None or user.is_unrestricted:
            return True
        return user.may_read_all_keys(self._engine.dispatcher.find(request), request)

    def _note(self, client: Client, command: Command, request: list[bytes], denial: Denial) -> None:
        is_command = denial.reason is Reason.COMMAND
        item = command.name.encode() if is_command else request[denial.position]
        self._log(client, request, denial.reason.name.lower(), item, client.user.name)

    def _log(
        self, client: Client, request: list[bytes], reason: str, item: bytes, username: bytes
    ) -> None:
        is_inside = client.is_in_transaction or client.is_executing
        context = "multi" if is_inside else "toplevel"
        line = client_line(client, client, request)
        entry = Entry(reason, context, item, username, self._engine.clock.now_ms, line)
        self.log.note(entry, self._engine.settings.acllog_max_len)

    # Logging in.

    def welcome(self, client: Client) -> None:
        """A new connection, or one that has sent RESET."""
        client.user = self.default
        client.is_authenticated = self.default.is_on and self.default.needs_no_password

    def log_in(
        self, client: Client, username: bytes, password: bytes, request: list[bytes]
    ) -> None:
        """Raises ReplyError where name and password do not go together."""
        user = self.users.get(username)
        # An unknown name costs a comparison, too, so that it does not show in the time.
        is_right = (user or self.default).accepts(password) and user is not None
        if not is_right:
            self._log(client, request, "auth", request[0], username)
            raise ReplyError("WRONGPASS invalid username-password pair or user is disabled.")
        client.user = user
        client.is_authenticated = True
        client.update_guard()

    def settings_changed(self) -> None:
        """`requirepass` is the password of the default user, at the moment when it is set."""
        if self._engine.settings.password != self._password:
            self._password = self._engine.settings.password
            self._set_default_password()
            self._update_guards()

    def _set_default_password(self) -> None:
        password = self._password.encode("utf-8", "surrogateescape")
        for rule in (b"resetpass", b">" + password if password else b"nopass"):
            self.apply(self.default, rule)

    # Users.

    @property
    def has_all_channels(self) -> bool:
        return self._engine.settings.acl_pubsub_default == "allchannels"

    def new_user(self, name: bytes) -> User:
        return new_user(name, self.catalog, has_all_channels=self.has_all_channels)

    def apply(self, user: User, rule: bytes) -> None:
        """Raises RuleError."""
        apply_rule(user, rule, has_all_channels=self.has_all_channels)

    def sorted_users(self) -> list[User]:
        return [user for _, user in sorted(self.users.items())]

    def change(self, name: bytes, changed: User) -> None:
        """Let a user be as `changed` is, or add it."""
        user = self.users.get(name)
        if user is None:
            self.users[name] = user = self.new_user(name)
        else:
            self._close_forbidden_subscriptions(user, changed)
        user.rules_from(changed)
        self._update_guards()

    def delete(self, name: bytes) -> bool:
        user = self.users.pop(name, None)
        if user is not None:
            self._close_clients(user)
        return user is not None

    def load_file(self) -> None:
        """Take the users from the ACL file, all of them or none. Raises AclFileError."""
        path = self._engine.settings.acl_file
        users = acl_file.load_users(path, self.catalog, has_all_channels=self.has_all_channels)
        found = users.get(DEFAULT)
        self.default.rules_from(found or new_default_user(self.catalog))
        if found is None and self._password:
            self._set_default_password()
        for user in self.users.values():
            if user is not self.default:
                self._close_clients(user)
        self.users = users | {DEFAULT: self.default}
        self._update_guards()

    def save_file(self) -> None:
        """Raises OSError."""
        acl_file.save_users(self._engine.settings.acl_file, self.sorted_users())

    def _update_guards(self) -> None:
        for client in self._engine.clients:
            client.update_guard()

    # Clients that lose what they had.

    def _close_clients(self, user: User) -> None:
        """Of a user that there is no more. Until they are gone they may nothing."""
        for client in self._engine.clients:
            if client.user is user:
                client.user, client.is_authenticated = self.default, False
                client.update_guard()
                self._engine.disconnect(client)

    def _close_forbidden_subscriptions(self, user: User, changed: User) -> None:
        """Close the clients that are subscribed to what they might not subscribe to now."""
        if any(selector.has_all_channels for selector in changed.selectors):
            return
        channels = {name: None for selector in changed.selectors for name in selector.channels}
        had_all = any(selector.has_all_channels for selector in user.selectors)
        had = {name for selector in user.selectors for name in selector.channels}
        if not had_all and had <= channels.keys():
            return
        for client in self._engine.clients:
            if client.user is user and client.is_subscriber:
                names = self._engine.pubsub.names_of(client)
                if not all(
                    is_channel_among(channels, name, is_pattern=is_pattern)
                    for name, is_pattern in names
                ):
                    self._engine.disconnect(client)
