"""The agreed protocol of the key-value challenge: a translation from JSON objects to commands.

    {"command": "SET", "args": {"key": "a", "value": "1", "ttl": 5}}
        ─▶  SET a 1 PX 5000             executed like any other request
        ─▶  OK
        ─▶  {"status": "OK"}

Nothing is stored or decided here: the same dispatcher, the same guards and the same keyspace
serve both protocols, and a key set over one is read over the other.

What the protocol leaves open, and how it is decided:

- `null` for an optional argument counts as not given; fields that are not known are ignored.
- A number sent as a value is stored as the text it was sent as: `1.0` stays `1.0`.
- A ttl is a number; fractions count to the millisecond. SET refuses one that is not positive;
  EXPIRE with one deletes the key at once, as Redis does.
- Where a password is set: `{"command": "AUTH", "args": {"password": "…"}}`.
- Strings travel as UTF-8. JSON can also say a lone surrogate (`"\\ud800"`), which UTF-8 cannot:
  it is stored in the form that UTF-8 would give it, and comes back as it was. A value that was
  stored over RESP and is not text comes back with U+FFFD in place of the bytes that are none.
"""

import math
from collections.abc import Callable

from services.common.json_lines import JsonNumber
from services.common.resp import ReplyError
from services.kvdb import errors

Args = dict[str, object]
Request = list[bytes]
Reply = dict[str, object]

MAX_TTL_S = 10**12
"""Thirty thousand years: what is longer is a mistake."""


class AgreedError(Exception):
    """A request that cannot be translated; the text is the message of the ERROR line."""


# Requests.


def to_request(message: dict[str, object]) -> Request:
    """The command that a JSON object asks for. Raises AgreedError."""
    name = message.get("command")
    if not isinstance(name, str) or isinstance(name, JsonNumber):
        raise AgreedError("command must be a string")
    args = message.get("args")
    if args is None:
        args = {}
    if not isinstance(args, dict):
        raise AgreedError("args must be an object")
    translate = _REQUESTS.get(name.upper() if name.isascii() else name)
    if translate is None:
        raise AgreedError(f"Unknown command: {name[: errors.MAX_SHOWN]}")
    return translate(args)


def _ping(args: Args) -> Request:
    return [b"PING"]


def _auth(args: Args) -> Request:
    user = args.get("username")
    password = _encode(_required(args, "password"), "password")
    return [b"AUTH", password] if user is None else [b"AUTH", _encode(user, "username"), password]


def _set(args: Args) -> Request:
    key, value = _key(args), _required(args, "value")
    if not isinstance(value, str):
        raise AgreedError("value must be a string")
    request = [b"SET", key, _encode(str(value), "value")]
    if args.get("ttl") is not None:
        ttl_ms = _ttl_ms(args)
        if ttl_ms <= 0:
            raise AgreedError("ttl must be a positive number of seconds")
        request += [b"PX", b"%d" % ttl_ms]
    return request


def _expire(args: Args) -> Request:
    _required(args, "ttl")
    return [b"PEXPIRE", _key(args), b"%d" % _ttl_ms(args)]


def _on_key(command: bytes) -> Callable[[Args], Request]:
    return lambda args: [command, _key(args)]


_REQUESTS: dict[str, Callable[[Args], Request]] = {
    "PING": _ping,
    "AUTH": _auth,
    "SET": _set,
    "GET": _on_key(b"GET"),
    "DELETE": _on_key(b"DEL"),
    "INCR": _on_key(b"INCR"),
    "DECR": _on_key(b"DECR"),
    "EXPIRE": _expire,
    "TTL": _on_key(b"TTL"),
}


def _required(args: Args, name: str) -> object:
    value = args.get(name)
    if value is None:
        raise AgreedError(f"Missing argument: {name}")
    return value


def _key(args: Args) -> bytes:
    return _encode(_required(args, "key"), "key")


def _encode(value: object, name: str) -> bytes:
    if not isinstance(value, str) or isinstance(value, JsonNumber):
        raise AgreedError(f"{name} must be a string")
    return value.encode("utf-8", "surrogatepass")


def _ttl_ms(args: Args) -> int:
    ttl = args["ttl"]
    if not isinstance(ttl, JsonNumber):
        raise AgreedError("ttl must be a number of seconds")
    ttl_s = float(ttl)
    if not abs(ttl_s) <= MAX_TTL_S:
        raise AgreedError("ttl is out of range")
    # Away from zero: the shortest ttl there is is a millisecond, not none.
    return math.ceil(ttl_s * 1000) if ttl_s > 0 else math.floor(ttl_s * 1000)


# Replies.


def to_reply(request: Request, reply: object) -> Reply:
    """The JSON object for what the command answered."""
    if isinstance(reply, ReplyError):
        return error(_MESSAGES.get(str(reply)) or str(reply).removeprefix("ERR "))
    match request[0]:
        case b"PING":
            return {"status": "OK", "result": "PONG"}
        case b"GET":
            return {"status": "OK", "result": None if reply is None else decode(reply)}
        case b"INCR" | b"DECR":
            return {"status": "OK", "result": str(reply)}
        case b"TTL":
            return {"status": "OK", "result": None if reply < 0 else reply}
    return {"status": "OK"}


def error(message: str) -> Reply:
    return {"status": "ERROR", "message": message}


_MESSAGES = {errors.NOT_AN_INTEGER: "Value is not an integer"}


def decode(value: bytes) -> str:
    """A stored value as text; see the top of this file for what is not UTF-8."""
    try:
        return value.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return value.decode("utf-8", "replace")
