"""Addresses of Redis-speaking servers."""

import pytest

from services.common.redis_url import RedisURL, parse_redis_url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://kvdb:4242/0", RedisURL("kvdb", 4242)),
        ("redis://kvdb", RedisURL("kvdb", 6379)),
        ("redis://kvdb/", RedisURL("kvdb", 6379)),
        ("redis://127.0.0.1:1/3", RedisURL("127.0.0.1", 1, 3)),
        ("redis://[::1]:1/3", RedisURL("::1", 1, 3)),
        ("redis://:p%40ss@h:1", RedisURL("h", 1, password="p@ss")),
        ("redis://ann:pw@h:1/2", RedisURL("h", 1, 2, "ann", "pw")),
    ],
)
def test_good_addresses(url: str, expected: RedisURL) -> None:
    assert parse_redis_url(url, 6379) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "kvdb:4242",
        "http://kvdb",
        "redis://",
        "redis:///0",
        "redis://h/x",
        "redis://h:port/0",
        "redis://h:99999/0",
        "redis://[::1/0",
    ],
)
def test_bad_addresses_are_a_value_error(url: str) -> None:
    with pytest.raises(ValueError):
        parse_redis_url(url, 6379)


def test_the_address_is_for_people() -> None:
    assert parse_redis_url("redis://:secret@kvdb:4242/0", 1).address == "kvdb:4242"
