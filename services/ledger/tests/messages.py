"""Messages for the tests: single transfers, and strategies for networks full of mistakes."""

import json

from hypothesis import strategies as st


def transfer(sender: str, receiver: str, amount: object, first_valid: object = 0, **more: object):
    """The fields of one transaction; `more` adds or replaces fields."""
    fields = {
        "type": "transfer",
        "asset_id": 0,
        "first_valid": first_valid,
        "sender": sender,
        "receiver": receiver,
        "amount": amount,
    }
    return fields | more


def message(*transactions: object) -> bytes:
    return json.dumps(list(transactions)).encode()


def issue(**amounts: int) -> bytes:
    """HIPO gives each account its amount."""
    return message(*(transfer("HIPO", name, amount) for name, amount in amounts.items()))


accounts = st.sampled_from(["HIPO", "ada", "bob", "cem", "çağla", ""])

any_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=True)
    | st.text(st.characters(), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["amount", "sender", "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)

# Mostly right, so that rounds pass and money moves; wrong in one field now and then.
transactions = st.builds(
    transfer,
    sender=accounts,
    receiver=accounts,
    amount=st.integers(0, 40) | st.sampled_from([-1, True, 1.0, "3", None, 10**20]),
    first_valid=st.integers(0, 4) | st.sampled_from([-3, 10**30, False]),
)

# The same from a narrower choice: most of these are accepted.
plain_transactions = st.builds(
    transfer, sender=accounts, receiver=accounts, amount=st.integers(0, 9), first_valid=st.just(0)
)


def with_mistakes(fields: dict, name: str, value: object) -> dict:
    return fields | {name: value}


odd_transactions = st.builds(
    with_mistakes,
    transactions,
    st.sampled_from(["type", "asset_id", "sender", "note", "amount"]),
    any_json,
)

groups = st.lists(
    plain_transactions | plain_transactions | transactions | odd_transactions,
    min_size=1,
    max_size=4,
).map(lambda group: json.dumps(group).encode())

hostile = (
    st.binary(max_size=40)
    | any_json.map(lambda value: json.dumps(value).encode())
    | groups.map(lambda text: text[:-1])
    | groups.map(lambda text: text.replace(b"}", b',"amount":1}'))
)

networks = st.lists(groups | groups | groups | hostile, max_size=25).map(
    lambda messages: [issue(ada=30, bob=30), *messages]
)
