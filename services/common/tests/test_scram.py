"""SCRAM: the examples of the RFCs, both sides with each other, and logins that must fail."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.scram import (
    SHA1,
    SHA256,
    ClientLogin,
    Credentials,
    ScramError,
    ServerLogin,
    derive_credentials,
    prepared,
)

# RFC 5802, section 5, and RFC 7677, section 3.
EXAMPLES = [
    (
        SHA1,
        "fyko+d2lbbFgONRv9qkxdawL",
        "3rfcNHYJY1ZVvWVs7j",
        "QSXCR+Q6sek8bf92",
        "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
        "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
    ),
    (
        SHA256,
        "rOprNGfwEbeRWgbNEkqO",
        "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
        "W22ZaJ0SNY7soEsUEjb6gQ==",
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
        "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
    ),
]


@pytest.mark.parametrize(("hash_name", "client", "server", "salt", "final", "last"), EXAMPLES)
def test_the_examples_of_the_rfcs(
    hash_name: str, client: str, server: str, salt: str, final: str, last: str
) -> None:
    kept = derive_credentials("pencil", hash_name, 4096, base64.b64decode(salt))
    there = ServerLogin(hash_name, lambda name: kept, nonce=server)
    here = ClientLogin(hash_name, "user", "pencil", nonce=client)
    first = there.first(here.first())
    assert here.first() == f"n,,n=user,r={client}"
    assert first == f"r={client}{server},s={salt},i=4096"
    assert here.final(first) == final
    assert there.final(final) == last
    here.check(last)
    assert there.is_done and there.name == "user"


def log_in(name: str, password: str, kept: dict[str, Credentials]) -> bool:
    there = ServerLogin(SHA256, kept.get)
    here = ClientLogin(SHA256, name, password)
    try:
        here.check(there.final(here.final(there.first(here.first()))))
    except ScramError:
        return False
    return True


def test_who_gets_in() -> None:
    kept = {"a,b=c": derive_credentials("geheim", SHA256, 4096)}
    assert log_in("a,b=c", "geheim", kept)
    assert not log_in("a,b=c", "Geheim", kept)
    assert not log_in("somebody", "geheim", kept)


def test_a_stranger_learns_no_names() -> None:
    """An unknown name gets a salt, and the same one each time."""
    answers = {
        ServerLogin(SHA256, lambda name: None, nonce="x").first("n,,n=who,r=abc") for _ in range(2)
    }
    assert len(answers) == 1 and "s=" in answers.pop()


def test_a_server_that_knows_nothing_is_found_out() -> None:
    here = ClientLogin(SHA256, "user", "pencil", nonce="abc")
    here.final("r=abcdef,s=c2FsdA==,i=4096")
    with pytest.raises(ScramError):
        here.check("v=AAAA")
    for bad in ("r=xyz,s=c2FsdA==,i=4096", "r=abcd,s=c2FsdA==,i=1", "e=other-error"):
        with pytest.raises(ScramError):
            ClientLogin(SHA256, "user", "pencil", nonce="abc").final(bad)


@given(st.text(max_size=60))
def test_noise(text: str) -> None:
    kept = derive_credentials("x", SHA256, 1, b"salt")
    for message in (text, f"n,,n=user,r={text}"):
        there = ServerLogin(SHA256, lambda name: kept)
        with pytest.raises(ScramError):
            there.first(message)
            there.final(text)


def test_passwords_are_prepared() -> None:
    assert prepared("I\u00adX") == "IX"
    assert prepared("\u2168") == "IX"
    assert prepared("a\u00a0b") == "a b"
