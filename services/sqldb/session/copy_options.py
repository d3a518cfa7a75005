"""The options of COPY: which there are, and which go together. # Real: ProcessCopyOptions()"""

from __future__ import annotations

from dataclasses import dataclass

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.protocol import backend
from services.sqldb.protocol.copy_csv import CsvFormat
from services.sqldb.syntax import nodes


@dataclass(frozen=True, slots=True)
class CopyOptions:
    """The options of COPY, checked. `form` is text, csv or binary."""

    form: str = "text"
    delimiter: str = "\t"
    null: str = "\\N"
    header: bool = False
    matches_header: bool = False
    quote: str = '"'
    escape: str = '"'
    force_quote: tuple[str, ...] = ()
    force_not_null: tuple[str, ...] = ()
    force_null: tuple[str, ...] = ()

    @property
    def csv(self) -> CsvFormat:
        return CsvFormat(self.delimiter, self.quote, self.escape, self.null)

    @property
    def code(self) -> int:
        return backend.BINARY if self.form == "binary" else backend.TEXT


def copy_options(node: nodes.Copy) -> CopyOptions:
    """Raises SqlError for an option that is unknown or makes no sense."""
    given: dict[str, object] = {}
    for option in node.options:
        if option.name in given:
            message = "conflicting or redundant options"
            raise SqlError(errors.SYNTAX_ERROR, message, position=option.position)
        if option.name not in _KNOWN:
            message = f'option "{option.name}" not recognized'
            raise SqlError(errors.SYNTAX_ERROR, message, position=option.position)
        given[option.name] = option.value
    form = str(given.get("format", "text"))
    if form not in ("text", "csv", "binary"):
        message = f'COPY format "{form}" not recognized'
        raise SqlError(errors.INVALID_PARAMETER_VALUE, message)
    _expect_utf8(given.get("encoding"))
    quote = str(given.get("quote", '"'))
    header = given.get("header", False)
    _check_header_option(header, is_from=node.is_from)
    options = CopyOptions(
        form,
        str(given.get("delimiter", "," if form == "csv" else "\t")),
        str(given.get("null", "" if form == "csv" else "\\N")),
        header=header is None or header is True or str(header).lower() in _TRUE,
        matches_header=str(header).lower() == "match",
        quote=quote,
        escape=str(given.get("escape", quote)),
        force_quote=_names(given.get("force_quote")),
        force_not_null=_names(given.get("force_not_null")),
        force_null=_names(given.get("force_null")),
    )
    _check(options, given)
    return options


def _check_header_option(value: object, *, is_from: bool) -> None:
    word = str(value).lower()
    if value is not None and word not in ("true", "false", "on", "off", "1", "0", "match"):
        message = 'header requires a Boolean value or "match"'
        raise SqlError(errors.SYNTAX_ERROR, message)
    if word == "match" and not is_from:
        message = 'cannot use "match" with HEADER in COPY TO'
        raise SqlError(errors.FEATURE_NOT_SUPPORTED, message)


_KNOWN = frozenset(
    (
        *("format", "delimiter", "null", "header", "quote", "escape", "encoding", "freeze"),
        *("force_quote", "force_not_null", "force_null"),
    )
)
_TRUE = ("on", "true", "1", "match")


def _names(value: object) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else ()


def _expect_utf8(name: object) -> None:
    if name is not None and str(name).lower().replace("-", "") not in ("utf8", "unicode"):
        message = f'argument to option "encoding" must be a valid encoding name: {name}'
        raise SqlError(errors.INVALID_PARAMETER_VALUE, message)


def _check(options: CopyOptions, given: dict[str, object]) -> None:
    if options.form == "binary":
        for name in ("delimiter", "null", "header"):
            if name in given:
                message = f"cannot specify {name.upper()} in BINARY mode"
                raise SqlError(errors.SYNTAX_ERROR, message)
    if options.form != "csv":
        for name in ("quote", "escape", "force_quote", "force_not_null", "force_null"):
            if name in given:
                message = f"COPY {name} available only in CSV mode"
                raise SqlError(errors.FEATURE_NOT_SUPPORTED, message)
    if len(options.delimiter.encode()) != 1:
        message = "COPY delimiter must be a single one-byte character"
        raise SqlError(errors.FEATURE_NOT_SUPPORTED, message)
    if options.delimiter in "\r\n":
        message = "COPY delimiter cannot be newline or carriage return"
        raise SqlError(errors.INVALID_PARAMETER_VALUE, message)
