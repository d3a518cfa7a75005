"""The settings of a new session, with the checks that a few parameters need."""

from __future__ import annotations

import re
from collections.abc import Callable

from services.sqldb.errors import SqlError
from services.sqldb.session.parameters import PARAMETERS
from services.sqldb.session.settings import Settings
from services.sqldb.types.zones import find_zone

_STYLES = {"iso": "ISO", "sql": "SQL", "postgres": "Postgres", "german": "German"}
_ORDERS = {
    "mdy": "MDY",
    "us": "MDY",
    "noneuro": "MDY",
    "noneuropean": "MDY",
    "dmy": "DMY",
    "euro": "DMY",
    "european": "DMY",
    "ymd": "YMD",
}
_UTF8_NAMES = {"utf8", "unicode", "utf-8", "sqlascii", "sql_ascii", "default"}
_QUOTED_OR_PLAIN = re.compile(r'\s*(?:"((?:[^"]|"")*)"|([^",\s]+))\s*(,|\Z)')


def make_settings(user: str, on_change: Callable[[str, str], None]) -> Settings:
    settings = Settings({"session_authorization": user}, _CHECKS, on_change)
    for name in PARAMETERS:
        on_change(name, settings[name])
    return settings


def search_path(text: str, user: str) -> tuple[str, ...]:
    """The names in a search_path: '"$user", public' → (user, 'public')."""
    names = split_names(text)
    return tuple(user if name == "$user" else name for name in names)


def split_names(text: str) -> list[str]:
    """Raises ValueError for what is no list of names."""
    names, position = [], 0
    while position < len(text):
        found = _QUOTED_OR_PLAIN.match(text, position)
        if found is None:
            raise ValueError("List syntax is invalid.")
        quoted, plain, _ = found.groups()
        names.append(quoted.replace('""', '"') if quoted is not None else plain.lower())
        position = found.end()
    return names


def _check_search_path(text: str) -> str:
    split_names(text)
    return text


def _check_time_zone(text: str) -> str:
    try:
        find_zone(text)
    except SqlError:
        raise ValueError from None
    return text


def _check_date_style(text: str) -> str:
    style, order = "ISO", "MDY"
    for word in (part.strip().lower() for part in text.split(",")):
        if word in _STYLES:
            style = _STYLES[word]
        elif word in _ORDERS:
            order = _ORDERS[word]
        elif word != "default":
            raise ValueError(f'Unrecognized key word: "{word}".')
    return f"{style}, {order}"


def _check_client_encoding(text: str) -> str:
    # asyncpg sends the name between quotes.
    name = text.strip("'\" ").lower()
    if name not in _UTF8_NAMES and name.replace("-", "") not in _UTF8_NAMES:
        raise ValueError("This server speaks UTF8 only.")
    return "UTF8"


def _check_standard_strings(text: str) -> str:
    if text.lower() not in ("on", "true", "yes", "1"):
        raise ValueError("This server reads a backslash in '...' as it stands.")
    return "on"


def _check_application_name(text: str) -> str:
    return "".join(one if " " <= one <= "~" else "?" for one in text)[:63]


_CHECKS: dict[str, Callable[[str], str]] = {
    "search_path": _check_search_path,
    "timezone": _check_time_zone,
    "datestyle": _check_date_style,
    "client_encoding": _check_client_encoding,
    "application_name": _check_application_name,
    "standard_conforming_strings": _check_standard_strings,
}
