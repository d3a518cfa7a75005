"""Documents: `$mergeObjects`, and fields whose names a path cannot say."""

from services.docdb.bson.encoder import encode_document
from services.docdb.bson.types import Document
from services.docdb.errors import MongoError
from services.docdb.expressions.arguments import (
    Compile,
    function,
    is_nullish,
    named_operands,
    strict,
)
from services.docdb.expressions.compiler import (
    Evaluate,
    Scope,
    Variables,
    compile_expression,
)
from services.docdb.query import metadata
from services.docdb.query.comparison import MISSING
from services.docdb.query.type_names import type_name


def merge(*values: object) -> Document:
    """Later documents win; `$mergeObjects` as expression and as accumulator."""
    merged: Document = {}
    for value in values:
        if is_nullish(value):
            continue
        if type(value) is not dict:
            raise MongoError(
                40400, f"$mergeObjects requires object inputs, but input is {type_name(value)}"
            )
        merged.update(value)
    return merged


def _object_to_array(value: object) -> list:
    if type(value) is not dict:
        raise MongoError(40390, f"$objectToArray requires a document input, found: {value}")
    return [{"k": name, "v": item} for name, item in value.items()]


def _field_name(name: str, operand: object, scope: Scope) -> Evaluate:
    evaluate = compile_expression(operand, scope)

    def checked(document: Document, variables: Variables) -> object:
        field = evaluate(document, variables)
        if type(field) is not str:
            raise MongoError(5654602, f"{name} requires 'field' to evaluate to type String")
        return field

    return checked


def _get_field(name: str, operand: object, scope: Scope) -> Evaluate:
    if type(operand) is not dict or next(iter(operand), "").startswith("$"):
        operand = {"field": operand, "input": "$$CURRENT"}
    given = named_operands(name, operand, ["field", "input"], [])
    field = _field_name(name, given["field"], scope)
    source = compile_expression(given["input"], scope)

    def evaluate(document: Document, variables: Variables) -> object:
        wanted, holder = field(document, variables), source(document, variables)
        if is_nullish(holder):
            return holder
        return holder.get(wanted, MISSING) if type(holder) is dict else MISSING

    return evaluate


def _constant_name(name: str, operand: object) -> str:
    """The name that `$setField` is given: known before any document is."""
    if type(operand) is str and operand.startswith("$"):
        raise MongoError(4161108, f"'{operand}' is a field path reference which is not allowed in "
                         f"this context. Did you mean {{$literal: '{operand}'}}?")  # fmt: skip
    if type(operand) is dict and operand:
        operator, value = next(iter(operand.items()))
        if operator not in ("$literal", "$const"):
            raise MongoError(4161106, f"{name} requires 'field' to evaluate to a constant, but "
                             "got a non-constant argument")  # fmt: skip
        operand = value
    if type(operand) is not str:
        raise MongoError(4161107, f"{name} requires 'field' to evaluate to type String, but got "
                         f"{type_name(operand)}")  # fmt: skip
    return operand


def _set_field(name: str, operand: object, scope: Scope) -> Evaluate:
    required = ["field", "value", "input"] if name == "$setField" else ["field", "input"]
    given = named_operands(name, operand, required, [])
    wanted = _constant_name(name, given["field"])
    source = compile_expression(given["input"], scope)
    content = compile_expression(given.get("value", "$$REMOVE"), scope)

    def evaluate(document: Document, variables: Variables) -> object:
        holder = source(document, variables)
        if is_nullish(holder):
            return None
        if type(holder) is not dict:
            raise MongoError(4161105, f"{name} requires 'input' to evaluate to type Object")
        changed = dict(holder)
        value = content(document, variables)
        if value is MISSING:
            changed.pop(wanted, None)
        else:
            changed[wanted] = value
        return changed

    return evaluate


def _merge_one(*values: object) -> Document:
    if len(values) == 1 and type(values[0]) is list:
        return merge(*values[0])
    return merge(*values)


def _bson_size(value: object) -> int:
    if type(value) is not dict:
        raise MongoError(31393, f"$bsonSize requires a document input, found: {type_name(value)}")
    return len(encode_document(value))


def _binary_size(value: object) -> int:
    if type(value) is str:
        return len(value.encode())
    if type_name(value) == "binData":
        return len(value.data)
    raise MongoError(51276, f"$binarySize requires a string or BinData, found: {type_name(value)}")


def _meta(name: str, operand: object, scope: Scope) -> Evaluate:
    """What is known of a document beside it, such as `textScore`."""
    if type(operand) is not str:
        raise MongoError(17307, "$meta only supports string arguments")
    known_names = (*metadata.NAMES, "indexKey", "recordId", "randVal")
    if operand not in known_names:
        raise MongoError(17308, f"Unsupported argument to $meta: {operand}")

    def evaluate(document: Document, variables: Variables) -> object:
        known = variables.get(metadata.VARIABLE)
        return MISSING if known is None else known.get(document, operand)

    return evaluate


OPERATORS: dict[str, Compile] = {
    "$meta": _meta,
    "$mergeObjects": function(0, None, _merge_one),
    "$objectToArray": strict(1, 1, _object_to_array),
    "$getField": _get_field,
    "$setField": _set_field,
    "$unsetField": _set_field,
    "$bsonSize": strict(1, 1, _bson_size),
    "$binarySize": strict(1, 1, _binary_size),
}
