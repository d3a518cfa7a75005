"""The ledger: nodes compared, integers of any size, groups handed on."""

import contextlib
import json

import pytest

from services.web.application import Application
from services.web.dashboard.ledger.network import (
    MAX_ACCOUNTS,
    MAX_GROUPS,
    Agreement,
    Network,
    NodeStatus,
    compare,
)
from services.web.dashboard.tests.fakes import Browser, http_service, make_dashboard
from services.web.errors import HTTPError

LARGE = 10**30


def node(index, root="a", round=1, error=""):
    return NodeStatus("n", "h:1", round=round, index=index, state_root=root, error=error)


DOWN = node(None, error="refused")


@pytest.mark.parametrize(
    ("statuses", "agreement"),
    [
        ([node(5), node(5), node(5)], Agreement.AGREE),
        ([node(5), node(5), node(4, "b")], Agreement.CATCHING_UP),
        ([node(5), node(5, "b"), node(5)], Agreement.DISAGREE),
        ([node(5), node(5, round=2), node(5)], Agreement.DISAGREE),
        ([node(5), node(4, "b"), node(4, "c")], Agreement.DISAGREE),
        ([node(5), node(5), DOWN], Agreement.PARTIAL),
        ([node(5), node(4, "b"), DOWN], Agreement.PARTIAL),
        ([node(5), node(5, "b"), DOWN], Agreement.DISAGREE),
        ([node(5), DOWN, DOWN], Agreement.UNKNOWN),
        ([DOWN, DOWN, DOWN], Agreement.UNKNOWN),
        ([], Agreement.UNKNOWN),
    ],
)
def test_what_answers_side_by_side_say(statuses, agreement):
    assert compare(statuses) is agreement


class FakeNode:
    """Answers as a node does."""

    def __init__(self, root="a"):
        self.root = root
        self.digest = "d"
        self.messages = [json.dumps([{"sender": "HIPO", "receiver": "ada", "amount": LARGE}])]
        self.balances = {"ada": LARGE, "HIPO": -LARGE}
        self.asked = []
        self.list_is_readable = True
        self.app = Application("ledger")
        self._add_routes()

    def _add_routes(self):
        app = self.app

        @app.get("/status")
        def status(request):
            return {
                "state": "following",
                "round": 1,
                "index": len(self.messages),
                "state_root": self.root,
                "list_digest": self.digest,
            }

        @app.get("/balances")
        def balances(request):
            return {"round": 1, "balances": self.balances}

        @app.get("/groups/<int:index>")
        def group(request, index):
            self.asked.append(index)
            if not self.list_is_readable:
                raise HTTPError(503, "the list cannot be reached")
            return {"index": index, "message": self.messages[index], "applied": True}

        @app.post("/groups")
        def submit(request):
            self.asked.append(json.loads(request.body))
            return {"index": 1, "applied": True, "accepted": False, "detail": "overspending"}


@pytest.fixture
def nodes():
    nodes = [FakeNode(), FakeNode()]
    with contextlib.ExitStack() as stack:
        for fake in nodes:
            fake.url = stack.enter_context(http_service(fake.app))
        yield nodes


@pytest.fixture
def browser(nodes):
    dashboard = make_dashboard(ledger=tuple(fake.url for fake in nodes))
    yield Browser(dashboard)
    dashboard.stop()


@pytest.fixture
def network(nodes):
    return Network([fake.url for fake in nodes])


def test_the_page_gets_everything_at_once(browser):
    ledger = browser.get("/api/ledger").json()
    assert ledger["agreement"] == "agree"
    assert [node["name"] for node in ledger["nodes"]] == ["ledger-1", "ledger-2"]
    assert ledger["balances"] == [["HIPO", str(-LARGE)], ["ada", str(LARGE)]]
    assert ledger["round"] == 1
    assert [group["index"] for group in ledger["groups"]] == [0]


def test_nodes_that_disagree(nodes, browser):
    nodes[1].root = "b"
    assert browser.get("/api/ledger").json()["agreement"] == "disagree"


def test_only_new_groups_are_asked_for(nodes, network):
    nodes[0].messages = nodes[1].messages = ["[]"] * (MAX_GROUPS + 3)
    assert len(network.look()["groups"]) == MAX_GROUPS
    nodes[0].messages.append("[1]")
    newest = network.look()["groups"][0]
    assert (newest["index"], newest["message"]) == (MAX_GROUPS + 3, "[1]")
    asked = nodes[0].asked + nodes[1].asked
    assert sorted(asked) == sorted(set(asked))


@pytest.mark.parametrize("change", ["shorter", "another"])
def test_a_new_list_is_read_anew(nodes, network, change):
    for fake in nodes:
        fake.messages = ["old", "old"]
    network.look()
    for fake in nodes:
        fake.messages = ["new"] if change == "shorter" else ["new", "new"]
        fake.digest = "another"
    assert {group["message"] for group in network.look()["groups"]} == {"new"}


def test_without_the_list_the_rest_is_shown(nodes, network):
    for fake in nodes:
        fake.list_is_readable = False
    seen = network.look()
    assert seen["groups"] is None
    assert seen["balances"]
    assert seen["round"] == 1


def test_many_accounts_are_cut(nodes, network):
    for fake in nodes:
        fake.balances = {f"account-{number}": number for number in range(MAX_ACCOUNTS + 5)}
    seen = network.look()
    assert len(seen["balances"]) == MAX_ACCOUNTS
    assert seen["accounts_total"] == MAX_ACCOUNTS + 5


def test_a_group_is_handed_to_the_node_that_was_chosen(nodes, browser):
    group = [{"sender": "ada", "amount": str(LARGE), "first_valid": "-1", "note": "12"}]
    answer = browser.send("POST", "/api/ledger/groups", {"node": "ledger-2", "group": group})
    assert answer.status == 201
    assert answer.json()["detail"] == "overspending"
    sent = [{"sender": "ada", "amount": LARGE, "first_valid": -1, "note": "12"}]
    assert nodes[1].asked == [sent]
    assert nodes[0].asked == []


@pytest.mark.parametrize("amount", ["1.0", "1e3", "", " 1", "٣", "9" * 1001, True, None])
def test_what_is_no_integer_is_left_for_the_node_to_refuse(nodes, browser, amount):
    group = [{"amount": amount}, "no transfer"]
    browser.send("POST", "/api/ledger/groups", {"node": "ledger-1", "group": group})
    assert nodes[0].asked == [group]


@pytest.mark.parametrize(
    "body",
    [{}, {"node": "ledger-9", "group": []}, {"node": "ledger-1", "group": {}}, {"group": []}, []],
)
def test_a_bad_submission(nodes, browser, body):
    assert browser.send("POST", "/api/ledger/groups", body).status == 400
    assert nodes[0].asked == []


def test_without_nodes_everything_says_so():
    browser = Browser(make_dashboard())
    ledger = browser.get("/api/ledger").json()
    assert (ledger["agreement"], ledger["balances"]) == ("unknown", None)
    assert all("refused" in node["error"] for node in ledger["nodes"])
    body = {"node": "ledger-1", "group": []}
    assert browser.send("POST", "/api/ledger/groups", body).status == 503
