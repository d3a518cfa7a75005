"""Why a message is no valid transaction group: one class for each rule that it can break.

A `MalformedGroup` is wrong by itself, whatever the ledger holds: every node refuses it for
ever, and a node's HTTP interface does not even append it. A `RejectedGroup` is well formed,
but does not fit the ledger at its place in the list: only its turn can tell.

    GroupError ─┬─ MalformedGroup ─┬─ NotText, NotJSON, NestedTooDeep, DuplicateKey
                │                  └─ NotAGroup, BadField, UnknownType, UnknownAsset,
                │                     NegativeAmount
                └─ RejectedGroup ──── NotYetValid, IssuanceClosed, Overspending

`code` is the stable word for programs, the text is for people. All nodes agree on the
verdict; the text is this implementation's own and part of no hash.
"""


class GroupError(Exception):
    """A message that changes neither balances nor round."""

    code = "invalid"


class MalformedGroup(GroupError):
    """The message can be valid in no ledger."""


class NotText(MalformedGroup):
    code = "not-utf-8"


class NotJSON(MalformedGroup):
    code = "not-json"


class NestedTooDeep(MalformedGroup):
    code = "nested-too-deep"


class DuplicateKey(MalformedGroup):
    code = "duplicate-key"


class NotAGroup(MalformedGroup):
    code = "not-a-group"


class BadField(MalformedGroup):
    code = "bad-field"


class UnknownType(MalformedGroup):
    code = "unknown-type"


class UnknownAsset(MalformedGroup):
    code = "unknown-asset"


class NegativeAmount(MalformedGroup):
    code = "negative-amount"


class RejectedGroup(GroupError):
    """The message is a group, but not a valid one in this ledger at this round."""


class NotYetValid(RejectedGroup):
    code = "not-yet-valid"


class IssuanceClosed(RejectedGroup):
    code = "issuance-closed"


class Overspending(RejectedGroup):
    code = "overspending"
