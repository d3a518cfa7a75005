"""CLIENT TRACKING: the server tells clients which keys in their own caches are stale.

A client that reads a key may keep the value, and need not ask again until it hears that the key
has changed. The server has two ways to know whom to tell:

    default   it remembers who has read which key; a change tells those, and forgets them

                  keys["user:1"] = {client 7, client 9}  ── SET user:1 ─▶  7, 9: invalidate user:1

    BCAST     it remembers nothing; a change tells whoever has asked for a prefix of the key

                  prefixes["user:"] = {client 8}         ── SET user:1 ─▶  8: invalidate user:1

In RESP3 the message is a push. A RESP2 client has it sent to another connection of its own
(REDIRECT), which is subscribed to `__redis__:invalidate`. With OPTIN only what follows
CLIENT CACHING YES is remembered, with OPTOUT all but what follows CLIENT CACHING NO; with NOLOOP
a client is not told of its own changes.

The table remembers names without databases, for `tracking-table-max-keys` keys at the most:
beyond that the oldest is forgotten, and who had read it is told that it is stale.
# Real: tracking.c in Redis.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from services.common.resp import OK, Push, ReplyError, SetReply
from services.kvdb import arguments, errors
from services.kvdb.arguments import words
from services.kvdb.change import Change
from services.kvdb.clients import Client
from services.kvdb.command import Command
from services.kvdb.pubsub import Message

if TYPE_CHECKING:
    from services.kvdb.blocking import Delivery
    from services.kvdb.engine import Engine

CHANNEL = b"__redis__:invalidate"

_NO_CHANGE = {Change.CREATED, Change.MISSED, Change.EMPTIED, Change.CONSUMER_CREATED}
"""They come with another change, or are none."""

_BY_NOBODY = {Change.EXPIRED, Change.EVICTED, Change.FIELDS_EXPIRED}


@dataclass(slots=True)
class Tracking:
    """What one client has asked for."""

    redirect: int = 0
    """The ID of the client that gets the messages; 0 is itself."""
    is_broadcast: bool = False
    is_opt_in: bool = False
    is_opt_out: bool = False
    no_loop: bool = False
    prefixes: dict[bytes, None] = field(default_factory=dict)
    caching: bool | None = None
    """What CLIENT CACHING has said about the next command."""
    is_broken: bool = False
    """The client that should get the messages has gone."""

    @property
    def remembers(self) -> bool:
        """Whether what is read now has to be remembered."""
        if self.is_opt_in:
            return self.caching is True
        return not self.is_broadcast and self.caching is not False


class TrackingTable:
    """Who has to be told of changes to which keys."""

    def __init__(self, engine: "Engine"):
        self._engine = engine
        self.keys: dict[bytes, dict[int, None]] = {}
        self.prefixes: dict[bytes, dict[Client, None]] = {}
        self.clients: dict[Client, None] = {}
        self._changed: dict[bytes, Client | None] = {}
        """What BCAST clients are told when the command has ended, and who changed it."""
        self._is_flushed = False
        self._held: list[Delivery] | None = None

    # Who tracks.

    def enable(self, client: Client, tracking: Tracking) -> None:
        client.tracking = tracking
        self.clients[client] = None
        for prefix in tracking.prefixes:
            self.prefixes.setdefault(prefix, {})[client] = None
        self._engine.observation.update()

    def disable(self, client: Client) -> None:
        """Also for a client that has gone, or that has sent RESET."""
        if client.tracking is None:
            return
        for prefix in client.tracking.prefixes:
            clients = self.prefixes[prefix]
            del clients[client]
            if not clients:
                del self.prefixes[prefix]
        del self.clients[client]
        client.tracking = None
        if not self.clients:
            self.keys.clear()
        self._engine.observation.update()

    def redirection_of(self, client: Client) -> int:
        return client.tracking.redirect if client.tracking else -1

    def flags_of(self, client: Client) -> str:
        """Its letters in CLIENT LIST."""
        tracking = client.tracking
        if tracking is None:
            return ""
        return "t" + "R" * tracking.is_broken + "B" * tracking.is_broadcast

    # What is read.

    def note_read(self, client: Client, command: Command, request: list[bytes]) -> None:
        """A client that tracks has run a command."""
        tracking = client.tracking
        if "readonly" in command.flags and tracking.remembers:
            for key in command.keys.find(request):
                self.keys.setdefault(key, {})[client.id] = None
            self.trim()
        is_inside = client.is_in_transaction or client.is_executing
        if tracking.caching is not None and not is_inside and command.name != "client|caching":
            tracking.caching = None

    def trim(self) -> None:
        """Forget the oldest keys beyond the limit; who had read them has to read them again."""
        limit = self._engine.settings.tracking_table_max_keys
        while limit and len(self.keys) > limit:
            self._invalidate_readers(next(iter(self.keys)), None)

    # What changes.

    def note_change(self, key: bytes, change: Change, by: Client | None) -> None:
        if change is Change.FLUSHED:
            self._is_flushed = True
        elif change not in _NO_CHANGE:
            by = None if change in _BY_NOBODY else by
            self._invalidate_readers(key, by)
            if self.prefixes:
                self._changed[key] = by

    def _invalidate_readers(self, key: bytes, by: Client | None) -> None:
        for client_id in self.keys.pop(key, ()):
            client = self._engine.clients.get(client_id)
            if client is None or client.tracking is None or client.tracking.is_broadcast:
                continue
            if not (client.tracking.no_loop and client is by):
                self._send(client, [key])

    def settle(self) -> None:
        """Tell what the command that has ended leaves to tell."""
        if self._is_flushed:
            self._is_flushed = False
            self.keys.clear()
            for client in self.clients:
                self._send(client, None)
        if self._changed:
            changed, self._changed = self._changed, {}
            for prefix, clients in self.prefixes.items():
                self._broadcast(prefix, clients, changed)

    def hold(self) -> None:
        """A client that has waited is served: what it changes is told after its reply."""
        if self._held is None:
            self._held = []

    def release(self) -> "list[Delivery]":
        """What has been held."""
        held, self._held = self._held or [], None
        return held

    def _broadcast(
        self, prefix: bytes, clients: dict[Client, None], changed: dict[bytes, Client | None]
    ) -> None:
        keys = [key for key in changed if key.startswith(prefix)]
        for client in clients:
            told = keys
            if client.tracking.no_loop:
                told = [key for key in keys if changed[key] is not client]
            if told:
                self._send(client, told)

    def _send(self, client: Client, keys: list[bytes] | None) -> None:
        """Tell one client, or the one that it has named; no keys are all keys."""
        tracking, receiver = client.tracking, client
        deliveries = self._engine.dispatcher.deliveries if self._held is None else self._held
        if tracking.redirect:
            receiver = self._engine.clients.get(tracking.redirect)
            if receiver is None:
                tracking.is_broken = True
                if client.resp == 3:
                    push = Push([b"tracking-redir-broken", tracking.redirect])
                    deliveries.append((client, Message(push)))
                return
        if receiver.resp == 3:
            deliveries.append((receiver, Message(Push([b"invalidate", keys]))))
        elif receiver is not client and receiver.is_subscriber:
            deliveries.append((receiver, Message(Push([b"message", CHANNEL, keys]))))


# Commands.


def client_tracking(client: Client, request: list[bytes]) -> object:
    """`CLIENT TRACKING ON|OFF [REDIRECT id] [BCAST] [PREFIX p …] [OPTIN] [OPTOUT] [NOLOOP]`."""
    asked = _parse(client, request[3:])
    match request[2].upper():
        case b"ON":
            _check(asked, client.tracking)
            if client.tracking is not None:
                asked.prefixes = client.tracking.prefixes | asked.prefixes
                asked.is_opt_in |= client.tracking.is_opt_in
                asked.is_opt_out |= client.tracking.is_opt_out
            client.engine.tracking.enable(client, asked)
        case b"OFF":
            client.engine.tracking.disable(client)
        case _:
            raise errors.syntax_error()
    return OK


def _parse(client: Client, options: list[bytes]) -> Tracking:
    asked = Tracking()
    for word, values in words(options):
        match word:
            case b"REDIRECT":
                if asked.redirect:
                    raise ReplyError("ERR A client can only redirect to a single other client")
                asked.redirect = arguments.integer(arguments.following(values))
                if client.engine.clients.get(asked.redirect) is None:
                    raise ReplyError("ERR The client ID you want redirect to does not exist")
            case b"BCAST":
                asked.is_broadcast = True
            case b"OPTIN":
                asked.is_opt_in = True
            case b"OPTOUT":
                asked.is_opt_out = True
            case b"NOLOOP":
                asked.no_loop = True
            case b"PREFIX":
                _add_prefix(asked, arguments.following(values))
            case _:
                raise errors.syntax_error()
    if asked.prefixes and not asked.is_broadcast:
        raise ReplyError("ERR PREFIX option requires BCAST mode to be enabled")
    if asked.is_broadcast and not asked.prefixes:
        asked.prefixes[b""] = None
    return asked


def _add_prefix(asked: Tracking, prefix: bytes) -> None:
    _check_overlap(asked.prefixes, prefix, "another provided")
    asked.prefixes[prefix] = None


def _check_overlap(prefixes: dict[bytes, None], new: bytes, which: str) -> None:
    for old in prefixes:
        if old != new and (old.startswith(new) or new.startswith(old)):
            # With two of one command, Redis names the one that was given first first.
            pair = (old, new) if which != "an existing" else (new, old)
            first, second = map(errors.shown, pair)
            raise ReplyError(
                f"ERR Prefix '{first}' overlaps with {which} prefix '{second}'. "
                "Prefixes for a single client must not overlap."
            )


def _check(asked: Tracking, before: Tracking | None) -> None:
    """Whether the options go together, and with what the client has asked for before."""
    again = "before disabling tracking for this client, and then re-enabling it with a different"
    if asked.is_broadcast and (asked.is_opt_in or asked.is_opt_out):
        raise ReplyError("ERR OPTIN and OPTOUT are not compatible with BCAST")
    if asked.is_opt_in and asked.is_opt_out:
        raise ReplyError("ERR You can't specify both OPTIN mode and OPTOUT mode")
    if before is None:
        return
    if asked.is_broadcast != before.is_broadcast:
        raise ReplyError(f"ERR You can't switch BCAST mode on/off {again} mode.")
    if (asked.is_opt_in and before.is_opt_out) or (asked.is_opt_out and before.is_opt_in):
        raise ReplyError(f"ERR You can't switch OPTIN/OPTOUT mode {again} mode.")
    for prefix in asked.prefixes:
        _check_overlap(before.prefixes, prefix, "an existing")


def client_caching(client: Client, request: list[bytes]) -> object:
    tracking = client.tracking
    if tracking is None or not (tracking.is_opt_in or tracking.is_opt_out):
        raise ReplyError(
            "ERR CLIENT CACHING can be called only when the client is in tracking mode with "
            "OPTIN or OPTOUT mode enabled"
        )
    choice = request[2].upper()
    if choice not in (b"YES", b"NO"):
        raise errors.syntax_error()
    is_yes = choice == b"YES"
    mode = "OPTIN" if is_yes else "OPTOUT"
    if is_yes != tracking.is_opt_in:
        raise ReplyError(
            f"ERR CLIENT CACHING {errors.shown(choice)} is only valid when tracking is enabled "
            f"in {mode} mode."
        )
    tracking.caching = is_yes
    return OK


def client_getredir(client: Client, request: list[bytes]) -> int:
    return client.engine.tracking.redirection_of(client)


def client_trackinginfo(client: Client, request: list[bytes]) -> dict[bytes, object]:
    tracking = client.tracking or Tracking()
    flags = {
        b"off": client.tracking is None,
        b"on": client.tracking is not None,
        b"bcast": tracking.is_broadcast,
        b"optin": tracking.is_opt_in,
        b"caching-yes": tracking.caching is True,
        b"optout": tracking.is_opt_out,
        b"caching-no": tracking.caching is False,
        b"noloop": tracking.no_loop,
        b"broken_redirect": tracking.is_broken,
    }
    return {
        b"flags": SetReply(flag for flag, is_set in flags.items() if is_set),
        b"redirect": client.engine.tracking.redirection_of(client),
        b"prefixes": list(tracking.prefixes),
    }
