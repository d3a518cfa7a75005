"""Signed tokens: what verifies, and what never does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.web.signing import Signer

KEY, OLD_KEY = b"k" * 16, "an older key, longer than sixteen"


def signer(*keys, purpose="test", now_s=1000.0):
    return Signer(keys or [KEY], purpose=purpose, clock_s=lambda: now_s)


@given(st.binary(max_size=100))
def test_what_was_signed_comes_back(payload):
    assert signer().unsign(signer().sign(payload), max_age_s=0) == payload


@given(st.binary(max_size=20), st.data())
def test_no_changed_token_verifies(payload, data):
    token = signer().sign(payload)
    at = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.characters(codec="utf-8").filter(lambda c: c != token[at]))
    assert signer().unsign(token[:at] + other + token[at + 1 :]) is None
    assert signer().unsign(token[:at]) is None
    assert signer().unsign(token + other) is None


@given(st.text(max_size=60))
def test_text_that_is_no_token(text):
    assert signer().unsign(text) is None


def test_keys_are_replaced_by_putting_the_new_one_in_front():
    old = signer(OLD_KEY).sign(b"x")
    assert signer(KEY, OLD_KEY).unsign(old) == b"x"
    assert signer(KEY).unsign(old) is None
    assert signer(OLD_KEY).unsign(signer(KEY, OLD_KEY).sign(b"x")) is None


def test_purpose_and_age():
    token = signer(now_s=1000).sign(b"x")
    assert signer(purpose="other").unsign(token) is None
    assert signer(now_s=1060).unsign(token, max_age_s=60) == b"x"
    assert signer(now_s=1061).unsign(token, max_age_s=60) is None


@pytest.mark.parametrize("keys", [[], [b"short"], [KEY, "short"]])
def test_keys_must_be_secrets(keys):
    with pytest.raises(ValueError, match="16 bytes"):
        Signer(keys, purpose="test")
