"""The console: one line as one would type it into redis-cli, and its reply with all its types.

    line ─▶ words ─▶ may it run here? ─▶ a connection of its own ─▶ reply ─▶ tagged for JSON

Each command has a connection of its own, which is closed behind it: none can leave a state to the
next one. So what needs a connection that stays (MULTI, SUBSCRIBE) or waits for others (BLPOP) is
refused, with a word about what to do instead; what destroys asks first; SELECT is a choice that
the page keeps.
# Real: cliSplitArgs() and cliFormatReplyTTY() in redis-cli.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from services.common.redis_url import RedisURL
from services.common.resp import ReplyError, Simple
from services.common.resp_client import RespConnection
from services.web.dashboard.kvdb.values import MAX_TEXT_BYTES
from services.web.errors import HTTPError

TIMEOUT_S = 10.0
MAX_LINE_CHARACTERS = 256 * 1024
MAX_SHOWN_VALUES = 5000
"""Of a reply, over all its levels; a million lines would stop the browser."""

_STAYS = "needs a connection that stays open, and the console opens one for each command"
_WAITS = "waits until there is something, and the console does not wait"

REFUSED: Mapping[str, str] = {
    "SUBSCRIBE": f"{_STAYS}. The Pub/sub page listens to channels.",
    "PSUBSCRIBE": f"{_STAYS}. The Pub/sub page listens to patterns.",
    "SSUBSCRIBE": f"{_STAYS}. The Pub/sub page listens to channels.",
    "UNSUBSCRIBE": f"{_STAYS}.",
    "PUNSUBSCRIBE": f"{_STAYS}.",
    "SUNSUBSCRIBE": f"{_STAYS}.",
    "MONITOR": f"{_STAYS}. Use redis-cli for it.",
    "MULTI": f"{_STAYS}. Use redis-cli for transactions.",
    "EXEC": f"{_STAYS}. Use redis-cli for transactions.",
    "DISCARD": f"{_STAYS}. Use redis-cli for transactions.",
    "WATCH": f"{_STAYS}. Use redis-cli for transactions.",
    "UNWATCH": f"{_STAYS}. Use redis-cli for transactions.",
    "AUTH": f"{_STAYS}. The dashboard logs in as its settings say.",
    "HELLO": f"{_STAYS}.",
    "RESET": f"{_STAYS}.",
    "QUIT": f"{_STAYS}.",
    "SYNC": f"{_STAYS}.",
    "PSYNC": f"{_STAYS}.",
    "CLIENT REPLY": f"{_STAYS}.",
    "CLIENT TRACKING": f"{_STAYS}.",
    "CLIENT CACHING": f"{_STAYS}.",
    "BLPOP": f"{_WAITS}. LPOP takes what is there.",
    "BRPOP": f"{_WAITS}. RPOP takes what is there.",
    "BLMOVE": f"{_WAITS}. LMOVE takes what is there.",
    "BRPOPLPUSH": f"{_WAITS}. RPOPLPUSH takes what is there.",
    "BLMPOP": f"{_WAITS}. LMPOP takes what is there.",
    "BZPOPMIN": f"{_WAITS}. ZPOPMIN takes what is there.",
    "BZPOPMAX": f"{_WAITS}. ZPOPMAX takes what is there.",
    "BZMPOP": f"{_WAITS}. ZMPOP takes what is there.",
    "WAIT": f"{_WAITS}.",
    "WAITAOF": f"{_WAITS}.",
}

ASKS: Mapping[str, str] = {
    "FLUSHALL": "deletes every key of all databases",
    "FLUSHDB": "deletes every key of this database",
    "MEMCACHED FLUSH": "deletes every string of this database",
    "SHUTDOWN": "ends the server; whoever supervises it may start it again",
    "SWAPDB": "exchanges two databases under everybody who uses them",
    "CONFIG SET": "changes how the server works, for everybody",
    "CONFIG REWRITE": "changes the server's configuration file",
    "CLIENT KILL": "closes connections of others",
    "CLIENT PAUSE": "makes all clients wait",
    "ACL SETUSER": "changes who may do what",
    "ACL DELUSER": "takes a user away",
    "ACL LOAD": "replaces all users by those of the file",
    "DEBUG": "can stop or crash the server",
    "REPLICAOF": "makes the server a copy of another one, and its own data go",
    "SLAVEOF": "makes the server a copy of another one, and its own data go",
    "FAILOVER": "hands the server's part over to another one",
    "KEYS": "walks over all keys at once, while everybody waits; SCAN does it in steps",
}

_QUOTED = {ord("n"): "\n", ord("r"): "\r", ord("t"): "\t", ord("b"): "\b", ord("a"): "\a"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a line has come to: a reply, a refusal, or a question."""

    db: int
    reply: dict[str, object] | None = None
    elapsed_ms: float | None = None
    refused: str | None = None
    asks: str | None = None

    def as_json(self) -> dict[str, object]:
        return dataclasses.asdict(self)


def run(url: RedisURL, line: str, db: int, *, is_confirmed: bool) -> Outcome:
    """Carry out one line in a database. Raises HTTPError or ConnectionLost."""
    words = split_line(line)
    if not words:
        raise HTTPError(400, "there is no command in this line")
    if reason := refusal(words):
        return Outcome(db, refused=reason)
    if not is_confirmed and (effect := effect_of(words)):
        return Outcome(db, asks=f"{_name(words)} {effect}.")
    is_choice = words[0].upper() == b"SELECT" and len(words) == 2
    with _connected(dataclasses.replace(url, db=db)) as connection:
        started_s = time.perf_counter()
        try:
            reply = connection.execute(*words)
        except ReplyError as error:
            reply = error
        elapsed_ms = 1000 * (time.perf_counter() - started_s)
    if is_choice and not isinstance(reply, ReplyError):
        db = int(words[1])
    return Outcome(db, Tagger().tagged(reply), round(elapsed_ms, 3))


@contextlib.contextmanager
def _connected(url: RedisURL) -> Iterator[RespConnection]:
    """A connection with RESP3 where the server has it, closed at the end."""
    connection = RespConnection(url, timeout_s=TIMEOUT_S)
    try:
        with contextlib.suppress(ReplyError):  # Then replies have fewer types.
            connection.execute("HELLO", "3")
        yield connection
    finally:
        connection.close()


def refusal(words: list[bytes]) -> str | None:
    """Why a command is not for here; None where it is."""
    for length in (2, 1):
        name = _name(words, length)
        if name in REFUSED:
            return f"{name} {REFUSED[name]}"
    if words[0].upper() in (b"XREAD", b"XREADGROUP") and _has_option(words, b"BLOCK"):
        return f"{_name(words)} with BLOCK {_WAITS}. Without BLOCK it takes what is there."
    return None


def effect_of(words: list[bytes]) -> str | None:
    """What a command destroys or stops, to be said before it does; None where it is harmless."""
    return ASKS.get(_name(words, 2)) or ASKS.get(_name(words, 1))


def _name(words: list[bytes], length: int = 1) -> str:
    return b" ".join(words[:length]).decode("utf-8", "replace").upper()


def _has_option(words: list[bytes], option: bytes) -> bool:
    """Among the options of XREAD, which end where the keys begin."""
    for word in words[1:]:
        if word.upper() == b"STREAMS":
            return False
        if word.upper() == option:
            return True
    return False


_WORD = re.compile(
    r"""\s*(?:"(?P<double>(?:\\.|[^"\\])*)"|'(?P<single>(?:\\'|[^'])*)'|(?P<bare>[^\s"']\S*))"""
    r"""(?=\s|$)""",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|.)", re.DOTALL)


def split_line(line: str) -> list[bytes]:
    """The words of a line, quoted as in redis-cli: double quotes know \\n and \\xff."""
    if len(line) > MAX_LINE_CHARACTERS:
        raise HTTPError(400, f"a line may have {MAX_LINE_CHARACTERS} characters")
    words, at = [], 0
    line = line.strip()
    while at < len(line):
        match = _WORD.match(line, at)
        if match is None:
            raise HTTPError(400, "the quotes of this line do not fit together")
        at = match.end()
        if (text := match["double"]) is not None:
            words.append(_unescaped(text))
        elif (text := match["single"]) is not None:
            words.append(_encoded(text.replace("\\'", "'")))
        else:
            words.append(_encoded(match["bare"]))
    return words


def _unescaped(text: str) -> bytes:
    parts, at = [], 0
    for match in _ESCAPE.finditer(text):
        parts.append(_encoded(text[at : match.start()]))
        escaped, at = match[1], match.end()
        if len(escaped) == 3:
            parts.append(bytes.fromhex(escaped[1:]))
        else:
            parts.append(_encoded(escaped.translate(_QUOTED)))
    parts.append(_encoded(text[at:]))
    return b"".join(parts)


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise HTTPError(400, "the line holds half of a surrogate pair") from None


class Tagger:
    """Replies as JSON that still says of which type each value was."""

    def __init__(self) -> None:
        self._left = MAX_SHOWN_VALUES

    def tagged(self, value: object) -> dict[str, object]:
        self._left -= 1
        match value:
            case None:
                return {"type": "nil"}
            case bool():
                return {"type": "boolean", "text": str(value).lower()}
            case int():
                return {"type": "integer", "text": str(value)}
            case float():
                return {"type": "double", "text": f"{value:.17g}"}
            case ReplyError():
                return {"type": "error", "text": str(value)}
            case Simple():
                return {"type": "status", "text": str(value)}
            case bytes() | str():
                return _string(value)
            case dict():
                return {
                    "type": "map",
                    "size": len(value),
                    "items": self._several(part for pair in value.items() for part in pair),
                }
            case set() | frozenset():
                return {"type": "set", "size": len(value), "items": self._several(value)}
        return {"type": "array", "size": len(value), "items": self._several(value)}

    def _several(self, values: object) -> list[dict[str, object]]:
        """As many as are still shown; for a map, names and values in turn."""
        shown = []
        for value in values:
            if self._left <= 0:
                break
            shown.append(self.tagged(value))
        return shown


def _string(value: bytes | str) -> dict[str, object]:
    data = value.encode() if isinstance(value, str) else value
    shown = data[:MAX_TEXT_BYTES]
    # Lines stay lines: INFO and CLIENT LIST are read by people.
    is_text = b"\n" in shown and b"\0" not in shown
    try:
        text = shown.decode("utf-8", "strict" if len(shown) == len(data) else "ignore")
    except UnicodeDecodeError:
        is_text, text = False, ""
    if is_text:
        return {"type": "text", "text": text.replace("\r\n", "\n"), "is_cut": shown != data}
    return {"type": "string", "text": quoted(shown), "is_cut": shown != data}


def quoted(data: bytes) -> str:
    """A string between quotes, with escapes for what cannot be seen; letters of any script stay."""
    escapes = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    parts = []
    for char in data.decode("utf-8", "surrogateescape"):
        if char in escapes:
            parts.append(escapes[char])
        elif "\udc80" <= char <= "\udcff":
            parts.append(f"\\x{ord(char) - 0xDC00:02x}")
        elif char.isprintable():
            parts.append(char)
        else:
            parts.append("".join(f"\\x{byte:02x}" for byte in char.encode()))
    return f'"{"".join(parts)}"'
