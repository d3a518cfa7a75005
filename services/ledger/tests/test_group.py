"""Parsing: what is a group, what is not, and that nothing whatever breaks the parser."""

import json
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.ledger import errors
from services.ledger.group import MAX_DEPTH, Transaction, decode_json, parse_group
from services.ledger.tests.messages import any_json, hostile, message, transfer


def raw(amount: str = "1", **replaced: str) -> bytes:
    """A group of one transaction whose field values are JSON texts."""
    fields = {
        "type": '"transfer"',
        "asset_id": "0",
        "first_valid": "0",
        "sender": '"ada"',
        "receiver": '"bob"',
        "amount": amount,
    } | replaced
    return ("[{" + ",".join(f'"{name}":{text}' for name, text in fields.items()) + "}]").encode()


def test_a_group_becomes_its_transactions_in_order():
    group = parse_group(message(transfer("ada", "bob", 5, 2), transfer("HIPO", "çağla", 0, -7)))
    assert group == [
        Transaction(sender="ada", receiver="bob", amount=5, first_valid=2),
        Transaction(sender="HIPO", receiver="çağla", amount=0, first_valid=-7),
    ]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (b"", errors.NotJSON),
        (b"not json", errors.NotJSON),
        (b"[", errors.NotJSON),
        (raw() + b" trailing", errors.NotJSON),
        (raw() + raw(), errors.NotJSON),
        (raw() + b"\x00", errors.NotJSON),
        (b"\xef\xbb\xbf" + raw(), errors.NotJSON),
        (raw().decode().encode("utf-16"), errors.NotText),
        (b'["\xff"]', errors.NotText),
        (b'["\xed\xa0\x80"]', errors.NotText),
        (b'["\xc0\xaf"]', errors.NotText),
        (b"[1,]", errors.NotJSON),
        (b"['a']", errors.NotJSON),
        (b'["a\nb"]', errors.NotJSON),
        ("[1]\u00a0".encode(), errors.NotJSON),
        (b"\x0c[1]", errors.NotJSON),
        (raw("NaN"), errors.NotJSON),
        (raw("Infinity"), errors.NotJSON),
        (raw("-Infinity"), errors.NotJSON),
        (raw(note="[[NaN]]"), errors.NotJSON),
        (raw("01"), errors.NotJSON),
        (raw("+1"), errors.NotJSON),
        (raw("1_000"), errors.NotJSON),
        (raw("0x10"), errors.NotJSON),
        (raw("١"), errors.NotJSON),
        (b'[{"amount":1,"amount":1}]', errors.DuplicateKey),
        (b'[{"amount":1,"\\u0061mount":1}]', errors.DuplicateKey),
        (raw(note='{"deep":[{"a":1,"a":1}]}'), errors.DuplicateKey),
        (b"42", errors.NotAGroup),
        (b'"hi"', errors.NotAGroup),
        (b"null", errors.NotAGroup),
        (b"{}", errors.NotAGroup),
        (raw()[1:-1], errors.NotAGroup),
        (b"[]", errors.NotAGroup),
        (b"[1]", errors.NotAGroup),
        (b"[null]", errors.NotAGroup),
        (b"[[]]", errors.NotAGroup),
        (b"[" + raw() + b"]", errors.NotAGroup),
        (b"[{}]", errors.BadField),
        (raw().replace(b"amount", b"Amount"), errors.BadField),
        (raw("1.0"), errors.BadField),
        (raw("1e3"), errors.BadField),
        (raw("1E3"), errors.BadField),
        (raw("-0.0"), errors.BadField),
        (raw("true"), errors.BadField),
        (raw("false"), errors.BadField),
        (raw("null"), errors.BadField),
        (raw('"3"'), errors.BadField),
        (raw("[1]"), errors.BadField),
        (raw(asset_id="false"), errors.BadField),
        (raw(first_valid="null"), errors.BadField),
        (raw(sender="7"), errors.BadField),
        (raw(receiver="null"), errors.BadField),
        (raw(type="0"), errors.BadField),
        (raw(type='"Transfer"'), errors.UnknownType),
        (raw(type='""'), errors.UnknownType),
        (raw(asset_id="1"), errors.UnknownAsset),
        (raw(asset_id="-1"), errors.UnknownAsset),
        (raw("-1"), errors.NegativeAmount),
        (raw()[:-1] + b"," + raw("-1")[1:], errors.NegativeAmount),
    ],
)
def test_each_mistake_has_its_error(text: bytes, error: type[errors.MalformedGroup]):
    with pytest.raises(error):
        parse_group(text)


@pytest.mark.parametrize("missing", list(transfer("a", "b", 1)))
def test_every_field_is_needed(missing: str):
    fields = transfer("a", "b", 1)
    del fields[missing]
    with pytest.raises(errors.BadField, match=missing):
        parse_group(message(fields))


def test_minus_zero_is_an_integer_and_it_is_zero():
    assert parse_group(raw("-0", asset_id="-0", first_valid="-0"))[0] == ("ada", "bob", 0, 0)


@pytest.mark.parametrize("space", [" ", "\t", "\r", "\n", " \n\t\r "])
def test_space_around_json_is_allowed(space: str):
    assert parse_group(space.encode() + raw() + space.encode()) == parse_group(raw())


@pytest.mark.parametrize(
    "extra",
    ['{"nested":["extra",1.5]}', "1e400", "-0.0", "[[[[{}]]]]", '"\\ud800"', "null", "true"],
)
def test_extra_fields_may_hold_any_json(extra: str):
    assert parse_group(raw(note=extra)) == parse_group(raw())


def test_names_are_strings_of_any_kind():
    for name in ("", " ", "\x00", "\U0001f42b", "x" * 10_000, "a\u0301"):
        assert parse_group(message(transfer(name, "bob", 1)))[0].sender == name
    # Not normalised: these look alike, and are two accounts.
    assert parse_group(raw(sender='"\\u00e1"')) != parse_group(raw(sender='"a\\u0301"'))
    # A pair of escapes is the character itself; half of one is a name of its own.
    assert parse_group(raw(sender='"\\ud83d\\udc2b"'))[0].sender == "\U0001f42b"
    assert parse_group(raw(sender='"\\ud83d"'))[0].sender == "\ud83d"


@pytest.mark.parametrize("digits", [1, 640, 641, 4299, 4300, 4301, 5000, 20_001])
@pytest.mark.parametrize("sign", ["", "-"])
def test_integers_have_no_largest_one(digits: int, sign: str):
    text = "7" * digits
    expected = (10**digits - 1) // 9 * 7
    group = parse_group(raw("0", first_valid=sign + text))
    assert group[0].first_valid == (-expected if sign else expected)
    if not sign:
        assert parse_group(raw(text))[0].amount == expected


def test_long_integers_do_not_depend_on_the_interpreters_setting():
    limit = sys.get_int_max_str_digits()
    try:
        for setting in (4300, 0):
            sys.set_int_max_str_digits(setting)
            assert parse_group(raw("1" + "0" * 9000))[0].amount == 10**9000
    finally:
        sys.set_int_max_str_digits(limit)


def nested(opening: str, closing: str, levels: int) -> str:
    return opening * levels + closing * levels


def test_nesting_ends_at_a_depth_of_our_own():
    # The group's own two brackets count.
    deepest = MAX_DEPTH - 2
    for opening, closing in (("[", "]"), ('{"a":[', "]}")):
        levels = deepest // opening.count("[") if opening == "[" else deepest // 2
        assert parse_group(raw(note=nested(opening, closing, levels))) == parse_group(raw())
        with pytest.raises(errors.NestedTooDeep):
            parse_group(raw(note=nested(opening, closing, levels + 1)))


@pytest.mark.parametrize("text", [b"[", b"{", b'{"a":', b"[{", b'["'])
def test_endless_nesting_is_an_error_and_no_crash(text: bytes):
    with pytest.raises(errors.MalformedGroup):
        parse_group(text * 100_000)


def test_brackets_inside_strings_do_not_nest():
    name = '[{"\\' * 1000
    fields = transfer(name, "bob", 1)
    assert parse_group(message(fields))[0].sender == name
    # Many brackets side by side are no depth either.
    assert len(parse_group(message(*[transfer("a", "b", 1)] * 2000))) == 2000


@given(hostile)
@example(b'[{"amount":')
def test_whatever_arrives_is_a_group_or_an_error(text: bytes):
    try:
        group = parse_group(text)
    except errors.MalformedGroup as error:
        assert error.code != "invalid" and str(error)
    else:
        assert group and all(type(each) is Transaction for each in group)


@given(st.binary(max_size=60), st.integers(0, 60))
def test_damage_to_a_group_never_crashes(noise: bytes, position: int):
    text = raw()
    for damaged in (text[:position], text[:position] + noise + text[position:], noise + text):
        try:
            parse_group(damaged)
        except errors.MalformedGroup:
            pass


@given(any_json)
def test_json_is_read_as_the_standard_library_reads_it(value: object):
    text = json.dumps(value).encode()
    try:
        ours = decode_json(text)
    except errors.NotJSON:
        assert b"NaN" in text or b"Infinity" in text
    else:
        assert ours == json.loads(text)
