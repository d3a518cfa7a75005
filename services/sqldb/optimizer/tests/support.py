"""A planner's catalog over the tables of the executor's tests."""

from services.sqldb.executor.tests.support import World
from services.sqldb.optimizer.costs import Costs
from services.sqldb.optimizer.estimates import Estimator
from services.sqldb.optimizer.index_forms import IndexForm, plain_form
from services.sqldb.optimizer.passes import PASSES
from services.sqldb.types import type_by_oid


class WorldCatalog:
    """What the optimizer asks, answered by a `World`."""

    def __init__(self, world: World):
        self._world = world
        self.indexes: dict[int, list] = {}
        self.statistics: dict[int, list] = {}
        self.costs = Costs()

    def indexes_of(self, table) -> list:
        return self.indexes.get(table.oid, [])

    def row_count(self, table) -> float:
        return float(len(self._world.heaps[table.oid].rows))

    def statistics_of(self, table) -> list:
        return self.statistics.get(table.oid, [])

    def form_of(self, table, index) -> IndexForm:
        return plain_form(index, [type_by_oid(column.type_oid) for column in table.columns])


def all_stages(plan, catalog) -> list:
    """The plan after each pass, the original first."""
    estimator = Estimator(catalog)
    stages = [("bound", plan)]
    for one in PASSES:
        plan = one.run(plan, estimator)
        stages.append((one.name, plan))
    return stages


def optimized(plan, catalog):
    return all_stages(plan, catalog)[-1][1]
