"""Definitions in transactions: seen, isolated, taken back, recovered."""

import pytest

from services.sqldb.catalog.catalog import CATALOG_HEAP_OID, Catalog
from services.sqldb.catalog.definitions import (
    PUBLIC_SCHEMA_OID,
    Column,
    Constraint,
    ConstraintKind,
    EnumType,
    ForeignKeyAction,
    Index,
    IndexKey,
    Role,
    Schema,
    Statistics,
    Table,
    TableKind,
)
from services.sqldb.catalog.lookup import Lookup
from services.sqldb.catalog.records import from_record, to_record
from services.sqldb.storage.heap import Heap
from services.sqldb.transactions.system import TransactionSystem


class Database:
    def __init__(self, heap=None):
        self.system = TransactionSystem(lambda writes, transaction: None)
        self.system.latch.acquire()
        self.heap = heap or Heap(CATALOG_HEAP_OID)
        self.catalog = Catalog(self.heap)
        self.pids = 0

    def begin(self):
        self.pids += 1
        return self.system.begin(self.system.backend(self.pids))

    def view(self, transaction):
        return self.catalog.view(transaction)


@pytest.fixture
def database():
    return Database()


def table(view, name="t"):
    columns = (Column("id", 23, is_not_null=True), Column("name", 25, default="'x'::text"))
    return Table(view.new_oid(), PUBLIC_SCHEMA_OID, name, columns)


def names(database, transaction=None):
    lookup = Lookup(database.view(transaction or database.begin()))
    return {one.name for one in lookup.view.state.all(Table)}


def test_others_see_a_table_when_it_is_committed(database):
    mine, other = database.begin(), database.begin()
    database.view(mine).put(table(database.view(mine)))
    assert names(database, mine) == {"t"}
    assert names(database, other) == set()
    version = database.view(other).version
    mine.commit()
    assert names(database, other) == {"t"}
    assert database.view(other).version != version


def test_a_rollback_takes_it_back(database):
    mine = database.begin()
    view = database.view(mine)
    view.put(table(view))
    version = view.version
    mine.rollback()
    assert names(database) == set()
    assert database.view(database.begin()).version != version


def test_savepoints(database):
    mine = database.begin()
    mine.savepoint("first")
    database.view(mine).put(table(database.view(mine), "lost"))
    mine.rollback_to("first")
    assert names(database, mine) == set()
    database.view(mine).put(table(database.view(mine), "kept"))
    mine.savepoint("second")
    database.view(mine).put(table(database.view(mine), "lost"))
    mine.rollback_to("second")
    assert names(database, mine) == {"kept"}
    mine.commit()
    assert names(database) == {"kept"}


def test_two_transactions_change_different_tables(database):
    one, two = database.begin(), database.begin()
    database.view(one).put(table(database.view(one), "a"))
    database.view(two).put(table(database.view(two), "b"))
    one.commit()
    assert names(database, two) == {"a", "b"}
    two.commit()
    assert names(database) == {"a", "b"}


def test_what_is_dropped_is_gone_with_its_name(database):
    mine = database.begin()
    view = database.view(mine)
    made = table(view)
    view.put(made)
    mine.commit()
    mine = database.begin()
    database.view(mine).remove(made.oid)
    assert names(database, mine) == set()
    mine.rollback()
    assert names(database) == {"t"}
    mine = database.begin()
    database.view(mine).remove(made.oid)
    mine.commit()
    assert names(database) == set()
    mine = database.begin()
    database.view(mine).put(table(database.view(mine)))
    mine.commit()
    assert names(database) == {"t"}


def test_recovery_finds_what_was_there(database):
    mine = database.begin()
    view = database.view(mine)
    made = table(view)
    view.put(made)
    view.put(EnumType(view.new_oid(), view.new_oid(), PUBLIC_SCHEMA_OID, "mood", ((1.0, "ok"),)))
    view.remove(PUBLIC_SCHEMA_OID)
    mine.commit()
    again = Database(database.heap)
    again.catalog.load()
    view = again.view(again.begin())
    assert view.state.get(made.oid) == made
    assert view.state.find("schema", 0, "public") is None
    assert view.new_oid() > made.oid + 2


def test_parts_of_a_table(database):
    mine = database.begin()
    view = database.view(mine)
    parent, child = table(view, "parent"), table(view, "child")
    view.put(parent)
    view.put(child)
    index = Index(view.new_oid(), PUBLIC_SCHEMA_OID, "i", child.oid, (IndexKey(0),))
    key = Constraint(
        view.new_oid(),
        PUBLIC_SCHEMA_OID,
        "fk",
        ConstraintKind.FOREIGN_KEY,
        child.oid,
        foreign_table_oid=parent.oid,
    )
    view.put(index)
    view.put(key)
    lookup = Lookup(view)
    assert lookup.indexes_of(child) == [index]
    assert lookup.constraints_of(child) == lookup.references_to(parent) == [key]
    assert lookup.constraints_of(parent) == lookup.references_to(child) == []
    view.remove(key.oid)
    assert lookup.references_to(parent) == []


def test_the_search_path(database):
    mine = database.begin()
    view = database.view(mine)
    other = Schema(view.new_oid(), "other")
    view.put(other)
    here = table(view)
    view.put(here)
    there = Table(view.new_oid(), other.oid, "t", ())
    view.put(there)
    assert Lookup(view).table(None, "t") is here
    assert Lookup(view, ("other", "public")).table(None, "t") is there
    assert Lookup(view, ("nowhere",)).table(None, "t") is None
    assert Lookup(view).table("other", "t") is there
    assert Lookup(view, ("other", "public")).is_visible(here) is False


def test_types_of_users(database):
    mine = database.begin()
    view = database.view(mine)
    oid, array_oid = view.new_oid(), view.new_oid()
    view.put(EnumType(oid, array_oid, PUBLIC_SCHEMA_OID, "mood", ((1.0, "sad"), (2.0, "ok"))))
    lookup = Lookup(view)
    mood = lookup.type(None, "mood")
    assert mood.oid == oid
    assert mood.parse("sad", -1, None) < mood.parse("ok", -1, None)
    assert lookup.types.by_oid(array_oid).element == mood
    assert lookup.type("public", "_mood").oid == array_oid


@pytest.mark.parametrize(
    "definition",
    [
        Table(20000, 2200, "t", (Column("a", 23, is_not_null=True),), TableKind.VIEW, 10, "x"),
        Index(20001, 2200, "i", 20000, (IndexKey(0, is_descending=True), IndexKey(-1, "lower(a)"))),
        Constraint(
            20002, 2200, "c", ConstraintKind.FOREIGN_KEY, 20000, (0, 1),
            on_delete=ForeignKeyAction.CASCADE,
        ),
        Statistics(20003, 20000, 0, 5.0, most_common=(((1, "a"), 0.5),), histogram=(1, 2)),
        Role(20004, "r", member_of=(10,)),
    ],
)  # fmt: skip
def test_records(definition):
    assert from_record(to_record(definition)) == definition


def test_a_record_of_another_version_of_the_code():
    kind, pairs = to_record(Role(20004, "r"))
    fewer = tuple(pair for pair in pairs if pair[0] != "password")
    assert from_record((kind, (*fewer, ("of_the_future", 1)))) == Role(20004, "r")
