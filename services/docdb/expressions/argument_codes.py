"""MongoDB's own codes for arguments that are wrong: a client may tell errors apart by them.

    {$filter: 5}                     28646   takes a document
    {$filter: {input: "$a", x: 1}}   28647   knows no argument of that name
    {$filter: {input: "$a"}}         28650   `cond` is missing

They are older than names for errors, and each operator has its own; what has none here answers
FailedToParse, as MongoDB's newer operators do.
"""

from dataclasses import dataclass, field

from services.docdb.errors import MongoError

FAILED_TO_PARSE = 9


@dataclass(frozen=True, slots=True)
class NamedCodes:
    """The codes of an operator whose arguments have names."""

    not_object: int = FAILED_TO_PARSE
    unknown: int = FAILED_TO_PARSE
    missing: dict[str, int] = field(default_factory=dict)


_N_OF = NamedCodes(5787801, 5787901, {"n": 5787906, "input": 5787907})
_TOP = NamedCodes(5788001, 5788002, {"n": 5788003, "output": 5788004, "sortBy": 5788005})
_REGEX = NamedCodes(51103, 31024, {"input": 31022, "regex": 31023})
_REPLACE = NamedCodes(51751, 51750, {"input": 51749, "find": 51748, "replacement": 51747})
_TRIM = NamedCodes(50696, 50694, {"input": 50695})
_STEP = NamedCodes(5166400, 5166401, dict.fromkeys(("startDate", "unit", "amount"), 5166402))
_PERCENTILE = NamedCodes(7429703, 40415, dict.fromkeys(("input", "p", "method"), 40414))

NAMED_CODES: dict[str, NamedCodes] = {
    "$cond": NamedCodes(16020, 17083, {"if": 17080, "then": 17081, "else": 17082}),
    "$let": NamedCodes(16874, 16875, {"vars": 16876, "in": 16877}),
    "$filter": NamedCodes(28646, 28647, {"input": 28648, "cond": 28650}),
    "$map": NamedCodes(16878, 16879, {"input": 16880, "in": 16882}),
    "$reduce": NamedCodes(40075, 40076, {"input": 40077, "initialValue": 40078, "in": 40079}),
    "$zip": NamedCodes(34460, 34464, {"inputs": 34465}),
    "$sortArray": NamedCodes(2942500, 2942501, {"input": 2942502, "sortBy": 2942503}),
    "$firstN": _N_OF,
    "$lastN": _N_OF,
    "$minN": _N_OF,
    "$maxN": _N_OF,
    "$top": _TOP,
    "$bottom": _TOP,
    "$topN": _TOP,
    "$bottomN": _TOP,
    "$percentile": _PERCENTILE,
    "$median": NamedCodes(7436100, 40415, dict.fromkeys(("input", "method"), 40414)),
    "$trim": _TRIM,
    "$ltrim": _TRIM,
    "$rtrim": _TRIM,
    "$replaceOne": _REPLACE,
    "$replaceAll": _REPLACE,
    "$regexMatch": _REGEX,
    "$regexFind": _REGEX,
    "$regexFindAll": _REGEX,
    "$getField": NamedCodes(unknown=3041701, missing={"field": 3041702, "input": 3041703}),
    "$setField": NamedCodes(4161100, 4161101, {"field": 4161102, "value": 4161103,
                                               "input": 4161109}),
    "$unsetField": NamedCodes(4161100, 4161101, {"field": 4161102, "input": 4161109}),
    "$dateAdd": _STEP,
    "$dateSubtract": _STEP,
    "$dateDiff": NamedCodes(5166301, 5166302,
                            {"startDate": 5166303, "endDate": 5166304, "unit": 5166305}),
    "$dateTrunc": NamedCodes(5439007, 5439008, {"date": 5439009, "unit": 5439010}),
    "$dateToString": NamedCodes(18629, 18534, {"date": 18628}),
    "$dateFromString": NamedCodes(40540, 40541, {"dateString": 40542}),
    "$dateToParts": NamedCodes(40524, 40520, {"date": 40522}),
    "$dateFromParts": NamedCodes(40519, 40518),
}  # fmt: skip

_TOO_FEW = {"$setEquals": 17045, "$ifNull": 1257300}
_CONVERSIONS = frozenset({"$toDouble", "$toString", "$toObjectId", "$toBool", "$toDate", "$toInt",
                          "$toLong", "$toDecimal"})  # fmt: skip


def wrong_count(name: str, given: int, least: int, most: int | None) -> MongoError:
    """What an operator says of too few or too many arguments."""
    if name in _CONVERSIONS:
        return MongoError(50723, f"{name} requires a single argument, got {given}")
    if name in _TOO_FEW:
        return MongoError(_TOO_FEW[name], f"{name} needs at least two arguments, had: {given}")
    if least == most:
        return MongoError(
            16020, f"Expression {name} takes exactly {least} arguments. {given} were passed in."
        )
    return MongoError(
        28667,
        f"Expression {name} takes at least {least} arguments, and at most {most}, "
        f"but {given} were passed in.",
    )


def codes_of(name: str) -> NamedCodes:
    return NAMED_CODES.get(name) or NamedCodes()
