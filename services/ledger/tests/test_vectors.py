"""Networks that every correct node ends alike: the agreed vectors, and a golden one of our own.

The agreed ones lie outside the repository. GLASSBOX_VECTORS names their directory; without it
they are looked for in `shared/vectors` beside the checkout, and skipped where they are not.
"""

import json
import os
from pathlib import Path

import pytest

from services.ledger.ledger import Ledger
from services.ledger.tests.reference import Reference

ROOT = Path(__file__).resolve().parents[3]
VECTORS = Path(os.environ.get("GLASSBOX_VECTORS") or ROOT.parent / "shared" / "vectors")
NETWORKS = sorted((VECTORS / "hipochain").glob("*.json"))
GOLDEN = Path(__file__).parent / "golden"


def state(ledger: Ledger) -> dict[str, object]:
    return {"round": ledger.round, "balances": ledger.balances}


@pytest.mark.parametrize("path", NETWORKS, ids=lambda path: path.stem)
def test_an_agreed_network(path: Path):
    network = json.loads(path.read_text(encoding="utf-8"))
    messages = [text.encode() for text in network["messages"]]
    ledger = Ledger()
    assert [ledger.apply(text) is None for text in messages] == network["accepted"]
    assert state(ledger) == {"round": network["round"], "balances": network["balances"]}
    assert ledger.balances_at(min(42, ledger.round)) == network["at_round_42"]["balances"]
    stopped = Ledger()
    stopped.replay(messages, stop_at_round=42)
    assert state(stopped) == network["at_round_42"]


def test_the_agreed_networks_are_there():
    if not NETWORKS:
        pytest.skip(f"no hipochain vectors in {VECTORS} (GLASSBOX_VECTORS names the directory)")
    assert len(NETWORKS) >= 3


def golden_lines() -> list[tuple[str, str]]:
    """Each message of the golden network, and what is written behind it."""
    lines = (GOLDEN / "network.txt").read_text(encoding="utf-8").splitlines()
    said = [line for line in lines if line and not line.startswith("#")]
    return list(zip(said[::2], said[1::2], strict=True))


def outcome(ledger: Ledger, text: str) -> str:
    error = ledger.apply(text.encode())
    if error is not None:
        return f"--> rejected: {error.code}"
    shown = " ".join(f"{name}={balance}" for name, balance in sorted(ledger.balances.items()))
    return f"--> round {ledger.round}: {shown}"


def test_the_golden_network():
    ledger = Ledger()
    lines = golden_lines()
    assert [outcome(ledger, text) for text, _ in lines] == [expected for _, expected in lines]


def test_the_reference_reads_the_golden_network_alike():
    reference = Reference()
    for text, expected in golden_lines():
        assert reference.apply(text.encode()) == expected.startswith("--> round"), text
