"""The flags of a meta command: one letter each, some with a token behind it.

    mg Zm9v b k v t O123      the key, and its flags in the order in which the reply repeats them

Which letters a command knows is its own affair (`memcached_meta`); that none comes twice, that a
token is a number where it has to be one, and how a reply shows them, is the same for all.
# Real: _meta_flag_preparse() in memcached's proto_text.c.
"""

from collections.abc import Callable

from services.kvdb.memcached_codec import (
    BAD_KEY_ENCODING,
    BAD_LINE,
    MAX_64,
    MAX_KEY_BYTES,
    MemcachedError,
    decode_key,
    is_key,
    signed,
    unsigned,
)

Parse = Callable[[bytes], int | None]

MAX_OPAQUE_BYTES = 32
MAX_OPTIONS = 20

INVALID_FLAG = b"CLIENT_ERROR invalid flag"
DUPLICATE_FLAG = b"CLIENT_ERROR duplicate flag"
BAD_TOKEN = b"CLIENT_ERROR bad token in command line format"
BAD_MODE_LENGTH = b"CLIENT_ERROR incorrect length for M token"
TOO_MANY_OPTIONS = b"CLIENT_ERROR options flags are too long"
OPAQUE_TOO_LONG = b"CLIENT_ERROR opaque token too long"
INVALID_OR_DUPLICATE_FLAG = b"CLIENT_ERROR invalid or duplicate flag"


class Options:
    """The key of a meta command and its flags, by letter, in the order of the request."""

    __slots__ = ("_request", "key", "tokens")

    def __init__(self, words: list[bytes], allowed: bytes, first: int = 2):
        if len(words[1]) > MAX_KEY_BYTES:
            raise MemcachedError(BAD_LINE)
        self.tokens: dict[bytes, bytes] = {}
        self._request = words
        if len(words) - first > MAX_OPTIONS:
            raise MemcachedError(TOO_MANY_OPTIONS)
        for word in words[first:]:
            letter, token = word[:1], word[1:]
            if letter in self.tokens:
                raise MemcachedError(DUPLICATE_FLAG)
            if letter not in allowed:
                raise MemcachedError(INVALID_FLAG)
            self.tokens[letter] = token
        if len(self.tokens.get(b"O", b"")) > MAX_OPAQUE_BYTES:
            raise MemcachedError(OPAQUE_TOO_LONG)
        self.key = decode_key(words[1]) if b"b" in self.tokens else _plain_key(words[1])

    def __contains__(self, letter: bytes) -> bool:
        return letter in self.tokens

    def precedes(self, letter: bytes, other: bytes) -> bool:
        """Whether a flag is given, and another one behind it."""
        order = list(self.tokens)
        return letter in order and other in order and order.index(letter) < order.index(other)

    def seconds(self, letter: bytes) -> int | None:
        """The time of T, N or R; None where it is not given."""
        return self._number(letter, signed)

    def number(self, letter: bytes, maximum: int = MAX_64) -> int | None:
        return self._number(letter, lambda token: unsigned(token, maximum))

    def _number(self, letter: bytes, parse: Parse) -> int | None:
        if letter not in self.tokens:
            return None
        number = parse(self.tokens[letter])
        if number is None:
            raise MemcachedError(BAD_LINE if letter == b"F" else BAD_TOKEN)
        return number

    def mode(self, default: bytes, modes: dict[bytes, bytes], command: bytes) -> bytes:
        token = self.tokens.get(b"M", default)
        if len(token) != 1:
            raise MemcachedError(BAD_MODE_LENGTH)
        if token not in modes:
            raise MemcachedError(b"CLIENT_ERROR invalid mode for %b M token" % command)
        return modes[token]

    def shown(self, answers: dict[bytes, object], marks: bytes = b"") -> bytes:
        """The flags of a reply, each with a space before it."""
        parts = []
        for letter, token in self.tokens.items():
            if letter == b"O":
                parts.append(b" O" + token)
            elif letter == b"k":
                is_encoded = b"b" in self.tokens
                parts.append(b" k" + self._request[1] + b" b" * is_encoded)
            elif letter in answers:
                parts.append(b" %b%d" % (letter, answers[letter]))
        return b"".join(parts) + b"".join(b" %c" % mark for mark in marks)


class TerseOptions(Options):
    """Those of md and ma, which have one text for whatever is wrong with a flag."""

    __slots__ = ()

    def __init__(self, words: list[bytes], allowed: bytes):
        try:
            super().__init__(words, allowed)
        except MemcachedError as error:
            raise _tersely(error) from None

    def _number(self, letter: bytes, parse: Parse) -> int | None:
        try:
            return super()._number(letter, parse)
        except MemcachedError as error:
            raise _tersely(error) from None


def _tersely(error: MemcachedError) -> MemcachedError:
    about_flags = (INVALID_FLAG, DUPLICATE_FLAG, BAD_TOKEN, BAD_KEY_ENCODING)
    return MemcachedError(INVALID_OR_DUPLICATE_FLAG) if error.reply in about_flags else error


def _plain_key(word: bytes) -> bytes:
    if not is_key(word):
        raise MemcachedError(BAD_LINE)
    return word
