"""Addresses of MongoDB-speaking servers: `mongodb://[user[:password]@]host[:port][/database]`.

Left out: several hosts, and options behind a question mark.
"""

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

MONGO_PORT = 27017


@dataclass(frozen=True, slots=True)
class MongoURL:
    """Where a server is and how to log in; `user` and `password` are empty for none."""

    host: str
    port: int = MONGO_PORT
    database: str = ""
    user: str = ""
    password: str = ""

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"


def parse_mongo_url(url: str, default_port: int = MONGO_PORT) -> MongoURL:
    """Raises ValueError with the reason, so it can check an option."""
    parts = urlsplit(url)
    if parts.scheme != "mongodb" or not parts.hostname or "," in parts.netloc:
        raise ValueError("is not of the form mongodb://host:port")
    return MongoURL(
        host=parts.hostname,
        port=parts.port or default_port,
        database=unquote(parts.path.strip("/")),
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )
