"""Signed text: what a client may keep and show again, but not change.

    signer = Signer([key], purpose="session")
    token = signer.sign(b'{"user":7}')            eyJ1c2VyIjo3fQ.dNqc0A.kvcL…
    signer.unsign(token, max_age_s=3600)          b'{"user":7}', or None

A token is payload, time and HMAC-SHA256, each in URL-safe base64. It hides nothing: whoever holds
it reads the payload. The purpose is part of the key, so that a token made for one thing is worth
nothing for another. Keys are replaced by putting the new one in front: the first one signs, all of
them verify, and the old one is taken out when its last token has aged.
# Real: itsdangerous, which Flask's sessions are made with.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Callable, Sequence

MIN_KEY_BYTES = 16


class Signer:
    """Signs and verifies; `keys` are secrets of at least 16 bytes, the newest first."""

    def __init__(
        self,
        keys: Sequence[bytes | str],
        *,
        purpose: str,
        clock_s: Callable[[], float] = time.time,
    ) -> None:
        secrets = [key.encode() if isinstance(key, str) else key for key in keys]
        if not secrets or any(len(secret) < MIN_KEY_BYTES for secret in secrets):
            raise ValueError(f"a signing key has at least {MIN_KEY_BYTES} bytes")
        self._keys = [hmac.digest(secret, purpose.encode(), hashlib.sha256) for secret in secrets]
        self._clock_s = clock_s

    def sign(self, payload: bytes) -> str:
        """The payload as a token, stamped with the time."""
        stamp = int(self._clock_s()).to_bytes(6, "big")
        signed = f"{_encode(payload)}.{_encode(stamp)}"
        return f"{signed}.{_encode(self._mac(self._keys[0], signed))}"

    def unsign(self, token: str, *, max_age_s: float | None = None) -> bytes | None:
        """The payload, or None for whatever was not signed here or is older than `max_age_s`."""
        signed, _, mac_text = token.rpartition(".")
        payload_text, _, stamp_text = signed.rpartition(".")
        payload, stamp, mac = map(_decode, (payload_text, stamp_text, mac_text))
        if payload is None or stamp is None or mac is None:
            return None
        if not any(hmac.compare_digest(self._mac(key, signed), mac) for key in self._keys):
            return None
        age_s = self._clock_s() - int.from_bytes(stamp, "big")
        return payload if max_age_s is None or age_s <= max_age_s else None

    @staticmethod
    def _mac(key: bytes, signed: str) -> bytes:
        return hmac.digest(key, signed.encode(), hashlib.sha256)


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes | None:
    try:
        data = base64.b64decode(text.encode() + b"=" * (-len(text) % 4), b"-_", validate=True)
    except (ValueError, binascii.Error):
        return None
    # One payload has one spelling: base64 ignores bits at the end, a signature must not.
    return data if _encode(data) == text else None
