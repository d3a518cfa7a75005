"""kill -9 amid transfers and checkpoints: no coin and no acknowledged commit is lost."""

import random
import subprocess
import sys

from services.sqldb.storage.tests import bank

ROUNDS = 6


def killed_after(directory, seed, commits) -> list[int]:
    """The names of the transfers that were acknowledged."""
    child = subprocess.Popen(
        [sys.executable, "-m", "services.sqldb.storage.tests.bank", str(directory), str(seed)],
        stdout=subprocess.PIPE,
    )
    try:
        assert child.stdout.readline() == b"ready\n"
        names = [int(child.stdout.readline()) for _ in range(commits)]
    finally:
        child.kill()
    names += [int(line) for line in child.stdout.read().split(b"\n")[:-1]]
    child.wait()
    child.stdout.close()
    return names


def test_kill(tmp_path):
    chance = random.Random(7)
    acknowledged = set()
    for seed in range(ROUNDS):
        acknowledged.update(killed_after(tmp_path, seed, chance.randint(1, 150)))
        engine = bank.opened(str(tmp_path))
        try:
            accounts = [head.values for head in engine.heap(bank.ACCOUNTS).rows]
            journal = {head.values[0]: head.values for head in engine.heap(bank.JOURNAL).rows}
        finally:
            assert engine.close()
        assert acknowledged <= set(journal)
        balances = dict.fromkeys(range(bank.COUNT), bank.BALANCE)
        for _, giver, taker, amount in journal.values():
            balances[giver] -= amount
            balances[taker] += amount
        assert dict(accounts) == balances and sum(balances.values()) == bank.COUNT * bank.BALANCE
