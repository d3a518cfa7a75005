"""Every built-in function has a number of its own."""

from services.sqldb.functions import builtin_library
from services.sqldb.functions.oids import builtin_oids, signature


def test_numbers_are_those_of_postgres() -> None:
    oids = builtin_oids()
    known = {"length(text)": 1317, "now()": 1299, "count(any)": 2147, "row_number()": 3100}
    assert known.items() <= oids.items()


def test_numbers_are_unique() -> None:
    signatures = [signature(function) for function in builtin_library().all_callables()]
    assert len(set(signatures)) == len(signatures)
    numbers = [builtin_oids()[name] for name in signatures]
    assert len(set(numbers)) == len(numbers)
    assert max(numbers) < 16_384
