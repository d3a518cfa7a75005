"""A bank that is killed in the middle of its work: the child of `test_kill`.

Threads move money between accounts and tell on stdout what was committed; checkpoints are made all
the time. `python3 -m services.sqldb.storage.tests.bank DIRECTORY SEED`
"""

import os
import random
import sys
import threading

from services.common.health import Vitals
from services.common.logs import Log
from services.sqldb.errors import SqlError
from services.sqldb.storage.engine import StorageEngine
from services.sqldb.storage.heap_index import HeapIndex
from services.sqldb.storage.index_key import IndexKey, KeyColumn
from services.sqldb.transactions.transaction import Isolation

ACCOUNTS, JOURNAL = 16384, 16385
COUNT = 20
BALANCE = 1000


def opened(directory: str) -> StorageEngine:
    engine = StorageEngine(Log("sqldb"), Vitals("sqldb"), directory)

    def attach():
        for oid in (ACCOUNTS, JOURNAL):
            key = IndexKey([KeyColumn(is_nullable=False)], positions=[0])
            index = HeapIndex(engine.heap(oid), oid + 10, "pkey", key, is_unique=True)
            engine.attach_index(index)

    engine.open(attach)
    return engine


def fill(engine: StorageEngine) -> None:
    with engine.latch:
        transaction = engine.transactions.begin(engine.transactions.backend(1))
        with transaction.statement():
            for number in range(COUNT):
                engine.heap(ACCOUNTS).insert(transaction, (number, BALANCE))
        transaction.commit()


def transfer(engine: StorageEngine, backend, chance: random.Random, name: int) -> None:
    """Move money and note it; raises SqlError where another one was in the way."""
    accounts, journal = engine.heap(ACCOUNTS), engine.heap(JOURNAL)
    giver, taker = chance.sample(range(COUNT), 2)
    amount = chance.randint(1, 5)
    transaction = engine.transactions.begin(backend, chance.choice(list(Isolation)))
    try:
        with transaction.statement() as snapshot:
            for number, change in ((giver, -amount), (taker, amount)):
                version = accounts.indexes[0].find(snapshot, number)
                while True:
                    new = (number, version.values[1] + change)
                    newest = accounts.claim(transaction, version, new)
                    if newest is version:
                        break
                    version = newest
                accounts.update(transaction, version, new)
        with transaction.statement():
            journal.insert(transaction, (name, giver, taker, amount))
        transaction.commit()
    except SqlError:
        transaction.rollback()
        raise


def work(engine: StorageEngine, seed: int, worker: int) -> None:
    chance = random.Random(seed * 100 + worker)
    backend = engine.transactions.backend(worker)
    backend.deadlock_timeout_s = 0.01
    name = seed * 1_000_000 + worker * 100_000
    while True:
        name += 1
        try:
            with engine.latch:
                transfer(engine, backend, chance, name)
        except SqlError as error:
            assert error.sqlstate in ("40001", "40P01"), error
            continue
        os.write(1, b"%d\n" % name)


def main(directory: str, seed: int) -> None:
    engine = opened(directory)
    if not engine.heap(ACCOUNTS).rows:
        fill(engine)
    os.write(1, b"ready\n")
    for worker in range(4):
        threading.Thread(target=work, args=(engine, seed, worker), daemon=True).start()
    while True:
        engine.checkpoint()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
