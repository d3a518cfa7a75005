"""The anomalies of the "Hermitage" list, at each level, with the answers that PostgreSQL gives.

https://github.com/ept/hermitage: G0 dirty write, G1a aborted read, G1b intermediate read, G1c
circular information flow, OTV observed transaction vanishes, PMP predicate-many-preceders, P4 lost
update, G-single read skew, G2-item write skew, G2 anti-dependency cycles.
"""

import pytest

from services.sqldb.errors import SqlError
from services.sqldb.storage.index_key import Bound, KeyRange
from services.sqldb.storage.tests.sessions import Session, table_with_key
from services.sqldb.storage.vacuum import Vacuum
from services.sqldb.transactions.system import TransactionSystem
from services.sqldb.transactions.transaction import Isolation

RC, RR, SER = Isolation


class Bank:
    def __init__(self, isolation):
        self.system = TransactionSystem(self._retire)
        self.vacuum = Vacuum(self.system.procarray)
        self.test = table_with_key()
        self.index = self.test.indexes[0]
        Session(self.system, 1).insert(self.test, (1, 10), (2, 20))
        self.t1, self.t2, self.t3 = (
            Session(self.system, pid).begin(isolation) for pid in (11, 12, 13)
        )

    def _retire(self, writes, transaction):
        self.vacuum.retire(writes, transaction)

    def all_rows(self):
        return Session(self.system, 99).select(self.test)


@pytest.fixture
def bank(request):
    return Bank(request.param)


def at(*levels):
    return pytest.mark.parametrize("bank", levels, indirect=True)


def with_id(number):
    return lambda row: row[0] == number


def to(value):
    return lambda row: (row[0], value)


def fails_with(sqlstate):
    return pytest.raises(SqlError, match=sqlstate)


@at(RC)
def test_g0_dirty_writes_wait(bank):
    t1, t2, test = bank.t1, bank.t2, bank.test
    t1.update(test, with_id(1), to(11))
    assert t2.begin_to(t2.update, test, with_id(1), to(12)).waits
    t1.update(test, with_id(2), to(21))
    t1.commit()
    assert bank.all_rows() == [(1, 11), (2, 21)]
    t2.result()
    t2.update(test, with_id(2), to(22))
    t2.commit()
    assert bank.all_rows() == [(1, 12), (2, 22)]


@at(RC, RR, SER)
def test_g1a_no_aborted_reads(bank):
    t1, t2, test = bank.t1, bank.t2, bank.test
    t1.update(test, with_id(1), to(101))
    assert t2.select(test) == [(1, 10), (2, 20)]
    t1.rollback()
    assert t2.select(test) == [(1, 10), (2, 20)]
    t2.commit()


@at(RC, RR, SER)
def test_g1b_no_intermediate_reads(bank):
    t1, t2, test = bank.t1, bank.t2, bank.test
    t1.update(test, with_id(1), to(101))
    assert t2.select(test) == [(1, 10), (2, 20)]
    t1.update(test, with_id(1), to(11))
    t1.commit()
    seen = t2.select(test)
    assert seen == ([(1, 11), (2, 20)] if t2.transaction.isolation is RC else [(1, 10), (2, 20)])
    t2.commit()


@at(RC, RR)
def test_g1c_no_circular_information_flow(bank):
    t1, t2, test = bank.t1, bank.t2, bank.test
    t1.update(test, with_id(1), to(11))
    t2.update(test, with_id(2), to(22))
    assert t1.select(test, with_id(2)) == [(2, 20)]
    assert t2.select(test, with_id(1)) == [(1, 10)]
    t1.commit()
    t2.commit()


@at(RC)
def test_otv_observed_transactions_stay(bank):
    t1, t2, t3, test = bank.t1, bank.t2, bank.t3, bank.test
    t1.update(test, with_id(1), to(11))
    t1.update(test, with_id(2), to(19))
    assert t2.begin_to(t2.update, test, with_id(1), to(12)).waits
    t1.commit()
    t2.result()
    assert t3.select(test) == [(1, 11), (2, 19)]
    t2.update(test, with_id(2), to(18))
    assert t3.select(test) == [(1, 11), (2, 19)]
    t2.commit()
    assert t3.select(test) == [(1, 12), (2, 18)]


@at(RC, RR)
def test_pmp_reads_of_predicates(bank):
    t1, t2, test = bank.t1, bank.t2, bank.test
    assert t1.select(test, lambda row: row[1] == 30) == []
    t2.insert(test, (3, 30))
    t2.commit()
    seen = t1.select(test, lambda row: row[1] % 3 == 0)
    assert seen == ([(3, 30)] if t1.transaction.isolation is RC else [])


@at(RC)
def test_pmp_writes_of_predicates_look_again(bank):
    """READ COMMITTED: the row that came to fulfil the condition is not met, the other doesn't any
    more."""
    t1, t2, test = bank.t1, bank.t2, bank.test
    t1.update(test, lambda row: True, lambda row: (row[0], row[1] + 10))
    assert t2.begin_to(t2.delete, test, lambda row: row[1] == 20).waits
    t1.commit()
    assert t2.result() == 0
    assert t2.select(test) == [(1, 20), (2, 30)]


@at(RR, SER)
def test_pmp_writes_of_predicates_fail(bank):
    t1, t2, test = bank.t1, bank.t2, bank.test
    t1.update(test, lambda row: True, lambda row: (row[0], row[1] + 10))
    assert t2.begin_to(t2.delete, test, lambda row: row[1] == 20).waits
    t1.commit()
    with pytest.raises(SqlError) as caught:
        t2.result()
    assert caught.value.sqlstate == "40001"
    assert caught.value.message == "could not serialize access due to concurrent update"


@at(RR, SER)
def test_a_concurrent_delete_has_its_own_message(bank):
    t1, t2, test = bank.t1, bank.t2, bank.test
    t1.delete(test, with_id(1))
    assert t2.begin_to(t2.update, test, with_id(1), to(5)).waits
    t1.commit()
    with pytest.raises(SqlError, match="concurrent delete"):
        t2.result()


@at(RC)
def test_p4_read_committed_loses_updates(bank):
    t1, t2, test = bank.t1, bank.t2, bank.test
    for each in (t1, t2):
        assert each.select(test, with_id(1)) == [(1, 10)]
    t1.update(test, with_id(1), to(11))
    assert t2.begin_to(t2.update, test, with_id(1), to(11)).waits
    t1.commit()
    assert t2.result() == 1


@at(RC)
def test_an_update_that_waited_adds_to_the_newest(bank):
    t1, t2, test = bank.t1, bank.t2, bank.test
    t1.update(test, with_id(1), lambda row: (1, row[1] + 1))
    assert t2.begin_to(t2.update, test, with_id(1), lambda row: (1, row[1] + 1)).waits
    t1.commit()
    t2.result()
    t2.commit()
    assert bank.all_rows() == [(1, 12), (2, 20)]


@at(RR, SER)
def test_p4_no_lost_updates(bank):
    t1, t2, test = bank.t1, bank.t2, bank.test
    for each in (t1, t2):
        assert each.select(test, with_id(1)) == [(1, 10)]
    t1.update(test, with_id(1), to(11))
    assert t2.begin_to(t2.update, test, with_id(1), to(11)).waits
    t1.commit()
    with fails_with("40001"):
        t2.result()


@at(RC, RR, SER)
def test_a_rollback_lets_the_waiting_one_go_on(bank):
    t1, t2, test = bank.t1, bank.t2, bank.test
    t1.update(test, with_id(1), to(11))
    assert t2.begin_to(t2.update, test, with_id(1), to(12)).waits
    t1.rollback()
    assert t2.result() == 1
    t2.commit()
    assert bank.all_rows() == [(1, 12), (2, 20)]


@at(RC, RR)
def test_a_savepoint_that_is_rolled_back_lets_the_waiting_one_go_on(bank):
    t1, t2, test = bank.t1, bank.t2, bank.test
    t1.savepoint("s")
    t1.update(test, with_id(1), to(11))
    assert t2.begin_to(t2.update, test, with_id(1), to(12)).waits
    t1.rollback_to("s")
    assert t2.result() == 1
    t2.commit()
    t1.commit()
    assert bank.all_rows() == [(1, 12), (2, 20)]


@at(RC, RR)
def test_g_single_read_skew(bank):
    t1, t2, test = bank.t1, bank.t2, bank.test
    assert t1.select(test, with_id(1)) == [(1, 10)]
    t2.update(test, with_id(1), to(12))
    t2.update(test, with_id(2), to(18))
    t2.commit()
    expected = [(2, 18)] if t1.transaction.isolation is RC else [(2, 20)]
    assert t1.select(test, with_id(2)) == expected


@at(RR, SER)
def test_g_single_with_a_write(bank):
    t1, t2, test = bank.t1, bank.t2, bank.test
    assert t1.select(test, with_id(1)) == [(1, 10)]
    t2.update(test, with_id(1), to(12))
    t2.update(test, with_id(2), to(18))
    t2.commit()
    with fails_with("40001"):
        t1.delete(test, lambda row: row[1] == 20)


@at(RR)
def test_g2_item_repeatable_read_allows_write_skew(bank):
    t1, t2, test = bank.t1, bank.t2, bank.test
    t1.select(test)
    t2.select(test)
    t1.update(test, with_id(1), to(11))
    t2.update(test, with_id(2), to(21))
    t1.commit()
    t2.commit()
    assert bank.all_rows() == [(1, 11), (2, 21)]


@at(SER)
def test_g2_item_no_write_skew(bank):
    t1, t2, test = bank.t1, bank.t2, bank.test
    t1.select(test)
    t2.select(test)
    t1.update(test, with_id(1), to(11))
    t2.update(test, with_id(2), to(21))
    t1.commit()
    with pytest.raises(SqlError) as caught:
        t2.commit()
    assert caught.value.sqlstate == "40001"
    assert caught.value.message == (
        "could not serialize access due to read/write dependencies among transactions"
    )
    assert caught.value.detail == (
        "Reason code: Canceled on identification as a pivot, during commit attempt."
    )
    assert caught.value.hint == "The transaction might succeed if retried."
    assert bank.all_rows() == [(1, 11), (2, 20)]


@at(SER)
def test_g2_item_through_an_index(bank):
    """Only the keys that were read count: two that look at different rows don't conflict."""
    t1, t2, t3, test, index = bank.t1, bank.t2, bank.t3, bank.test, bank.index
    assert t1.by_key(index, 1) == [(1, 10)] and t2.by_key(index, 2) == [(2, 20)]
    t3.rollback()

    def set_by_key(session, number, value):
        def body(transaction, snapshot):
            version = index.find(snapshot, number)
            assert test.claim(transaction, version, (number, value)) is version
            test.update(transaction, version, (number, value))

        session._statement(body)

    set_by_key(t1, 1, 11)
    set_by_key(t2, 2, 21)
    t1.commit()
    t2.commit()
    assert bank.all_rows() == [(1, 11), (2, 21)]


@at(RR)
def test_g2_repeatable_read_allows_it(bank):
    t1, t2, test = bank.t1, bank.t2, bank.test
    for each in (t1, t2):
        assert each.select(test, lambda row: row[1] % 3 == 0) == []
    t1.insert(test, (3, 30))
    t2.insert(test, (4, 42))
    t1.commit()
    t2.commit()


@at(SER)
def test_g2_no_cycles_of_anti_dependencies(bank):
    t1, t2, test = bank.t1, bank.t2, bank.test
    for each in (t1, t2):
        assert each.select(test, lambda row: row[1] % 3 == 0) == []
    t1.insert(test, (3, 30))
    t2.insert(test, (4, 42))
    t1.commit()
    with fails_with("40001"):
        t2.commit()


@at(SER)
def test_g2_by_ranges_of_an_index(bank):
    t1, t2, test, index = bank.t1, bank.t2, bank.test, bank.index
    upper = KeyRange(lower=Bound(2, False))
    assert t1.in_range(index, upper) == t2.in_range(index, upper) == []
    t1.insert(test, (3, 30))
    t2.insert(test, (4, 42))
    t1.commit()
    with fails_with("40001"):
        t2.commit()


@at(SER)
def test_g2_ranges_that_nobody_writes_into_do_no_harm(bank):
    t1, t2, test, index = bank.t1, bank.t2, bank.test, bank.index
    assert t1.in_range(index, KeyRange(lower=Bound(100, True))) == []
    assert t2.in_range(index, KeyRange(upper=Bound(0, True))) == []
    t1.insert(test, (3, 30))
    t2.insert(test, (4, 42))
    t1.commit()
    t2.commit()


@at(SER)
def test_g2_two_edges_and_a_read_only_transaction(bank):
    """Fekete, O'Neil, O'Neil: a transaction that only reads completes the structure."""
    t1, t2, t3, test = bank.t1, bank.t2, bank.t3, bank.test
    assert t1.select(test) == [(1, 10), (2, 20)]
    t2.update(test, with_id(2), to(25))
    t2.commit()
    assert t3.select(test) == [(1, 10), (2, 25)]
    t3.commit()
    with fails_with("40001"):
        t1.update(test, with_id(1), to(0))


@at(SER)
def test_serial_transactions_are_never_refused(bank):
    t1, t2, t3, test = bank.t1, bank.t2, bank.t3, bank.test
    for each in (t1, t2, t3):
        each.rollback()
        each.begin(SER)
        each.select(test)
        each.update(test, with_id(1), lambda row: (1, row[1] + 1))
        each.commit()
    assert bank.all_rows() == [(1, 13), (2, 20)]
    assert not bank.system.serializable.known and not bank.system.serializable.marks


@at(SER)
def test_a_read_only_transaction_with_a_safe_snapshot_is_not_tracked(bank):
    for each in (bank.t1, bank.t2, bank.t3):
        each.rollback()
    reader = Session(bank.system, 20).begin(SER, is_read_only=True)
    assert reader.select(bank.test) == [(1, 10), (2, 20)]
    assert not bank.system.serializable.known
    reader.commit()


@at(SER)
def test_deferrable_waits_for_a_safe_snapshot(bank):
    t1, test = bank.t1, bank.test
    t1.select(test)
    t1.update(test, with_id(1), to(11))
    reader = Session(bank.system, 20).begin(SER, is_read_only=True, is_deferrable=True)
    assert reader.begin_to(reader.select, test).waits
    t1.commit()
    assert reader.result() == [(1, 10), (2, 20)]  # Safe, though from before.
    reader.commit()
