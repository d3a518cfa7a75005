"""The ACL as redis-py uses it, in both versions of the protocol."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from services.kvdb.tests.serving import TIMEOUT_S, Running, serving


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    with serving(acl_file=str(tmp_path / "users.acl")) as running:
        yield running


@pytest.fixture(params=[2, 3])
def admin(running: Running, request: pytest.FixtureRequest) -> Iterator[redis.Redis]:
    client = connect(running, protocol=request.param)
    yield client
    client.close()


def connect(running: Running, **options: object) -> redis.Redis:
    return redis.Redis(
        port=running.port, decode_responses=True, socket_timeout=TIMEOUT_S, **options
    )


def test_users(running: Running, admin: redis.Redis):
    assert admin.acl_whoami() == "default"
    assert admin.acl_setuser(
        "ada",
        enabled=True,
        passwords=["+secret"],
        categories=["+@read", "-@dangerous"],
        commands=["+set", "+client|id"],
        keys=["user:*"],
        channels=["news.*"],
        selectors=[("+mget", "%R~shared:*")],
    )
    user = admin.acl_getuser("ada")
    assert user["enabled"] is True
    assert len(user["passwords"]) == 1
    assert {"+@read", "+set"} <= {*user["categories"], *user["commands"]}
    assert admin.acl_users() == ["ada", "default"]
    assert len(admin.acl_list()) == 2
    with connect(running, username="ada", password="secret") as ada:
        assert ada.set("user:1", "x") is True
        assert ada.mget("shared:1") == [None]
        with pytest.raises(redis.exceptions.NoPermissionError):
            ada.get("other")
        with pytest.raises(redis.exceptions.NoPermissionError):
            ada.publish("weather", "rain")
    assert admin.acl_deluser("ada") == 1
    assert admin.acl_getuser("ada") is None


def test_the_wrong_password(running: Running, admin: redis.Redis):
    admin.acl_log_reset()
    nobody = connect(running, username="ada", password="wrong", retry=Retry(NoBackoff(), 0))
    with nobody, pytest.raises(redis.exceptions.AuthenticationError):
        nobody.ping()
    (entry,) = admin.acl_log()
    assert (entry["reason"], entry["username"]) == ("auth", "ada")
    assert "default" in str(entry["client-info"])
    assert admin.acl_log_reset() is True
    assert admin.acl_log() == []


def test_asking(admin: redis.Redis):
    assert "string" in admin.acl_cat()
    assert "mget" in admin.acl_cat("read")
    assert len(admin.acl_genpass(32)) == 8
    assert "ACL <subcommand>" in admin.acl_help()[0]
    admin.acl_setuser("ada", reset=True, commands=["+get"], keys=["a*"])
    assert admin.acl_dryrun("ada", "get", "a1") == "OK"
    assert "no permissions to access the 'b' key" in admin.acl_dryrun("ada", "get", "b")


def test_the_file(admin: redis.Redis):
    admin.acl_setuser("ada", enabled=True, nopass=True, commands=["+get"])
    assert admin.acl_save() is True
    admin.acl_setuser("bob", enabled=True)
    assert admin.acl_load() is True
    assert admin.acl_users() == ["ada", "default"]


def test_what_commands_say_of_their_keys(admin: redis.Redis):
    assert admin.command_getkeys("SORT", "a", "STORE", "b") == ["a", "b"]
    ((key, access),) = admin.command_getkeysandflags("SET", "a", "1")
    assert (key, set(access)) == ("a", {"OW", "update"})
