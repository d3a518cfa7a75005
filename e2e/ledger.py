"""Groups for the ledger, and what its nodes agree on."""

import redis
import requests

from e2e.stack import Stack, wait_until

NETWORK = "hiponet"


def transfer(sender: str, receiver: str, amount: int) -> dict:
    return {
        "amount": amount,
        "asset_id": 0,
        "first_valid": 0,
        "receiver": receiver,
        "sender": sender,
        "type": "transfer",
    }


def append(client: redis.Redis, message: bytes) -> None:
    """Take part as the challenge says: append to the list."""
    client.rpush(NETWORK, message)


def agreement(stack: Stack, http: requests.Session, past_index: int = -1) -> dict:
    """What all nodes say once they say the same, and have gone past `past_index` messages."""

    def agreed() -> dict | None:
        answers = [http.get(f"{url}/status", timeout=10).json() for url in stack.ledger_urls()]
        states = {(a["round"], a["index"], a["state_root"]) for a in answers}
        is_agreed = len(states) == 1 and answers[0]["index"] > past_index
        return answers[0] if is_agreed else None

    return wait_until(agreed, f"three nodes agree past index {past_index}")
