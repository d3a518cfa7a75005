"""The kinds of index, and for which types each of them is.

Only a btree is built. What is declared as hash, gin, brin or spgist is kept and shown as such, and
its operators (`@>`, `?`, `&&` …) are answered from the rows: the planner does not look at it.
# Real: pg_am, pg_opclass, and the am routines of each
"""

from __future__ import annotations

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.syntax import nodes
from services.sqldb.types import SqlType
from services.sqldb.types.registry import BUILTIN_REGISTRY

BUILT = "btree"
METHODS = ("btree", "hash", "gist", "gin", "brin", "spgist")

_WITHOUT_BRIN = frozenset({"bool", "json", "jsonb", "jsonpath", "xid8", "aclitem"})
_PATTERNS = frozenset({"text_pattern_ops", "varchar_pattern_ops", "bpchar_pattern_ops"})
_FAMILIES = {"array": "anyarray", "enum": "anyenum", "record": "record"}
_GIN_CLASSES = {"jsonb_ops": "jsonb", "jsonb_path_ops": "jsonb", "array_ops": "anyarray"}


def check_method(node: nodes.CreateIndex) -> None:
    """What a kind of index cannot be at all. Raises SqlError 42704, 0A000."""
    method = node.method
    if method not in METHODS:
        message = f'access method "{method}" does not exist'
        raise SqlError(errors.UNDEFINED_OBJECT, message)
    if method == BUILT:
        return
    is_single = method in ("hash", "spgist")
    for is_wrong, what in (
        (node.is_unique, "unique indexes"),
        (bool(node.include) and method not in ("gist", "spgist"), "included columns"),
        (len(node.items) > 1 and is_single, "multicolumn indexes"),
    ):
        if is_wrong:
            message = f'access method "{method}" does not support {what}'
            raise SqlError(errors.FEATURE_NOT_SUPPORTED, message)
    for item in node.items:
        what = ""
        if item.direction is not nodes.SortDirection.DEFAULT:
            what = "ASC/DESC"
        elif item.nulls is not nodes.NullsOrder.DEFAULT:
            what = "NULLS FIRST/LAST"
        if what:
            message = f'access method "{method}" does not support {what} options'
            raise SqlError(errors.FEATURE_NOT_SUPPORTED, message)


def check_class(method: str, type_: SqlType, written: tuple[str, ...]) -> None:
    """The operator class of a key: the one that is named, or the default. Raises SqlError."""
    if not written:
        if not _has_default(method, type_):
            raise SqlError(
                errors.UNDEFINED_OBJECT,
                f'data type {type_} has no default operator class for access method "{method}"',
                hint="You must specify an operator class for the index or define a default "
                "operator class for the data type.",
            )
        return
    name = written[-1]
    accepted = _accepted_by(method, name)
    if accepted is None:
        full = ".".join(written)
        message = f'operator class "{full}" does not exist for access method "{method}"'
        raise SqlError(errors.UNDEFINED_OBJECT, message)
    if not _fits(accepted, type_):
        message = f'operator class "{name}" does not accept data type {type_}'
        raise SqlError(errors.DATATYPE_MISMATCH, message)


def _has_default(method: str, type_: SqlType) -> bool:
    plain = type_.plain
    match method:
        case "gin":
            return plain.is_array or plain.name == "jsonb"
        case "gist":
            return False
        case "spgist":
            return plain.category == "S"
        case "brin":
            return (
                plain.is_comparable
                and not plain.is_array
                and plain.kind == "b"
                and plain.name not in _WITHOUT_BRIN
            )
    return plain.is_comparable


def _accepted_by(method: str, name: str) -> str | None:
    """The name of the type that an operator class is for; None: there is no such class."""
    if method == "gin":
        return _GIN_CLASSES.get(name)
    if method == "brin":
        for ending in ("_minmax_ops", "_minmax_multi_ops", "_bloom_ops"):
            if name.endswith(ending):
                return name.removesuffix(ending)
        return None
    if method == "gist" or not name.endswith("_ops"):
        return None
    if name in _PATTERNS:
        return name.removesuffix("_pattern_ops")
    found = name.removesuffix("_ops")
    if found in _FAMILIES:
        return _FAMILIES[found]
    return found if BUILTIN_REGISTRY.by_name(found) is not None else None


def _fits(accepted: str, type_: SqlType) -> bool:
    plain = type_.plain
    if accepted == "anyarray":
        return plain.is_array
    if accepted == "anyenum":
        return plain.kind == "e"
    if accepted == "record":
        return plain.fields is not None
    if accepted in ("text", "varchar"):
        return plain.name in ("text", "varchar")
    return plain.name == accepted
