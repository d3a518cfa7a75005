"""What the data may take, while the process grows and shrinks."""

from services.kvdb.memory_budget import MemoryBudget

MB = 2**20
LIMIT = 100 * MB


class Process:
    def __init__(self, resident_mb):
        self.resident_mb = resident_mb

    def __call__(self):
        return self.resident_mb * MB


def ticks(budget, count, limit=LIMIT):
    for _ in range(count):
        budget.tick(limit)
    return budget.of(limit) / MB


def test_a_process_that_is_too_large_lets_the_data_take_less():
    process = Process(30)
    budget = MemoryBudget(process)
    assert ticks(budget, 10) == 100
    process.resident_mb = 131
    assert 96 < ticks(budget, 1) < 100
    process.resident_mb = 115
    kept = ticks(budget, 1)
    assert ticks(budget, 100) == kept
    process.resident_mb = 105
    assert ticks(budget, 1) > kept
    assert ticks(budget, 100) == 100


def test_what_is_free_goes_back_to_the_system_now_and_then():
    process, trims = Process(30), []
    budget = MemoryBudget(process, lambda: trims.append(1))
    ticks(budget, 50)
    assert not trims
    process.resident_mb = 131
    ticks(budget, 30)
    assert 5 <= len(trims) <= 10


def test_the_store_is_never_emptied():
    process = Process(30)
    budget = MemoryBudget(process)
    process.resident_mb = 1000
    assert 39 < ticks(budget, 1000) <= 40


def test_a_small_limit_is_about_the_data():
    budget = MemoryBudget(Process(30))
    for limit in (1, 1000, 59 * MB):
        budget.tick(limit)
        assert budget.of(limit) == limit
