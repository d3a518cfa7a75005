"""Transfers between accounts through SQL, and kill -9 amid them: no coin and no commit is lost.

Clients move money, half of them by reading and writing at SERIALIZABLE, half by one UPDATE after
the other at READ COMMITTED, and write each transfer into a journal; one more makes a table together
with an entry. Each notes what was acknowledged. Checkpoints follow each other, so that some kills
fall into one. SQLDB_KILLS sets the number of kills.
"""

from __future__ import annotations

import os
import random
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from services.sqldb.tests.server import SqldbServer, run_sqldb

psycopg = pytest.importorskip("psycopg")

KILLS = int(os.environ.get("SQLDB_KILLS", "4"))
ACCOUNTS, BALANCE = 10, 1000
PATIENCE_S = 60
OPTIONS = ("--checkpoint-interval-s", "0.1", "--checkpoint-mb", "1")


@dataclass
class Ledger:
    """What the clients were promised, in the order of the promises to each."""

    promised: dict[int, list[int]] = field(default_factory=dict)
    next_number: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)

    def number(self) -> int:
        with self.changed:
            self.next_number += 1
            return self.next_number

    def promise(self, client: int, number: int) -> None:
        with self.changed:
            self.promised.setdefault(client, []).append(number)
            self.changed.notify_all()

    @property
    def count(self) -> int:
        return sum(len(numbers) for numbers in self.promised.values())


@dataclass
class Client:
    """One connection, until the server is gone."""

    ledger: Ledger
    number: int
    server: SqldbServer
    seed: int
    is_synchronous: bool

    def run(self) -> None:
        chance = random.Random(self.seed)
        move = (self._read_and_write, self._update, self._define)[self.number % 3]
        try:
            with self.server.connect() as connection:
                if not self.is_synchronous:
                    connection.execute("SET synchronous_commit = off")
                while True:
                    self._attempt(connection, move, chance)
        except psycopg.OperationalError:
            return

    def _attempt(self, connection, move, chance: random.Random) -> None:
        number = self.ledger.number()
        giver, taker = chance.sample(range(ACCOUNTS), 2)
        try:
            with connection.transaction():
                move(connection, giver, taker, chance.randint(1, 9), number)
        except (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected):
            return
        self.ledger.promise(self.number, number)

    def _note(self, connection, number: int, giver: int, taker: int, amount: int) -> None:
        sql = "INSERT INTO journal VALUES (%s, %s, %s, %s, repeat('x', 300))"
        connection.execute(sql, [number, giver, taker, amount])

    def _read_and_write(self, connection, giver, taker, amount, number) -> None:
        connection.execute("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
        for account, difference in ((giver, -amount), (taker, amount)):
            read = "SELECT balance FROM account WHERE id = %s"
            balance = connection.execute(read, [account]).fetchone()[0]
            write = "UPDATE account SET balance = %s WHERE id = %s"
            connection.execute(write, [balance + difference, account])
        self._note(connection, number, giver, taker, amount)

    def _update(self, connection, giver, taker, amount, number) -> None:
        self._note(connection, number, giver, taker, amount)
        for account, difference in ((giver, -amount), (taker, amount)):
            sql = "UPDATE account SET balance = balance + %s WHERE id = %s"
            connection.execute(sql, [difference, account])

    def _define(self, connection, giver, taker, amount, number) -> None:
        """A table that is there exactly if its entry is."""
        if number % 10 == 0:
            connection.execute(f"CREATE TABLE made_{number} (id int PRIMARY KEY)")
            connection.execute(f"INSERT INTO made_{number} VALUES ({number})")
        self._update(connection, giver, taker, amount, number)


def create(server: SqldbServer) -> None:
    with server.connect() as connection:
        connection.execute("CREATE TABLE account (id int PRIMARY KEY, balance int NOT NULL)")
        connection.execute(
            "CREATE TABLE journal (id int PRIMARY KEY, giver int REFERENCES account,"
            " taker int REFERENCES account, amount int, filling text)"
        )
        sql = "INSERT INTO account SELECT n, %s FROM generate_series(0, %s) n"
        connection.execute(sql, [BALANCE, ACCOUNTS - 1])


def load_and_kill(server: SqldbServer, ledger: Ledger, seed: int, *, is_synchronous: bool) -> None:
    chance = random.Random(seed)
    wanted = ledger.count + chance.randint(1, 150)
    clients = [
        Client(ledger, number, server, seed * 10 + number, is_synchronous) for number in range(6)
    ]
    threads = [threading.Thread(target=client.run) for client in clients]
    for thread in threads:
        thread.start()
    with ledger.changed:
        reached = ledger.changed.wait_for(lambda: ledger.count >= wanted, PATIENCE_S)
    server.kill()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert reached


def check(server: SqldbServer, ledger: Ledger, *, is_synchronous: bool) -> None:
    with server.connect() as connection:
        accounts = dict(connection.execute("SELECT id, balance FROM account").fetchall())
        sql = "SELECT id, giver, taker, amount FROM journal"
        journal = {row[0]: row[1:] for row in connection.execute(sql).fetchall()}
        tables = connection.execute(
            "SELECT substr(tablename, 6)::int FROM pg_tables WHERE tablename LIKE 'made%'"
        ).fetchall()
        for (number,) in tables:
            assert connection.execute(f"SELECT * FROM made_{number}").fetchall() == [(number,)]
            connection.execute(f"DROP TABLE made_{number}")
    balances = dict.fromkeys(range(ACCOUNTS), BALANCE)
    for giver, taker, amount in journal.values():
        balances[giver] -= amount
        balances[taker] += amount
    assert accounts == balances and sum(accounts.values()) == ACCOUNTS * BALANCE
    assert {number for (number,) in tables} <= set(journal)
    for client, numbers in ledger.promised.items():
        kept = [number in journal for number in numbers]
        if not is_synchronous:
            # The last moments may be missing, but nothing before what is there.
            count = kept.count(True)
            del kept[count:], numbers[count:]
        assert all(kept), f"client {client} was promised more than there is"


@pytest.mark.timeout(0)
@pytest.mark.parametrize("is_synchronous", [True, False], ids=["synchronous", "asynchronous"])
def test_kill(tmp_path: Path, is_synchronous: bool) -> None:
    ledger = Ledger()
    options = ("--data-dir", str(tmp_path), *OPTIONS)
    rounds = (KILLS + 1) // 2
    for seed in range(rounds):
        with run_sqldb(*options) as server:
            if seed == 0:
                create(server)
            else:
                check(server, ledger, is_synchronous=is_synchronous)
            load_and_kill(server, ledger, seed, is_synchronous=is_synchronous)
    with run_sqldb(*options) as server:
        check(server, ledger, is_synchronous=is_synchronous)
    print(f"{rounds} kills, {ledger.count} transfers acknowledged and there")
