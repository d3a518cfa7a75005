"""Preferred numbers: the series to which `granularity` of $bucketAuto rounds its bounds.

    R5        10  16  25  40  63     five steps to the tenfold, as screws and pipes come
    E12       10  12  15  18  22 …   as resistors come
    1-2-5     10  20  50
    POWERSOF2 1 2 4 8 …

A series goes on in both directions by powers of ten. A number is rounded to the next one of its
series that is larger, or smaller, and not the same.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass

from services.docdb.errors import MongoError
from services.docdb.expressions.numbers import is_number

_R40 = (100, 106, 112, 118, 125, 132, 140, 150, 160, 170, 180, 190, 200, 212, 224, 236, 250, 265,
        280, 300, 315, 335, 355, 375, 400, 425, 450, 475, 500, 530, 560, 600, 630, 670, 710, 750,
        800, 850, 900, 950)  # fmt: skip
_R80 = (103, 109, 115, 122, 128, 136, 145, 155, 165, 175, 185, 195, 206, 218, 230, 243, 258, 272,
        290, 307, 325, 345, 365, 387, 412, 437, 462, 487, 515, 545, 575, 615, 650, 690, 730, 775,
        825, 875, 925, 975)  # fmt: skip
_E24 = (10, 11, 12, 13, 15, 16, 18, 20, 22, 24, 27, 30, 33, 36, 39, 43, 47, 51, 56, 62, 68, 75, 82,
        91)  # fmt: skip
_E192_EXCEPTION = {919: 920}


def _renard(step: int) -> tuple[float, ...]:
    return tuple(number / 100 for number in _R40[::step])


def _resistors(count: int) -> tuple[float, ...]:
    """The finer series are what the formula says, to three digits; one value is by custom."""
    found = [round(100 * 10 ** (place / count)) for place in range(count)]
    return tuple(_E192_EXCEPTION.get(number, number) / 100 for number in found)


_SERIES: dict[str, tuple[float, ...]] = {
    "R5": (1.0, 1.6, 2.5, 4.0, 6.3),
    "R10": _renard(4),
    "R20": _renard(2),
    "R40": _renard(1),
    "R80": tuple(sorted(number / 100 for number in _R40 + _R80)),
    "1-2-5": (1.0, 2.0, 5.0),
    "E6": tuple(number / 10 for number in _E24[::4]),
    "E12": tuple(number / 10 for number in _E24[::2]),
    "E24": tuple(number / 10 for number in _E24),
    "E48": _resistors(48),
    "E96": _resistors(96),
    "E192": _resistors(192),
}


class Series(ABC):
    """Numbers to round to."""

    __slots__ = ()

    @abstractmethod
    def up(self, number: float) -> float:
        """The next one that is larger; 0 stays."""

    @abstractmethod
    def down(self, number: float) -> float:
        """The next one that is smaller; 0 stays."""


@dataclass(frozen=True, slots=True)
class DecimalSeries(Series):
    numbers: tuple[float, ...]

    def up(self, number: float) -> float:
        return min((n for n in self._around(number) if n > number), default=0.0)

    def down(self, number: float) -> float:
        return max((n for n in self._around(number) if n < number), default=0.0)

    def _around(self, number: float) -> list[float]:
        """The series near a number."""
        if not number:
            return []
        exponent = math.floor(math.log10(number))
        powers = range(exponent - 1, exponent + 2)
        return [float(f"{n}e{power}") for power in powers for n in self.numbers]


@dataclass(frozen=True, slots=True)
class PowersOfTwo(Series):
    def up(self, number: float) -> float:
        return 2.0 ** (math.floor(math.log2(number)) + 1) if number else 0.0

    def down(self, number: float) -> float:
        return 2.0 ** (math.ceil(math.log2(number)) - 1) if number else 0.0


def series_of(name: object) -> Series:
    """Raises MongoError."""
    if type(name) is not str:
        raise MongoError(40261, "The $bucketAuto 'granularity' field must be a string")
    if name == "POWERSOF2":
        return PowersOfTwo()
    if name not in _SERIES:
        raise MongoError(40257, f"Unknown rounding granularity '{name}'")
    return DecimalSeries(_SERIES[name])


def check_numbers(values: Iterable[object]) -> None:
    """Only numbers from zero upwards can be rounded. Raises MongoError."""
    for value in values:
        if not is_number(value):
            raise MongoError(40258, "$bucketAuto can specify a 'granularity' with numeric "
                             "boundaries only, but found a value that is none")  # fmt: skip
        if value != value:
            raise MongoError(40259, "$bucketAuto can specify a 'granularity' with numeric "
                             "boundaries only, but found a NaN")  # fmt: skip
        if value < 0:
            raise MongoError(40260, "$bucketAuto can specify a 'granularity' with non-negative "
                             "numbers only, but found a negative number")  # fmt: skip
