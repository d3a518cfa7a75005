"""Query strings, forms and cookies: mappings in which a name may come several times.

`?tag=a&tag=b` is one name with two values. A MultiDict reads like a dict of the first value and
gives all of them on request. It is immutable: it describes what the client sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Generic, TypeVar
from urllib.parse import parse_qsl

from services.web.errors import HTTPError

# More fields than this are no form but an attack on the hash table.
MAX_FIELDS = 1000


Value = TypeVar("Value")


class MultiDict(Mapping[str, Value], Generic[Value]):
    """An immutable mapping from each name to its first value, text or a file that was sent;
    `get_all` gives every value."""

    __slots__ = ("_values",)

    def __init__(self, pairs: Iterable[tuple[str, Value]] = ()) -> None:
        self._values: dict[str, list[Value]] = {}
        for name, value in pairs:
            self._values.setdefault(name, []).append(value)

    @classmethod
    def from_urlencoded(cls, text: str) -> MultiDict[str]:
        """Read `a=1&b=2` (query string or form body); blank values are kept.
        Errors: 400 for what is not UTF-8, 413 for too many fields."""
        try:
            pairs = parse_qsl(
                text, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS
            )
        except UnicodeDecodeError as error:
            raise HTTPError(400, "a query or form field is not UTF-8") from error
        except ValueError as error:
            raise HTTPError(413, f"more than {MAX_FIELDS} query or form fields") from error
        return cls(pairs)

    def get_all(self, name: str) -> list[Value]:
        """Every value of `name` in the order sent; empty when there is none."""
        return list(self._values.get(name, ()))

    def get_int(
        self,
        name: str,
        default: int | None = None,
        *,
        minimum: int | None = None,
        maximum: int | None = None,
    ) -> int | None:
        """The first value as an integer within the bounds; anything else is the client's 400."""
        text = self.get(name)
        if text is None:
            return default
        digits = text[1:] if text[:1] == "-" else text
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 18):
            raise HTTPError(400, f"{name} must be an integer, not {text[:40]!r}")
        number = int(text)
        if minimum is not None and number < minimum:
            raise HTTPError(400, f"{name} must be at least {minimum}")
        if maximum is not None and number > maximum:
            raise HTTPError(400, f"{name} must be at most {maximum}")
        return number

    def items_all(self) -> Iterator[tuple[str, Value]]:
        """Each pair, names in the order of their first appearance."""
        for name, values in self._values.items():
            for value in values:
                yield name, value

    def __getitem__(self, name: str) -> Value:
        return self._values[name][0]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"MultiDict({list(self.items_all())!r})"
