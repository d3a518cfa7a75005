"""The grammar of sequences: their options stand in CREATE SEQUENCE and behind AS IDENTITY."""

from services.sqldb.syntax import lexer
from services.sqldb.syntax import parse_from as from_clause
from services.sqldb.syntax import parse_types as types
from services.sqldb.syntax.cursor import Cursor
from services.sqldb.syntax.nodes import CreateSequence, Persistence, SequenceOption

_VALUED = ("as", "cache", "increment", "maxvalue", "minvalue", "start")
OPTION_WORDS = frozenset((*_VALUED, "cycle", "no", "owned", "restart", "sequence"))


def create_sequence(cursor: Cursor, persistence: Persistence, position: int) -> CreateSequence:
    """What follows CREATE [TEMP] SEQUENCE."""
    if_not_exists = cursor.accept_words("if", "not", "exists")
    relation = from_clause.relation_name(cursor)
    return CreateSequence(relation, options(cursor), persistence, if_not_exists, position)


def options(cursor: Cursor) -> tuple[SequenceOption, ...]:
    found = []
    while cursor.kind in OPTION_WORDS:
        found.append(option(cursor))
    return tuple(found)


def options_in_parentheses(cursor: Cursor) -> tuple[SequenceOption, ...]:
    """(START 10 INCREMENT 2) behind IDENTITY, if it is there."""
    if not cursor.accept("("):
        return ()
    found = [option(cursor)]
    while cursor.kind != ")":
        found.append(option(cursor))
    cursor.expect(")")
    return tuple(found)


def option(cursor: Cursor) -> SequenceOption:
    """# Real: SeqOptElem"""
    position = cursor.position
    word = cursor.expect_one_of(OPTION_WORDS)
    match word:
        case "as":
            return SequenceOption("as", types.simple_type(cursor), position)
        case "cycle":
            return SequenceOption("cycle", True, position)
        case "no":
            name = cursor.expect_one_of(("maxvalue", "minvalue", "cycle"))
            return SequenceOption(name, False if name == "cycle" else None, position)
        case "increment":
            cursor.accept("by")
        case "start":
            cursor.accept("with")
        case "owned":
            cursor.expect("by")
            return SequenceOption("owned_by", cursor.any_name(), position)
        case "sequence":
            cursor.expect("name")
            return SequenceOption("sequence_name", cursor.any_name(), position)
        case "restart":
            cursor.accept("with")
            if cursor.kind not in ("+", "-", lexer.INTEGER, lexer.NUMBER):
                return SequenceOption("restart", None, position)
    return SequenceOption(word, _number(cursor), position)


def _number(cursor: Cursor) -> int:
    """A whole number, which may be too big for 31 bits. # Real: NumericOnly"""
    sign = 1
    if cursor.kind in ("+", "-"):
        sign = -1 if cursor.take() == "-" else 1
    if cursor.kind == lexer.NUMBER and cursor.value.isdigit() and len(cursor.value) <= 20:
        return sign * int(cursor.take())
    return sign * cursor.integer()
