"""like_regex of jsonpath: XQuery's flags over our regular expressions.

Beside i, x and q, which mean the same, s lets the dot match a line's end, and m lets ^ and $ match
at lines; without them they don't. # Real: jspConvertRegexFlags() in jsonpath_gram.y
"""

from __future__ import annotations

import re

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.functions.regex_machine import BoundedRegex
from services.sqldb.functions.regex_translation import compile_regex


def compile_xquery_regex(pattern: str, flags: str) -> re.Pattern[str] | BoundedRegex:
    """The compiled pattern; 2201B if it is none."""
    options = "i" if "i" in flags else ""
    if "q" in flags:
        return compile_regex(pattern, options + "q")
    if "x" in flags:
        message = 'XQuery "x" flag (expanded regular expressions) is not implemented'
        raise SqlError(errors.FEATURE_NOT_SUPPORTED, message)
    if "m" in flags:
        options += "n"
    found = compile_regex(pattern, options)
    # Python's flag for the dot says just what s says.
    dot = re.DOTALL if "s" in flags else 0
    if isinstance(found, BoundedRegex):
        return found.with_flags(found.pattern.flags & ~re.DOTALL | dot)
    return re.compile(found.pattern, found.flags & ~re.DOTALL | dot)
