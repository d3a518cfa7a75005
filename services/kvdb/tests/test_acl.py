"""The ACL within: rules and users, the guard, the file, clients that lose their user."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.common.json_lines import encode_line
from services.common.resp import encode_request
from services.kvdb.acl_categories import CATEGORIES
from services.kvdb.acl_file import AclFileError, load_users
from services.kvdb.acl_log import AclLog, Entry
from services.kvdb.acl_rules import (
    RuleError,
    UnmatchedParenthesis,
    apply_rule,
    describe,
    joined_selectors,
)
from services.kvdb.acl_selector import Catalog, Selector
from services.kvdb.acl_user import User, new_user
from services.kvdb.commands import command_table
from services.kvdb.dispatch import INTERNAL_ERROR
from services.kvdb.tests.serving import Process, receive_all, serving
from services.kvdb.tests.support import Console

CATALOG = Catalog(command_table())


def user_of(*rules: str) -> User:
    user = new_user(b"ada", CATALOG)
    for rule in rules:
        apply_rule(user, rule.encode(), has_all_channels=False)
    return user


def permitted(selector: Selector) -> tuple:
    """All that makes a difference: a command that is permitted needs no first words."""
    words = {name: it for name, it in selector.first_words.items() if name not in selector.commands}
    keys = selector.has_all_keys, selector.keys
    return selector.commands, selector.is_open, words, keys, selector.channels


def may(user: User, line: str) -> bool:
    request = line.encode().split()
    name = request[0]
    command = CATALOG.find(name + b"|" + request[1] if name == b"client" else name)
    return user.denial(command, request) is None


# Rules.


def test_a_new_user_may_nothing_but_log_in():
    user = user_of()
    assert not may(user, "get a")
    assert not may(user, "ping")
    assert may(user, "auth ada secret")
    assert not user.accepts(b"")


def test_rules_apply_from_left_to_right():
    assert not may(user_of("~*", "+@all", "-@write"), "set a 1")
    assert may(user_of("~*", "+@all", "-@write", "+set"), "set a 1")
    assert not may(user_of("~*", "-@write", "+set", "nocommands"), "set a 1")


def test_a_family_stands_for_its_subcommands():
    assert may(user_of("+client"), "client id")
    assert not may(user_of("+client", "-client|id"), "client id")
    assert may(user_of("+client", "-client|id"), "client getname")
    assert not may(user_of("+client|getname"), "client id")


def test_selectors_do_not_add_up():
    user = user_of("(+set ~a*)", "(+get ~b*)")
    assert may(user, "set a1 1")
    assert may(user, "get b1")
    assert not may(user, "get a1")


def test_permission_to_read_and_to_write():
    user = user_of("+@all", "%R~r*", "%W~w*")
    assert may(user, "get r1")
    assert not may(user, "set r1 1")
    assert may(user, "set w1 1")
    assert not may(user, "getset w1 1")
    assert may(user, "copy r1 w1")
    assert not may(user, "copy w1 r1")
    assert may(user, "exists w1"), "whether there is a key, who may only write may know"


def test_a_pattern_to_subscribe_to_has_to_be_listed_itself():
    user = user_of("+@pubsub", "&news.*")
    assert may(user, "subscribe news.sport")
    assert may(user, "psubscribe news.*")
    assert not may(user, "psubscribe news.sport")
    assert may(user, "punsubscribe other")


@pytest.mark.parametrize(
    "rule", ["+nosuch", "+@nosuch", "~a b", "%X~a", "%~a", "#short", "<unknown", "(+get", "x"]
)
def test_wrong_rules_are_refused(rule: str):
    with pytest.raises(RuleError):
        user_of(rule)


def test_a_pattern_after_all_of_them_is_refused():
    with pytest.raises(RuleError, match="resetkeys"):
        user_of("~*", "~a")
    with pytest.raises(RuleError, match="resetchannels"):
        user_of("&*", "&a")


def test_selectors_may_come_in_several_words():
    assert joined_selectors([b"on", b"(+get", b"~a*", b")", b"+set"]) == [
        b"on",
        b"(+get ~a* )",
        b"+set",
    ]
    with pytest.raises(UnmatchedParenthesis):
        joined_selectors([b"(+get", b"~a*"])


def test_passwords_are_kept_as_hashes():
    user = user_of("on", ">secret", ">other")
    assert user.accepts(b"secret")
    assert user.accepts(b"other")
    assert not user.accepts(b"wrong")
    assert b"secret" not in describe(user)
    apply_rule(user, b"<secret", has_all_channels=False)
    assert not user.accepts(b"secret")


MARKS = [bytes([mark]) for mark in b"+-~%&><#!()"]
NAMES = ["get", "set", "config", "config|get", "client|id", "select|0", "xinfo", "memory|doctor"]
RULES = st.one_of(
    st.sampled_from([f"{sign}{name}" for sign in "+-" for name in NAMES if "|0" not in name]),
    st.sampled_from([f"{sign}@{name}" for sign in "+-" for name in (*CATEGORIES, "all")]),
    st.sampled_from(["+select|0", "+select|1", "~a*", "%R~b*", "%W~c*", "resetkeys", "&x", "&y*"]),
    st.sampled_from(
        ["resetchannels", "on", "off", "nopass", ">p", "resetpass", "(+get ~z)", "reset"]
    ),
)


@settings(max_examples=60, deadline=None, database=None)
@given(st.lists(RULES, max_size=8))
def test_the_description_makes_the_same_user(rules: list[str]):
    user = user_of(*rules)
    again = new_user(b"ada", CATALOG)
    for rule in joined_selectors(describe(user).split(b" ")):
        apply_rule(again, rule, has_all_channels=False)
    assert describe(again) == describe(user)
    assert list(map(permitted, again.selectors)) == list(map(permitted, user.selectors))
    assert (again.is_on, again.passwords) == (user.is_on, user.passwords)


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_category_is_described_as_itself(category: str):
    assert describe(user_of(f"+@{category}")).endswith(f"-@all +@{category}".encode())
    assert describe(user_of("+@all", f"-@{category}")).endswith(f"+@all -@{category}".encode())


# The guard.


def test_the_default_user_is_not_looked_at():
    console = Console()
    assert not console.client.is_guarded
    console("ACL", "SETUSER", "default", "-debug")
    assert console.client.is_guarded
    console("ACL", "SETUSER", "default", "+@all")
    assert not console.client.is_guarded


def test_a_user_of_all_permissions_is_not_looked_at():
    console = Console()
    console("ACL", "SETUSER", "ada", "on", "nopass", "+@all", "~*", "&*")
    console("AUTH", "ada", "x")
    assert not console.client.is_guarded
    console("ACL", "SETUSER", "ada", "resetchannels")
    assert console.client.is_guarded


def test_a_password_that_is_set_later_is_asked_of_new_clients_only():
    console = Console()
    assert console("CONFIG", "SET", "requirepass", "secret") is not None
    assert console("GET", "a") is None
    other = Console(console.engine)
    assert other("GET", "a") == "NOAUTH Authentication required."
    assert str(other("AUTH", "wrong")).startswith("WRONGPASS")
    assert str(other("AUTH", "secret")) == "OK"
    assert other("GET", "a") is None
    other("RESET")
    assert other("GET", "a") == "NOAUTH Authentication required."


def test_queued_commands_are_looked_at_twice():
    console = Console()
    console("ACL", "SETUSER", "ada", "on", "nopass", "~*", "+multi", "+exec", "+set")
    ada = Console(console.engine)
    ada("AUTH", "ada", "x")
    ada("MULTI")
    assert str(ada("GET", "a")).startswith("NOPERM")
    assert str(ada("EXEC")).startswith("EXECABORT")
    ada("MULTI")
    ada("SET", "a", 1)
    console("ACL", "SETUSER", "ada", "-set")
    (reply,) = ada("EXEC")
    assert "no longer allowed" in str(reply)
    assert console("GET", "a") is None


def test_with_one_wrong_rule_nothing_changes():
    console = Console()
    console("ACL", "SETUSER", "ada", "on", ">secret", "+get")
    before = console("ACL", "LIST")
    assert "Syntax error" in console("ACL", "SETUSER", "ada", "off", "+set", "nonsense")
    assert console("ACL", "LIST") == before


def test_passwords_are_not_shown_in_the_slow_log():
    console = Console()
    console("CONFIG", "SET", "slowlog-log-slower-than", 0)
    console("ACL", "SETUSER", "ada", ">secret")
    shown = repr(console("SLOWLOG", "GET"))
    assert "SETUSER" in shown
    assert "secret" not in shown


def test_genpass_makes_as_many_bits_as_asked_for():
    console = Console()
    assert len(console("ACL", "GENPASS")) == 64
    assert len(console("ACL", "GENPASS", 5)) == 2
    assert console("ACL", "GENPASS") != console("ACL", "GENPASS")


@pytest.mark.parametrize(
    ("sent", "error"),
    [(b"*100\r\n", b"multibulk length"), (b"*1\r\n$100000000\r\n", b"bulk length")],
)
def test_who_has_not_logged_in_may_only_send_small_requests(sent: bytes, error: bytes):
    with serving(password="secret") as server, server.connect() as sock:
        sock.sendall(sent)
        assert receive_all(sock) == b"-ERR Protocol error: unauthenticated " + error + b"\r\n"


def test_a_large_request_may_follow_the_password_at_once():
    value = b"v" * 100_000
    requests = [[b"AUTH", b"secret"], [b"SET", b"a", value], [b"MGET", *[b"a"] * 12], [b"QUIT"]]
    with serving(password="secret") as server, server.connect() as sock:
        sock.sendall(b"".join(encode_request(request) for request in requests))
        replies = receive_all(sock)
    assert replies.startswith(b"+OK\r\n+OK\r\n*12\r\n$100000\r\n")
    assert replies.count(value) == 12


def test_over_json_the_same_rules_hold():
    with serving(password="secret") as server, server.connect() as sock:
        for message in (
            {"command": "GET", "args": {"key": "a"}},
            {"command": "AUTH", "args": {"password": "wrong"}},
            {"command": "AUTH", "args": {"password": "secret"}},
            {"command": "GET", "args": {"key": "a"}},
            {"command": "AUTH", "args": {"username": "ada", "password": "x"}},
        ):
            sock.sendall(encode_line(message))
        sock.shutdown(1)
        lines = receive_all(sock).splitlines()
    assert [b"OK" in line for line in lines] == [False, False, True, True, False]
    assert b"NOAUTH" in lines[0]
    assert b"WRONGPASS" in lines[4]


def test_over_json_a_user_is_restricted():
    with serving() as server, server.connect() as sock:
        server.client().execute("ACL", "SETUSER", "ada", "on", ">x", "+get", "~a")
        for message in (
            {"command": "AUTH", "args": {"username": "ada", "password": "x"}},
            {"command": "GET", "args": {"key": "a"}},
            {"command": "GET", "args": {"key": "b"}},
            {"command": "SET", "args": {"key": "a", "value": "1"}},
        ):
            sock.sendall(encode_line(message))
        sock.shutdown(1)
        lines = receive_all(sock).splitlines()
    assert [b"OK" in line for line in lines] == [True, True, False, False]
    assert b"NOPERM" in lines[2]


def test_the_clients_of_a_deleted_user_are_closed():
    with serving() as server:
        admin, victim, waiting = server.client(), server.client(), server.connect()
        admin.execute("ACL", "SETUSER", "ada", "on", "nopass", "+@all", "~*")
        victim.execute("AUTH", "ada", "x")
        waiting.sendall(b"AUTH ada x\r\nBLPOP list 0\r\n")
        server.wait_until(lambda: any(it.blocked for it in server.engine.clients))
        assert admin.execute("ACL", "DELUSER", "ada") == 1
        assert receive_all(waiting) == b"+OK\r\n"
        server.wait_until(lambda: len(server.engine.clients) == 1)
        assert admin.execute("ACL", "USERS") == [b"default"]
        for it in (admin, victim, waiting):
            it.close()


NONSENSE = st.one_of(
    st.binary(max_size=6),
    st.builds(lambda mark, rest: mark + rest, st.sampled_from(MARKS), st.binary(max_size=5)),
    st.sampled_from(
        [b"reset", b"(", b")", b"(+get ~a", b"+get|", b"+config|get|x", b"+@", b"%RW~"]
    ),
)


@settings(max_examples=150, deadline=None, database=None)
@given(
    st.sampled_from(["SETUSER", "GETUSER", "DELUSER", "CAT", "GENPASS", "LOG", "DRYRUN", "LIST"]),
    st.lists(NONSENSE, max_size=6),
)
def test_nonsense_is_an_error_of_the_client(subcommand: str, words: list[bytes]):
    console = Console()
    assert console("ACL", subcommand, *words) != INTERNAL_ERROR
    assert console("ACL", "SETUSER", "ada", *words) != INTERNAL_ERROR
    assert console("ACL", "DRYRUN", "ada", *words) != INTERNAL_ERROR
    for listing in (console("ACL", "LIST"), console("ACL", "LOG")):
        assert isinstance(listing, list)


# The log.


def entry(item: bytes, at_ms: int) -> Entry:
    return Entry("key", "toplevel", item, b"ada", at_ms, b"")


def test_the_same_again_is_counted_and_comes_to_the_front():
    log = AclLog()
    for item, at_ms in [(b"a", 0), (b"b", 10), (b"a", 20)]:
        log.note(entry(item, at_ms), 128)
    assert [(it.item, it.count, it.at_ms) for it in log.entries] == [(b"a", 2, 20), (b"b", 1, 10)]
    log.note(entry(b"a", 60_021), 128)
    assert [it.count for it in log.entries] == [1, 2, 1], "more than a minute later it is new"


def test_the_log_has_a_limit():
    log = AclLog()
    for number in range(20):
        log.note(entry(b"%d" % number, 0), 5)
    assert [it.item for it in log.entries] == [b"19", b"18", b"17", b"16", b"15"]
    log.note(entry(b"x", 0), 0)
    assert log.entries == []


# The file.


def load(path: Path) -> dict[bytes, User]:
    return load_users(str(path), CATALOG, has_all_channels=False)


def test_all_mistakes_of_a_file_are_named_and_nothing_is_taken(tmp_path: Path):
    path = tmp_path / "users.acl"
    path.write_bytes(
        b"user ada on +nosuch\n\nuser ada off\nuser bob >\nadmin x\nuser eve #short\nuser z (+get\n"
    )
    with pytest.raises(AclFileError) as caught:
        load(path)
    text = str(caught.value)
    assert f"{path}:1: Error in applying operation '+nosuch': Unknown command" in text
    assert "Duplicate user 'ada' found on line 3" in text
    assert f"{path}:5 should start with user keyword" in text
    assert f"{path}:6: The password hash must be" in text
    assert f"{path}:7: Unmatched parenthesis" in text


@settings(max_examples=100, deadline=None, database=None)
@given(st.lists(st.one_of(NONSENSE, st.sampled_from([b"user", b"\n", b"user ada on"]))))
def test_any_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, words: list[bytes]):
    path = tmp_path_factory.getbasetemp() / "nonsense.acl"
    path.write_bytes(b" ".join(words))
    try:
        users = load(path)
    except AclFileError as error:
        assert "no change to the previously active" in str(error)
    else:
        assert all(describe(user) for user in users.values())


def test_a_file_that_is_not_there_is_refused(tmp_path: Path):
    with pytest.raises(AclFileError, match="No such file"):
        load(tmp_path / "nosuch.acl")


def test_load_takes_all_or_nothing(tmp_path: Path):
    path = tmp_path / "users.acl"
    path.write_bytes(b"user ada on >x ~* +@all\n")
    console = Console(acl_file=str(path))
    assert str(console("ACL", "LOAD")) == "OK"
    assert console("ACL", "USERS") == [b"ada", b"default"]
    path.write_bytes(b"user bob on >x ~* +@all\nuser eve nonsense\n")
    assert "no change to the previously active" in console("ACL", "LOAD")
    assert console("ACL", "USERS") == [b"ada", b"default"]


def test_load_closes_the_clients_of_the_users_that_it_replaces(tmp_path: Path):
    path = tmp_path / "users.acl"
    path.write_bytes(b"user ada on >x ~* +@all\n")
    console = Console(acl_file=str(path))
    console("ACL", "LOAD")
    ada = Console(console.engine)
    ada("AUTH", "ada", "x")
    console("ACL", "LOAD")
    assert ada.client.is_leaving
    assert not console.client.is_leaving


def test_a_file_without_the_default_user_does_not_open_the_door(tmp_path: Path):
    path = tmp_path / "users.acl"
    path.write_bytes(b"user ada on >x ~* +@all\n")
    console = Console(acl_file=str(path), password="secret")
    console("AUTH", "secret")
    console("ACL", "LOAD")
    other = Console(console.engine)
    assert other("GET", "a") == "NOAUTH Authentication required."
    assert str(other("AUTH", "secret")) == "OK"


def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path):
    console = Console(acl_file=str(tmp_path / "nosuch" / "users.acl"))
    assert "There was an error trying to save the ACLs" in console("ACL", "SAVE")


def test_users_survive_a_restart(tmp_path: Path):
    path, data = tmp_path / "users.acl", tmp_path / "data"
    path.touch()
    process = Process(data, "--acl-file", str(path))
    client = process.client()
    rules = ["on", ">secret", "~a*", "+@read", "&news", "(+set ~b*)", "+config|get"]
    client.execute("ACL", "SETUSER", "ada", *rules)
    client.execute("SET", "a1", "kept")
    client.execute("ACL", "SETUSER", "default", "-@admin", "+acl|save")
    users = client.execute("ACL", "SAVE")
    process.kill()
    assert users == "OK"
    process = Process(data, "--acl-file", str(path))
    client = process.client()
    with pytest.raises(Exception, match="NOPERM"):
        client.execute("ACL", "LIST")
    client.execute("AUTH", "ada", "secret")
    assert client.execute("GET", "a1") == b"kept", "what was written is replayed all the same"
    with pytest.raises(Exception, match="NOPERM"):
        client.execute("SET", "a1", "x")
    assert process.stop() == 0
    assert b"user ada on #" in path.read_bytes()
    assert b"secret" not in path.read_bytes()


def test_a_server_refuses_to_start_with_a_wrong_file(tmp_path: Path):
    path = tmp_path / "users.acl"
    path.write_bytes(b"user ada on +nosuch\n")
    process = Process(tmp_path / "data", "--acl-file", str(path))
    assert process.port == 0
    assert process.wait() == 1
    assert "Unknown command or category name" in process.log
