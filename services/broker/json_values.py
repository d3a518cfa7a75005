"""What is JSON, checked at the call that made the mistake, and not by a worker a minute later.

`json.dumps` alone would let too much pass: NaN, which no other JSON reader takes; keys that are no
text, which come back as text; subclasses that come back as their parents are harmless. A tuple is
taken for an array, because `args` is one.
"""

_INFINITE = (float("inf"), float("-inf"))
MAX_DEPTH = 200


def check_json(value: object, where: str) -> None:
    """Raises TypeError, which names the place: `where`, such as `args[0]`, and what is below it."""
    _check(value, where, 0)


def _check(value: object, where: str, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise TypeError(f"{where} is nested more than {MAX_DEPTH} deep, or contains itself")
    match value:
        case float() if value != value or value in _INFINITE:
            raise TypeError(f"{where} is {value}, which JSON does not know")
        case str() | int() | float() | None:
            pass
        case list() | tuple():
            for index, item in enumerate(value):
                _check(item, f"{where}[{index}]", depth + 1)
        case dict():
            for key, item in value.items():
                if not isinstance(key, str):
                    raise TypeError(f"{where} has the key {key!r}; those of JSON objects are text")
                _check(item, f"{where}[{key!r}]", depth + 1)
        case _:
            raise TypeError(
                f"{where} is of type {type(value).__name__}, which is no JSON: arguments and "
                "results are text, numbers, true, false, null, arrays and objects of these"
            )
