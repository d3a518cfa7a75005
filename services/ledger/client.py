"""The client of a ledger node that other programs use.

    ledger = LedgerClient("http://127.0.0.1:4251")
    ledger.submit([{"type": "transfer", "asset_id": 0, "first_valid": 0,
                    "sender": "HIPO", "receiver": "ada", "amount": 1000}])
        ─▶ {"index": 0, "applied": True, "accepted": True, "round": 1}
    ledger.balances()   ─▶ {"round": 1, "balances": {"HIPO": -1000, "ada": 1000}}

Each method answers with the JSON of the HTTP interface (see `api`), and raises HTTPClientError
where the node cannot be reached or answers with an error (its `status` tells them apart).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from services.web.client import HTTPClient


class LedgerClient:
    """One node, asked over one kept connection; for use from any thread."""

    def __init__(self, url: str, *, timeout_s: float = 5.0):
        self._http = HTTPClient(url, timeout_s=timeout_s)

    def submit(self, group: Sequence[Mapping[str, object]]) -> dict[str, Any]:
        """Append a group; `accepted` and `round` where the answer says that it is `applied`."""
        return self._http.post("/groups", json=group).check().json()

    def group(self, index: int) -> dict[str, Any]:
        """A message of the list and its verdict."""
        return self._http.get(f"/groups/{index}").check().json()

    def balances(self, round: int | None = None) -> dict[str, Any]:
        """The balances after `round`, or the latest."""
        query = None if round is None else {"round": round}
        return self._http.get("/balances", query=query).check().json()

    def status(self) -> dict[str, Any]:
        """Round, index, state root, peers, and whether all agree."""
        return self._http.get("/status").check().json()

    def close(self) -> None:
        self._http.close()
