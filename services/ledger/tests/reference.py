"""A second implementation of the rules, slow and plain, to compare the real one with.

Written from the protocol alone: it shares no line with the service, copies all balances for
each group, and reads JSON with the standard library's parser.
"""

import json


class Reference:
    """Round and balances after the messages so far."""

    def __init__(self):
        self.round = 0
        self.balances: dict[str, int] = {}

    def apply(self, message: bytes) -> bool:
        """Whether the message was accepted."""
        balances = dict(self.balances)
        try:
            group = json.loads(
                message.decode("utf-8", "strict"),
                object_pairs_hook=no_duplicates,
                parse_constant=refuse,
            )
            accepted = isinstance(group, list) and len(group) > 0
            accepted = accepted and all(self.carry_out(balances, each) for each in group)
        except (ValueError, RecursionError):
            accepted = False
        if accepted:
            self.balances = balances
            self.round += 1
        return accepted

    def carry_out(self, balances: dict[str, int], transaction: object) -> bool:
        if not isinstance(transaction, dict):
            return False
        for field in ("amount", "asset_id", "first_valid"):
            value = transaction.get(field)
            if not isinstance(value, int) or isinstance(value, bool):
                return False
        if not all(isinstance(transaction.get(f), str) for f in ("sender", "receiver", "type")):
            return False
        amount, sender = transaction["amount"], transaction["sender"]
        if transaction["type"] != "transfer" or transaction["asset_id"] != 0 or amount < 0:
            return False
        if transaction["first_valid"] > self.round:
            return False
        if sender == "HIPO":
            if self.round > 2:
                return False
        elif balances.get(sender, 0) < amount:
            return False
        balances[sender] = balances.get(sender, 0) - amount
        receiver = transaction["receiver"]
        balances[receiver] = balances.get(receiver, 0) + amount
        return True


def no_duplicates(pairs: list) -> dict:
    if len({key for key, _ in pairs}) < len(pairs):
        raise ValueError("duplicate key")
    return dict(pairs)


def refuse(constant: str) -> None:
    raise ValueError(constant)
