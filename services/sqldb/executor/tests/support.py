"""Tables in memory and short names for expressions, so that a test can write its plan by hand."""

from __future__ import annotations

from services.sqldb.catalog import definitions as d
from services.sqldb.executor.compiler import compile_plan
from services.sqldb.executor.execution import Execution
from services.sqldb.functions import builtin_library, find_cast, resolve_function, resolve_operator
from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as n
from services.sqldb.storage.heap import Heap
from services.sqldb.storage.heap_index import HeapIndex
from services.sqldb.storage.index_key import IndexKey, KeyColumn
from services.sqldb.transactions.system import TransactionSystem
from services.sqldb.transactions.transaction import Isolation
from services.sqldb.types import BOOL, INT4, TEXT, PlainContext, type_by_oid

LIBRARY = builtin_library()


class World:
    """A database without files: what `Execution` asks for, and a transaction to work in."""

    def __init__(self) -> None:
        self.system = TransactionSystem(lambda writes, transaction: None)
        self.system.latch.acquire()
        self.heaps: dict[int, Heap] = {}
        self.indexes: dict[int, HeapIndex] = {}
        self.sequence = 0
        self.watchers: dict[int, object] = {}
        self._oid = 20000

    def table(self, name: str, columns: dict[str, object], required: tuple = ()) -> d.Table:
        self._oid += 1
        made = d.Table(
            self._oid,
            2200,
            name,
            tuple(
                d.Column(column, type_.oid, is_not_null=column in required)
                for column, type_ in columns.items()
            ),
        )
        self.heaps[made.oid] = Heap(made.oid, name, "public")
        return made

    def index(self, table: d.Table, *columns: int, unique: bool = False) -> d.Index:
        self._oid += 1
        heap = self.heaps[table.oid]
        name = f"{table.name}_index"
        key = IndexKey([KeyColumn() for _ in columns], columns)
        made = HeapIndex(heap, self._oid, name, key, is_unique=unique, identifies=unique)
        heap.indexes.append(made)
        made.build()
        self.indexes[self._oid] = made
        keys = tuple(d.IndexKey(column) for column in columns)
        return d.Index(self._oid, 2200, name, table.oid, keys, is_unique=unique)

    def fill(self, table: d.Table, rows) -> None:
        transaction = self.begin()
        for row in rows:
            self.heaps[table.oid].insert(transaction, row)
        transaction.commit()

    def begin(self, isolation: Isolation = Isolation.READ_COMMITTED):
        return self.system.begin(self.system.backend(1), isolation)

    # What an Execution asks for.

    def heap(self, oid: int) -> Heap:
        return self.heaps[oid]

    def index_of(self, oid: int) -> HeapIndex:
        return self.indexes[oid]

    def system_rows(self, oid: int, context) -> list:
        return [(1, "one"), (2, "two")]

    def next_value(self, oid: int, context) -> int:
        self.sequence += 1
        return self.sequence

    def type_of(self, oid: int):
        return type_by_oid(oid)

    def row_changes(self, oid: int, run):
        return self.watchers.get(oid)

    def execution(self, transaction, parameters: tuple = (), **limits) -> Execution:
        snapshot = transaction.begin_statement()
        database = Facade(self)
        return Execution(database, transaction, snapshot, PlainContext(), parameters, **limits)

    def run(self, plan, output, parameters: tuple = (), transaction=None, **limits) -> list:
        """The rows; in a transaction of its own, which is committed, if none is given."""
        compiled = compile_plan(plan, None if output is None else tuple(output))
        own = transaction or self.begin()
        run = self.execution(own, parameters, **limits)
        rows = list(compiled.rows(run))
        own.end_statement()
        self.affected = run.affected
        if transaction is None:
            own.commit()
        return rows


class Facade:
    """`World` under the names of `Database`."""

    def __init__(self, world: World):
        self.heap = world.heap
        self.index = lambda table_oid, oid: world.index_of(oid)
        self.system_rows = world.system_rows
        self.next_value = world.next_value
        self.type_of = world.type_of
        self.row_changes = world.row_changes


def constant(value, type_=None) -> ex.Constant:
    if type_ is None:
        type_ = BOOL if isinstance(value, bool) else TEXT if isinstance(value, str) else INT4
    return ex.Constant(type_, value)


def column(relation: int, index: int, type_=INT4) -> ex.Column:
    return ex.Column(type_, relation, index)


def operator(name: str, left, right) -> ex.Call:
    found = resolve_operator(name, left.type, right.type)
    arguments = tuple(
        converted(item, wanted) for item, wanted in ((left, found.left), (right, found.right))
    )
    return ex.Call(found.result_type, found.function, arguments, spelling=name)


def converted(expression, type_):
    if expression.type == type_:
        return expression
    cast = find_cast(expression.type, type_, "e")
    if cast.function is None:
        return ex.Relabel(type_, expression)
    return ex.Call(type_, cast.function, (expression,))


def call(name: str, *arguments) -> ex.Call:
    found = resolve_function(name, [argument.type for argument in arguments])
    return ex.Call(found.result_type, found.function, arguments)


def aggregate(name: str, *arguments, **options) -> ex.AggregateCall:
    found = resolve_function(name, [argument.type for argument in arguments])
    return ex.AggregateCall(found.result_type, found.function, arguments, **options)


def equal(left, right) -> ex.Call:
    return operator("=", left, right)


def scan(table: d.Table, relation: int) -> n.Scan:
    return n.Scan(relation, table)


def values(relation: int, *rows) -> n.Values:
    return n.Values(relation, tuple(tuple(constant(item) for item in row) for row in rows))
