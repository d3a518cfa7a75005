"""Merged commands have the effect of the commands that they were made of."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.broker.merging import merged
from services.broker.places import commands_to_create, commands_to_move
from services.broker.states import State
from services.broker.tests.support import record, running
from services.kvdb.client import Command, KVClient

MEMBERS = st.sampled_from(["a", "b", "c"])


def commands_on(verb: str, *arguments: st.SearchStrategy) -> st.SearchStrategy[Command]:
    kind = {"Z": "zset", "S": "set", "R": "list", "L": "list", "H": "hash"}[verb[0]]
    keys = st.sampled_from([f"{kind}:1", f"{kind}:2"])
    return st.tuples(st.just(verb), keys, *arguments)


COMMANDS = st.lists(
    st.one_of(
        commands_on("ZADD", st.integers(0, 3), MEMBERS),
        commands_on("ZREM", MEMBERS),
        commands_on("SADD", MEMBERS),
        commands_on("SREM", MEMBERS),
        commands_on("RPUSH", MEMBERS),
        commands_on("LPUSH", MEMBERS),
        commands_on("LREM", st.just(1), MEMBERS),
        commands_on("HSET", MEMBERS, st.integers(0, 3)),
        st.tuples(st.just("SET"), st.sampled_from(["k1", "k2"]), st.integers(0, 9)),
        st.tuples(st.just("SET"), st.just("k1"), st.integers(0, 9), st.just("PX"), st.just(99999)),
        st.tuples(st.just("DEL"), st.sampled_from(["k1", "zset:1", "list:2"])),
        st.just(("DEL", "k2", "set:1", "list:1")),
    ),
    max_size=12,
)


def state_after(kv: KVClient, commands: list[Command]) -> dict[bytes, object]:
    kv.execute("FLUSHDB")
    if commands:
        kv.transaction(*commands)
    read = {
        b"zset": lambda key: kv.execute("ZRANGE", key, 0, -1, "WITHSCORES"),
        b"set": lambda key: sorted(kv.execute("SMEMBERS", key)),
        b"list": lambda key: kv.execute("LRANGE", key, 0, -1),
        b"hash": lambda key: sorted(kv.execute("HGETALL", key)),
    }
    return {
        key: read.get(key.partition(b":")[0], lambda key: kv.execute("GET", key))(key)
        for key in kv.execute("KEYS", "*")
    }


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(commands=COMMANDS)
def test_the_effect_is_the_same(kv: KVClient, commands: list[Command]):
    assert state_after(kv, merged(commands)) == state_after(kv, commands)


def test_many_submissions_become_few_commands():
    tasks = [record(f"t{number}") for number in range(100)]
    commands = [one for task in tasks for one in commands_to_create(task)]
    assert [command[0] for command in merged(commands)] == ["MSET", "ZADD", "SADD", "RPUSH"]


def test_steps_of_several_tasks_are_merged():
    tasks = [running(record(f"t{number}")) for number in range(3)]
    ends = [(task, task.moved_to(State.FAILED, task.entered_at_ms)) for task in tasks]
    commands = merged(one for step in ends for one in commands_to_move(*step, "s1"))
    assert sorted(command[0] for command in commands) == sorted(
        ["ZREM", "ZADD", *["LREM"] * 3, *["SET"] * 3, *["PUBLISH"] * 3]
    )
