"""to_char of numbers and to_number: '999,990.99', 'S9', 'RN', 'FM0000', '9.99EEEE'.

A template is read once into a description (how many digits on each side of the point, where zeros
begin, which sign). Then the number is rounded to it and its digits are laid over the positions of
the template; leading positions without a digit stay blank. # Real: NUM_processor() in formatting.c
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.functions.arithmetic import check_int4
from services.sqldb.functions.definitions import Definitions
from services.sqldb.types.numeric import EXACT, rounded

define = Definitions()

_PATTERN = re.compile(
    r"EEEE|PR|MI|PL|SG|FM|TH|th|RN|rn|[BS09.,DGLV]|\"[^\"]*\"|.", re.IGNORECASE | re.DOTALL
)
_ROMAN = ((1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"),
          (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"))  # fmt: skip


@dataclass(slots=True)
class _Template:
    """What a template asks for."""

    patterns: list[str] = field(default_factory=list)
    before: int = 0  # digits before the point
    after: int = 0
    first_zero: int | None = None  # the position of the first 0 among digits
    last_zero: int = -1  # digits after the point up to here are kept with FM
    has_point: bool = False
    fills: bool = True
    has_sign: str = ""  # S, SG, MI, PL or PR
    sign_leads: bool = False
    shift: int = 0  # digits behind a V
    is_roman: str = ""
    is_exponential: bool = False


@lru_cache(maxsize=256)
def _template(text: str) -> _Template:
    template, after_v = _Template(), False
    for match in _PATTERN.finditer(text):
        pattern = match[0].upper() if not match[0].startswith('"') else match[0]
        match pattern:
            case "0" | "9":
                position = template.before + template.after
                if template.is_exponential:
                    raise _syntax('"EEEE" must be the last pattern used')
                if template.has_sign == "PR":
                    raise _syntax('"9" must be ahead of "PR"')
                if pattern == "0":
                    if template.first_zero is None:
                        template.first_zero = position
                    template.last_zero = position
                if template.has_point:
                    template.after += 1
                else:
                    template.before += 1
                    template.shift += after_v
            case "." | "D":
                if template.has_point:
                    raise _syntax("multiple decimal points")
                template.has_point = True
                pattern = "."
            case "V":
                after_v = True
            case "S" | "SG" | "MI" | "PL" | "PR":
                if pattern == "S":
                    template.sign_leads = template.before + template.after == 0
                template.has_sign = template.has_sign or pattern
            case "FM":
                template.fills = False
            case "RN":
                template.is_roman = match[0]
            case "EEEE":
                template.is_exponential = True
            case "TH":
                pattern = match[0]
        template.patterns.append(pattern)
    return template


def _syntax(message: str) -> SqlError:
    return SqlError(errors.SYNTAX_ERROR, message)


def format_number(value: Decimal, text: str) -> str:
    if not text:
        return ""
    template = _template(text)
    if template.is_roman:
        return _roman(value, template)
    if template.is_exponential:
        return _exponential(value, template)
    if not value.is_finite():
        return _special(value, template)
    scaled = value.scaleb(template.shift, EXACT)
    number = rounded(scaled, template.after)
    return _laid_out(number.copy_abs(), number < 0, template)


def _roman(value: Decimal, template: _Template) -> str:
    number = check_int4(int(rounded(value, 0))) if value.is_finite() else 0
    if not 0 < number < 4000:
        return "#" * 15
    text = ""
    for worth, letters in _ROMAN:
        text += letters * (number // worth)
        number %= worth
    text = text.lower() if template.is_roman.islower() else text
    return text.rjust(15) if template.fills else text


def _exponential(value: Decimal, template: _Template) -> str:
    if not value.is_finite():
        return " " + "#" * template.before + "." + "#" * (template.after + 4)
    exponent = value.adjusted() if value else 0
    mantissa = rounded(value.scaleb(-exponent, EXACT), template.after)
    text = f"{mantissa.copy_abs():f}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
    sign = "-" if mantissa < 0 else ("+" if template.has_sign == "S" else " ")
    return text if sign == " " and not template.fills else sign + text


def _digits_of(number: Decimal | None, template: _Template) -> tuple[str, str]:
    """The digits for each position before and after the point; blanks lead, # is too large."""
    if number is None:
        return "#" * template.before, "#" * template.after
    whole, _, fraction = f"{number:f}".partition(".")
    whole = "" if whole == "0" else whole
    if len(whole) > template.before:
        return "#" * template.before, "#" * template.after
    return whole.rjust(template.before), fraction.ljust(template.after, "0")


def _laid_out(number: Decimal | None, is_negative: bool, template: _Template) -> str:
    before, after = _digits_of(number, template)
    before = _with_zeros(before, after, template)
    if not template.fills and number is not None:
        after = _without_trailing_zeros(after, template)
        if not after and not before.strip() and before:
            before = before[:-1] + "0"
    shown = None if "#" in before + after else number
    return _Layout(template, before, after, is_negative, shown).text()


def _special(value: Decimal, template: _Template) -> str:
    """NaN stands where digits would; infinities are too large for any template."""
    if not value.is_nan() or template.before < len("NaN"):
        return _laid_out(None, not value.is_nan() and value < 0, template)
    before = _with_zeros("NaN".rjust(template.before), "", template)
    return _Layout(replace(template, after=0), before, "", False, None).text()


def _with_zeros(before: str, after: str, template: _Template) -> str:
    first = template.first_zero
    if first is not None and first < template.before:
        return before[:first] + before[first:].replace(" ", "0")
    if not before.strip() and not template.after and template.before:
        return before[:-1] + "0"
    return before


def _without_trailing_zeros(after: str, template: _Template) -> str:
    keep = max(template.last_zero - template.before + 1, 0)
    return after[:keep] + after[keep:].rstrip("0")


class _Layout:
    """Lays digits over the patterns of a template."""

    def __init__(
        self,
        template: _Template,
        before: str,
        after: str,
        is_negative: bool,
        number: Decimal | None,
    ):
        self.template = template
        self.before = before
        self.after = after
        self.is_negative = is_negative
        self.number = number
        self.parts: list[str] = []
        self.at = 0  # digits so far
        self.sign_is_written = False

    def text(self) -> str:
        template = self.template
        floating = template.has_sign in ("", "PL") or (
            template.has_sign == "S" and template.sign_leads
        )
        first = len(self.before) - len(self.before.lstrip(" "))
        for pattern in template.patterns:
            if pattern in ("0", "9"):
                self._digit(first, floating)
            else:
                self._other(pattern, first, floating)
        text = "".join(self.parts)
        if floating and not self.sign_is_written:
            text = self._floating_sign() + text
        return self._bracketed(text) if template.has_sign == "PR" else text

    def _floating_sign(self) -> str:
        self.sign_is_written = True
        if self.template.has_sign == "S":
            return "-" if self.is_negative else "+"
        if self.is_negative:
            return "-"
        return " " if self.template.fills else ""

    def _digit(self, first: int, floating: bool) -> None:
        template = self.template
        if self.at < template.before:
            digit = self.before[self.at]
            if digit == " ":
                self._blank()
            else:
                if floating and not self.sign_is_written:
                    self.parts.append(self._floating_sign())
                self.parts.append(digit)
        else:
            index = self.at - template.before
            self.parts.append(self.after[index] if index < len(self.after) else "")
        self.at += 1

    def _blank(self) -> None:
        if self.template.fills:
            self.parts.append(" ")

    def _other(self, pattern: str, first: int, floating: bool) -> None:
        template = self.template
        started = self.at > first
        match pattern:
            case ".":
                if floating and not self.sign_is_written:
                    self.parts.append(self._floating_sign())
                if template.after or "#" in self.before:
                    self.parts.append(".")
            case "," | "G":
                if started:
                    self.parts.append(",")
                else:
                    self._blank()
            case "S":
                if not template.sign_leads:
                    self.parts.append("-" if self.is_negative else "+")
            case "SG":
                self.parts.append("-" if self.is_negative else "+")
            case "MI":
                self.parts.append("-" if self.is_negative else " " if template.fills else "")
            case "PL":
                if template.fills or not self.is_negative:
                    self.parts.append(" " if self.is_negative else "+")
            case "TH" | "th":
                self._ordinal(pattern)
            case "L":
                self.parts.append("" if not template.fills else " ")
            case "FM" | "PR" | "V" | "EEEE" | "RN" | "B":
                pass
            case _:
                self.parts.append(pattern[1:-1] if pattern.startswith('"') else pattern)

    def _ordinal(self, pattern: str) -> None:
        if self.is_negative or self.template.after or self.number is None:
            return
        last = int(self.number) % 100
        suffix = "th" if 10 < last < 20 else {1: "st", 2: "nd", 3: "rd"}.get(last % 10, "th")
        self.parts.append(suffix.upper() if pattern == "TH" else suffix)

    def _bracketed(self, text: str) -> str:
        stripped = text.lstrip(" ")
        blanks = len(text) - len(stripped)
        if self.is_negative:
            return " " * blanks + "<" + stripped + ">"
        return " " * (blanks + 1) + stripped + " " if self.template.fills else stripped


@define.function("to_char(numeric, text) -> text")
def numeric_to_char(value: Decimal, template: str) -> str:
    return format_number(value, template)


@define.function("to_char(int4, text) -> text", "to_char(int8, text) -> text")
def integer_to_char(value: int, template: str) -> str:
    return format_number(Decimal(value), template)


def _float_to_char(digits: int):
    def to_char(value: float, template: str) -> str:
        if not math.isfinite(value):
            return format_number(Decimal(value), template)
        return format_number(Decimal(f"{value:.{digits}g}"), template)

    return to_char


define.function("to_char(float8, text) -> text")(_float_to_char(15))
define.function("to_char(float4, text) -> text")(_float_to_char(6))


@define.function("to_number(text, text) -> numeric")
def to_number(text: str, template: str) -> Decimal:
    """Position by position; what the template does not ask for is skipped."""
    layout = _template(template)
    digits, fraction, is_negative, at = "", "", False, 0
    seen_point = False
    for pattern in layout.patterns:
        if pattern in ("FM", "V"):
            continue
        character = text[at : at + 1]
        if pattern in ("0", "9"):
            while character == " ":
                at += 1
                character = text[at : at + 1]
            if character and character in "+-<" and not digits and not fraction:
                is_negative = is_negative or character in "-<"
                at += 1
                character = text[at : at + 1]
            if character == ".":
                continue
            if character.isdigit():
                if seen_point:
                    fraction += character
                else:
                    digits += character
                at += 1
        elif pattern == ".":
            if character == ".":
                seen_point = True
                at += 1
        elif pattern in (",", "G"):
            at += character == ","
        elif pattern in ("S", "MI", "PL", "SG", "PR"):
            if character and character in "+-<>":
                is_negative = is_negative or character in "-<"
                at += 1
        else:
            at += 1
    is_negative = is_negative or text[at : at + 1] == "-"
    if not digits and not fraction:
        raise SqlError(
            errors.INVALID_TEXT_REPRESENTATION, f'invalid input syntax for type numeric: "{text}"'
        )
    scale = max(layout.after, 0)
    value = Decimal(f"{digits or '0'}.{fraction}" if fraction else digits)
    value = value.scaleb(-layout.shift, EXACT)
    value = value.quantize(Decimal((0, (1,), -max(scale, layout.shift))), ROUND_HALF_UP, EXACT)
    return value.copy_negate() if is_negative and value else value
