"""SCRAM: a login in which the password never crosses the wire and the server never keeps it.

    client                                                     server
      │  n,,n=anna,r=CLIENTNONCE                                 │   client-first
      │ ───────────────────────────────────────────────────────▶ │
      │            r=CLIENTNONCE+SERVERNONCE,s=SALT,i=ITERATIONS │   server-first
      │ ◀─────────────────────────────────────────────────────── │
      │  c=biws,r=BOTHNONCES,p=PROOF                             │   client-final
      │ ───────────────────────────────────────────────────────▶ │
      │                                             v=SIGNATURE  │   server-final
      │ ◀─────────────────────────────────────────────────────── │

    salted      = PBKDF2(password, salt, iterations)
    client key  = HMAC(salted, "Client Key")        stored key = H(client key)
    proof       = client key XOR HMAC(stored key, all three messages)

The server keeps the stored key, from which it can check a proof and cannot make one. The
signature shows the client that the server knows the account, too. Sans-IO: messages come in
and go out as text; how they travel is the matter of each protocol (SASL in MongoDB, messages
of their own in PostgreSQL).

RFC 5802 (SHA-1) and RFC 7677 (SHA-256). Left out: channel binding (the `-PLUS` mechanisms).
"""

import base64
import binascii
import hashlib
import hmac
import os
import re
import stringprep
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

SHA1, SHA256 = "sha1", "sha256"
_SALT_BYTES = {SHA1: 16, SHA256: 28}
_CLIENT_FIRST = re.compile(r"([ny]),(?:a=[^,]*)?,(n=([^,]*),r=([^,]+))(?:,.*)?", re.DOTALL)
_CLIENT_FINAL = re.compile(r"(c=([^,]+),r=([^,]+)(?:,[^,]+)*?),p=([^,]+)", re.DOTALL)
MAX_ITERATIONS = 10_000_000


class ScramError(Exception):
    """The login has failed. The text is for the server's log, not for the other side."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a server keeps of a password."""

    hash_name: str
    iterations: int
    salt: bytes
    stored_key: bytes
    server_key: bytes


def _hmac(key: bytes, data: bytes, hash_name: str) -> bytes:
    return hmac.digest(key, data, hash_name)


def derive_credentials(
    password: str, hash_name: str, iterations: int, salt: bytes | None = None
) -> Credentials:
    """The salted keys of a password; SHA-256 prepares it with SASLprep first."""
    if salt is None:
        salt = os.urandom(_SALT_BYTES[hash_name])
    salted = _salted(password, hash_name, salt, iterations)
    client_key = _hmac(salted, b"Client Key", hash_name)
    return Credentials(
        hash_name,
        iterations,
        salt,
        hashlib.new(hash_name, client_key).digest(),
        _hmac(salted, b"Server Key", hash_name),
    )


def _salted(password: str, hash_name: str, salt: bytes, iterations: int) -> bytes:
    text = prepared(password) if hash_name == SHA256 else password
    return hashlib.pbkdf2_hmac(hash_name, text.encode(), salt, iterations)


def prepared(text: str) -> str:
    """SASLprep (RFC 4013); a text that it forbids is taken as it is, as PostgreSQL does."""
    if text.isascii():
        return text
    mapped = "".join(
        " " if stringprep.in_table_c12(c) else "" if stringprep.in_table_b1(c) else c for c in text
    )
    normal = unicodedata.normalize("NFKC", mapped)
    forbidden = (
        stringprep.in_table_c12,
        stringprep.in_table_c21_c22,
        stringprep.in_table_c3,
        stringprep.in_table_c4,
        stringprep.in_table_c5,
        stringprep.in_table_c6,
        stringprep.in_table_c7,
        stringprep.in_table_c8,
        stringprep.in_table_c9,
    )
    if any(table(c) for c in normal for table in forbidden):
        return text
    return normal


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ScramError("not base64") from None


def _nonce() -> str:
    return base64.b64encode(os.urandom(24)).decode()


class ServerLogin:
    """The server's side of one login; `find` gives the credentials of a name, or None.

    A name that nobody has gets a salt all the same, so that a stranger learns of no name
    whether it exists.
    """

    def __init__(
        self,
        hash_name: str,
        find: Callable[[str], Credentials | None],
        *,
        nonce: str | None = None,
        iterations: int = 15_000,
    ):
        self._hash_name = hash_name
        self._find = find
        self._nonce = nonce or _nonce()
        self._iterations = iterations
        self._credentials: Credentials | None = None
        self._header = ""
        self._messages = ""
        self._both_nonces = ""
        self.name = ""
        self.is_done = False

    def first(self, message: str) -> str:
        """The answer to client-first. Raises ScramError."""
        match = _CLIENT_FIRST.fullmatch(message)
        if not match:
            raise ScramError("client-first is malformed")
        self._header = message[: match.start(2)]
        bare = message[match.start(2) :]
        self.name = match[3].replace("=2C", ",").replace("=3D", "=")
        self._credentials = self._find(self.name)
        shown = self._credentials or self._invented()
        self._both_nonces = match[4] + self._nonce
        salt = base64.b64encode(shown.salt).decode()
        reply = f"r={self._both_nonces},s={salt},i={shown.iterations}"
        self._messages = f"{bare},{reply}"
        return reply

    def _invented(self) -> Credentials:
        digest = hashlib.sha512(self._hash_name.encode() + self.name.encode()).digest()
        salt = digest[: _SALT_BYTES[self._hash_name]]
        return Credentials(self._hash_name, self._iterations, salt, b"", b"")

    def final(self, message: str) -> str:
        """The answer to client-final. Raises ScramError where the proof is wrong."""
        match = _CLIENT_FINAL.fullmatch(message)
        if not match:
            raise ScramError("client-final is malformed")
        if _decoded(match[2]) != self._header.encode():
            raise ScramError("the channel binding has changed")
        if not hmac.compare_digest(match[3].encode(), self._both_nonces.encode()):
            raise ScramError("the nonce has changed")
        known = self._credentials
        if known is None:
            raise ScramError(f"no user {self.name!r}")
        text = f"{self._messages},{match[1]}".encode()
        signature = _hmac(known.stored_key, text, self._hash_name)
        proof = _decoded(match[4])
        if len(proof) != len(signature):
            raise ScramError("the proof has a wrong length")
        client_key = _xor(proof, signature)
        digest = hashlib.new(self._hash_name, client_key).digest()
        if not hmac.compare_digest(digest, known.stored_key):
            raise ScramError(f"wrong password for {self.name!r}")
        self.is_done = True
        server_signature = _hmac(known.server_key, text, self._hash_name)
        return f"v={base64.b64encode(server_signature).decode()}"


class ClientLogin:
    """The client's side of one login."""

    def __init__(self, hash_name: str, name: str, password: str, *, nonce: str | None = None):
        self._hash_name = hash_name
        self._password = password
        self._nonce = nonce or _nonce()
        escaped = name.replace("=", "=3D").replace(",", "=2C")
        self._bare = f"n={escaped},r={self._nonce}"
        self._signature = b""

    def first(self) -> str:
        return f"n,,{self._bare}"

    def final(self, server_first: str) -> str:
        """Raises ScramError where the server's answer does not belong to the question."""
        match = re.fullmatch(r"r=([^,]+),s=([^,]+),i=(\d+)(?:,.*)?", server_first)
        if not match or not match[1].startswith(self._nonce):
            raise ScramError("server-first is malformed")
        if not 4096 <= int(match[3]) <= MAX_ITERATIONS:
            raise ScramError(f"{match[3]} iterations")
        salted = _salted(self._password, self._hash_name, _decoded(match[2]), int(match[3]))
        client_key = _hmac(salted, b"Client Key", self._hash_name)
        stored_key = hashlib.new(self._hash_name, client_key).digest()
        without_proof = f"c=biws,r={match[1]}"
        text = f"{self._bare},{server_first},{without_proof}".encode()
        proof = _xor(client_key, _hmac(stored_key, text, self._hash_name))
        server_key = _hmac(salted, b"Server Key", self._hash_name)
        self._signature = _hmac(server_key, text, self._hash_name)
        return f"{without_proof},p={base64.b64encode(proof).decode()}"

    def check(self, server_final: str) -> None:
        """Raises ScramError where the server does not know the password either."""
        expected = f"v={base64.b64encode(self._signature).decode()}"
        if not hmac.compare_digest(server_final.encode(), expected.encode()):
            raise ScramError("the server has not proved that it knows the account")
