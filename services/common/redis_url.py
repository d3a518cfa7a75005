"""Addresses of Redis-speaking servers: `redis://[user[:password]@]host[:port][/db]`."""

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

REDIS_PORT = 6379


@dataclass(frozen=True, slots=True)
class RedisURL:
    """Where a server is and how to log in; `user` and `password` are empty for none."""

    host: str
    port: int
    db: int = 0
    user: str = ""
    password: str = ""

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"


def parse_redis_url(url: str, default_port: int = REDIS_PORT) -> RedisURL:
    """Raises ValueError with the reason, so it can check an option."""
    parts = urlsplit(url)
    if parts.scheme != "redis" or not parts.hostname:
        raise ValueError("is not of the form redis://host:port/db")
    db = parts.path.strip("/")
    if db and not db.isdecimal():
        raise ValueError("has a database that is not a number")
    return RedisURL(
        host=parts.hostname,
        port=parts.port or default_port,
        db=int(db or 0),
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )
