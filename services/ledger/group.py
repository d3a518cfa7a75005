"""Parsing: the bytes of one `hiponet` message become a transaction group, or a typed error.

    b'[{"sender": "HIPO", …}, …]' ─▶ UTF-8 ─▶ depth ─▶ JSON ─▶ fields ─▶ [Transaction, …]

Every node must come to the same verdict on every message, on every version of Python, so
nothing here is left to what a JSON library happens to do:

- **Text** is UTF-8. A byte order mark is not part of JSON, and so makes a message invalid.
- **Constants** that Python knows and JSON does not (`NaN`, `Infinity`) are refused, wherever
  they stand, and so is an object that has one key twice: two readers would read two things.
- **Integers** are literals without fraction and exponent. `1.0` and `1e3` are none, nor is
  `true`, which is an int in Python. `-0` is one by JSON's grammar, and its value is 0.
  There is no largest one.
- **Nesting** ends at `MAX_DEPTH` brackets, also inside fields that nobody reads. Without a
  number of our own the limit would be the interpreter's stack, which differs by version.
- **Names** are compared code point by code point, without normalisation. An escape may give
  half of a surrogate pair (`"\\ud800"`): that is a name like any other, shown as its escape.

What the rest of a group says is ignored: fields beyond the six may hold any JSON.
# Real: consensus-critical decoding, such as Bitcoin's transaction serialization or Algorand's
# canonical msgpack, which leave a message exactly one form.
"""

import json
import re
import sys
from typing import Any, NamedTuple, NoReturn

from services.ledger.errors import (
    BadField,
    DuplicateKey,
    NegativeAmount,
    NestedTooDeep,
    NotAGroup,
    NotJSON,
    NotText,
    UnknownAsset,
    UnknownType,
)

MAX_DEPTH = 512
"""Far beyond any use, and within what every supported interpreter's JSON parser can nest."""

TRANSFER = "transfer"
ASSET_ID = 0
"""There is one kind of transaction and one asset. # Real: pay, axfer, appl, … in Algorand"""

_SPACE = " \t\n\r"
_INTEGER_FIELDS = ("amount", "asset_id", "first_valid")
_STRING_FIELDS = ("receiver", "sender", "type")

# int() takes quadratic time; Python refuses by default to convert more digits than these.
_LONG_DIGITS = sys.int_info.default_max_str_digits
_CHUNK_DIGITS = sys.int_info.str_digits_check_threshold


class Transaction(NamedTuple):
    """One transfer. `type` and `asset_id` have been checked, and can have one value only.

    A named tuple where a frozen dataclass would be the custom here: it is made in a third of
    the time, and replay makes one for each transaction of the list.
    """

    sender: str
    receiver: str
    amount: int
    first_valid: int


def parse_group(message: bytes) -> list[Transaction]:
    """The transactions of a message, at least one. Raises MalformedGroup."""
    group = decode_json(message)
    if type(group) is not list:
        raise NotAGroup("the message is not an array of transactions")
    if not group:
        raise NotAGroup("the group is empty")
    return [_transaction(fields) for fields in group]


def _transaction(fields: object) -> Transaction:
    if type(fields) is not dict:
        raise NotAGroup("the group holds something else than objects")
    try:
        amount, asset_id, first_valid = fields["amount"], fields["asset_id"], fields["first_valid"]
        receiver, sender, kind = fields["receiver"], fields["sender"], fields["type"]
    except KeyError as missing:
        raise BadField(f"a transaction has no field {missing.args[0]!r}") from None
    # `type(…) is`, not isinstance: True and False are ints by inheritance, and not here.
    if not (
        type(amount) is type(asset_id) is type(first_valid) is int
        and type(receiver) is type(sender) is type(kind) is str
    ):
        raise _bad_type(fields)
    if kind != TRANSFER:
        raise UnknownType(f"the only type is {TRANSFER!r}")
    if asset_id != ASSET_ID:
        raise UnknownAsset(f"the only asset_id is {ASSET_ID}")
    if amount < 0:
        raise NegativeAmount("an amount is negative")
    return Transaction(sender, receiver, amount, first_valid)


def _bad_type(fields: dict[str, Any]) -> BadField:
    for name in _INTEGER_FIELDS:
        if type(fields[name]) is not int:
            return BadField(f"the field {name!r} is not an integer")
    name = next(name for name in _STRING_FIELDS if type(fields[name]) is not str)
    return BadField(f"the field {name!r} is not a string")


def decode_json(message: bytes) -> object:
    """The JSON value that `message` is, read strictly. Raises MalformedGroup."""
    if not _is_shallow(message):
        raise NestedTooDeep(f"brackets are nested deeper than {MAX_DEPTH}")
    try:
        text = message.decode().strip(_SPACE)
    except UnicodeDecodeError as error:
        raise NotText(f"the message is not UTF-8 at byte {error.start}") from None
    # raw_decode instead of loads: 0.5 µs less for each message.
    decoder = _decoder if len(text) <= _LONG_DIGITS else _long_decoder
    try:
        value, end = decoder.raw_decode(text)
    except ValueError as error:
        raise NotJSON(f"the message is not JSON: {error}") from None
    if end != len(text):
        raise NotJSON(f"the message goes on behind its JSON at character {end}")
    return value


_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


def _is_shallow(message: bytes) -> bool:
    """Whether no more than MAX_DEPTH brackets are open at once outside strings."""
    if message.count(b"{") + message.count(b"[") <= MAX_DEPTH:
        return True  # Nearly every message ends here.
    depth = 0
    for token in _STRING_OR_BRACKET.finditer(message):
        match token[0]:
            case b"{" | b"[":
                depth += 1
                if depth > MAX_DEPTH:
                    return False
            case b"}" | b"]":
                depth -= 1
    return True


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise DuplicateKey("an object has the same key twice")
    return fields


def _refuse_constant(name: str) -> NoReturn:
    raise NotJSON(f"the message is not JSON: it holds {name}")


def _integer(text: str) -> int:
    """An integer literal of any length, in less than quadratic time.

    Two halves are read and put together again by Python's `*`, which multiplies by
    Karatsuba's method: a message of a million digits costs every node 0.7 s instead of 6 s.
    """
    if len(text) <= _CHUNK_DIGITS:
        return int(text)
    if text[0] == "-":
        return -_integer(text[1:])
    half = len(text) // 2
    return _integer(text[:-half]) * 10**half + _integer(text[-half:])


_decoder = json.JSONDecoder(object_pairs_hook=_unique_keys, parse_constant=_refuse_constant)
# A message too short to hold a long integer is spared the call for each of its integers.
_long_decoder = json.JSONDecoder(
    object_pairs_hook=_unique_keys, parse_constant=_refuse_constant, parse_int=_integer
)
