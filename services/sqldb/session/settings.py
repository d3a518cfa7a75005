"""The settings of one session: SET, RESET and SHOW, in step with its transactions.

A SET inside a transaction that is rolled back was never done, and a SET LOCAL ends with the
transaction in any case. So every change leaves the old value on a stack:

    BEGIN;  SET work_mem = '8MB';  SAVEPOINT a;  SET LOCAL work_mem = '1MB';  ROLLBACK TO a;
                    8MB                                 1MB                        8MB

`mark` and `undo_to` go with savepoints, `commit` takes back what was LOCAL.
# Real: guc.c, its stack of GucStack entries for each nesting level
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from services.sqldb.errors import (
    CANT_CHANGE_RUNTIME_PARAM,
    INVALID_PARAMETER_VALUE,
    UNDEFINED_OBJECT,
    SqlError,
)
from services.sqldb.session.parameters import PARAMETERS, Context, Kind, Parameter

_TRUE = {"on", "true", "yes", "1", "t", "tr", "tru", "y", "ye"}
_FALSE = {"off", "false", "no", "0", "of", "f", "fa", "fal", "fals", "n"}
_NUMBER = re.compile(r"\s*([-+]?(?:0[xX][0-9a-fA-F]+|\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+))\s*(\w*)\s*")
_TIME_UNITS = {
    "us": 0.001,
    "ms": 1,
    "s": 1000,
    "min": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
}
_SIZE_UNITS = {"B": 1 / 1024, "kB": 1, "MB": 1024, "GB": 1024**2, "TB": 1024**3}
_SHOWN_TIMES = [("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1000)]
_SHOWN_SIZES = [("TB", 1024**3), ("GB", 1024**2), ("MB", 1024)]

Check = Callable[[str], str]
"""A value as it was given → as it is kept. Raises ValueError with a detail, or without words."""


@dataclass(frozen=True, slots=True)
class _Change:
    name: str
    old: str | None  # None: it was not there (a parameter with a dot)
    is_local: bool


class Settings:
    """The values of all parameters in one session, as text in normal form.

    `checks` normalise single parameters (TimeZone, DateStyle); `on_change(name, value)` is called
    whenever a value changes, also when a transaction takes it back.
    """

    def __init__(
        self,
        defaults: dict[str, str],
        checks: dict[str, Check],
        on_change: Callable[[str, str], None],
    ):
        self._checks = checks
        self._on_change = on_change
        self._defaults = {name: parsed(one, one.default) for name, one in PARAMETERS.items()}
        for name, value in defaults.items():
            self._defaults[name.lower()] = self._checked(name, value)
        self._values = dict(self._defaults)
        self._changes: list[_Change] = []

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def show(self, name: str) -> str:
        """As SHOW has it: with a unit. Raises SqlError 42704."""
        key = name.lower()
        parameter = PARAMETERS.get(key)
        if parameter is None:
            if key in self._values:
                return self._values[key]
            raise _unknown(name)
        return shown(parameter, self._values[key])

    def name_of(self, name: str) -> str:
        """As it is written: timezone is TimeZone."""
        parameter = PARAMETERS.get(name.lower())
        return name if parameter is None else parameter.name

    def is_known(self, name: str) -> bool:
        return name.lower() in self._values

    def flag(self, name: str) -> bool:
        return self._values[name] == "on"

    def number(self, name: str) -> float:
        return float(self._values[name])

    def set(self, name: str, value: str | None, is_local: bool = False) -> None:
        """Change a parameter; None is DEFAULT. Raises SqlError."""
        key = name.lower()
        parameter = PARAMETERS.get(key)
        if parameter is None and "." not in key:
            raise _unknown(name)
        if parameter is not None:
            _may_be_changed(parameter)
        if value is None:
            if parameter is None and key not in self._values:
                return
            value = self._defaults.get(key, "")
        else:
            value = self._checked(name, value)
        self._changes.append(_Change(key, self._values.get(key), is_local))
        self._put(key, value)

    def force(self, name: str, value: str) -> None:
        """Set what no client may, outside of any transaction."""
        self._put(name, value)

    def begin_with_these(self) -> None:
        """What is set now is what RESET goes back to: the client's startup message said so."""
        self._defaults = dict(self._values)
        self._changes.clear()

    def reset_all(self) -> None:
        for name in list(self._values):
            parameter = PARAMETERS.get(name)
            if parameter is None or (parameter.context is Context.USER and name not in _NOT_RESET):
                self.set(name, None)

    def _checked(self, name: str, value: str) -> str:
        parameter = PARAMETERS.get(name.lower())
        if parameter is None:
            return value
        check = self._checks.get(name.lower())
        if check is None:
            return parsed(parameter, value)
        try:
            return check(value)
        except ValueError as error:
            raise SqlError(
                INVALID_PARAMETER_VALUE,
                f'invalid value for parameter "{parameter.name}": "{value}"',
                detail=str(error),
            ) from None

    def _put(self, name: str, value: str) -> None:
        if self._values.get(name) != value:
            self._values[name] = value
            self._on_change(name, value)

    # In step with transactions.

    def mark(self) -> int:
        """Where `undo_to` goes back to."""
        return len(self._changes)

    def undo_to(self, mark: int) -> None:
        while len(self._changes) > mark:
            self._undo(self._changes.pop())

    def _undo(self, change: _Change) -> None:
        if change.old is None:
            self._values.pop(change.name, None)
        else:
            self._put(change.name, change.old)

    def commit(self) -> None:
        """The transaction is over: what was LOCAL goes, what was not stays."""
        if not self._changes:
            return
        kept: dict[str, str] = {}
        before: dict[str, str | None] = {}
        for change in reversed(self._changes):
            if not change.is_local and change.name not in kept:
                # The value that the last SET that was not LOCAL has left.
                kept[change.name] = before.get(change.name, self._values[change.name])
            before[change.name] = change.old
        for name, old in before.items():
            if name in kept:
                self._put(name, kept[name])
            else:
                self._undo(_Change(name, old, True))
        self._changes.clear()

    def rows(self) -> Iterator[tuple[str, str, str]]:
        """SHOW ALL: name, setting, description."""
        for key in sorted(PARAMETERS):
            parameter = PARAMETERS[key]
            yield parameter.name, shown(parameter, self._values[key]), parameter.description


# RESET ALL leaves them.
_NOT_RESET = {
    "transaction_isolation",
    "transaction_read_only",
    "transaction_deferrable",
    "session_authorization",
    "role",
}


def _unknown(name: str) -> SqlError:
    return SqlError(UNDEFINED_OBJECT, f'unrecognized configuration parameter "{name}"')


def _may_be_changed(parameter: Parameter) -> None:
    if parameter.context is Context.INTERNAL:
        raise SqlError(CANT_CHANGE_RUNTIME_PARAM, f'parameter "{parameter.name}" cannot be changed')
    if parameter.context is Context.POSTMASTER:
        raise SqlError(
            CANT_CHANGE_RUNTIME_PARAM,
            f'parameter "{parameter.name}" cannot be changed without restarting the server',
        )


def parsed(parameter: Parameter, text: str) -> str:
    """A value in normal form. Raises SqlError 22023."""
    match parameter.kind:
        case Kind.STRING:
            return text
        case Kind.BOOL:
            return _parsed_bool(parameter, text)
        case Kind.ENUM:
            return _parsed_enum(parameter, text)
        case Kind.INTEGER | Kind.REAL:
            return _parsed_number(parameter, text)


def _parsed_bool(parameter: Parameter, text: str) -> str:
    word = text.strip().lower()
    if word in _TRUE:
        return "on"
    if word in _FALSE:
        return "off"
    raise SqlError(
        INVALID_PARAMETER_VALUE, f'parameter "{parameter.name}" requires a Boolean value'
    )


def _parsed_enum(parameter: Parameter, text: str) -> str:
    word = text.strip().lower()
    if word in parameter.choices:
        return word
    raise SqlError(
        INVALID_PARAMETER_VALUE,
        f'invalid value for parameter "{parameter.name}": "{text}"',
        hint=f"Available values: {', '.join(parameter.choices)}.",
    )


def _parsed_number(parameter: Parameter, text: str) -> str:
    found = _NUMBER.fullmatch(text)
    invalid = SqlError(
        INVALID_PARAMETER_VALUE, f'invalid value for parameter "{parameter.name}": "{text}"'
    )
    if found is None:
        raise invalid
    digits, unit = found.groups()
    number = float(int(digits, 16)) if "x" in digits.lower() else float(digits)
    if unit:
        number *= _factor(parameter, unit, invalid)
    if parameter.kind is Kind.INTEGER:
        number = round(number)
    if not parameter.minimum <= number <= parameter.maximum:
        unit = f" {parameter.unit}" if parameter.unit else ""
        raise SqlError(
            INVALID_PARAMETER_VALUE,
            f"{number:g}{unit} is outside the valid range for parameter "
            f'"{parameter.name}" ({parameter.minimum:.0f} .. {parameter.maximum:.0f})',
        )
    return str(number) if parameter.kind is Kind.INTEGER else f"{number:.15g}"


def _factor(parameter: Parameter, unit: str, invalid: SqlError) -> float:
    units = _TIME_UNITS if parameter.unit in ("ms", "s") else _SIZE_UNITS
    if not parameter.unit or unit not in units:
        if parameter.unit:
            words = ", ".join(f'"{one}"' for one in units)
            invalid.hint = f"Valid units for this parameter are {words}."
        raise invalid
    base = {"ms": 1, "s": 1000, "kB": 1, "8kB": 8}[parameter.unit]
    return units[unit] / base


def shown(parameter: Parameter, value: str) -> str:
    """A value as SHOW has it: 4096 kB as 4MB."""
    if not parameter.unit or parameter.kind is not Kind.INTEGER or int(value) <= 0:
        return value
    base = {"ms": 1, "s": 1000, "kB": 1, "8kB": 8}[parameter.unit]
    number = int(value) * base
    units = _SHOWN_TIMES if parameter.unit in ("ms", "s") else _SHOWN_SIZES
    for unit, factor in units:
        if number % factor == 0:
            return f"{number // factor}{unit}"
    return f"{number}{'ms' if units is _SHOWN_TIMES else 'kB'}"
