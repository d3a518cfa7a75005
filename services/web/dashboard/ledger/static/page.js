// The ledger: what each node says, laid side by side; balances, groups, and a form for transfers.

import { api } from "/static/api.js";
import { byId, h, icon, keyed, set, svg, text } from "/static/dom.js";
import { count, digits, number } from "/static/format.js";
import { shortcut } from "/static/keys.js";
import { on, watch } from "/static/live.js";
import { fingerprint } from "./fingerprint.js";

const MARKS = {
  agree: "m7.5 12.3 3 3 6-6.6",
  "catching-up": "M12 7v5l3.2 2",
  partial: "M12 7v6M12 16.5v.01",
  disagree: "m8.5 8.5 7 7m0-7-7 7",
  unknown: "M8 12h8",
};
const LAST_ISSUING_ROUND = 2;

let round = 0;
let nodeNames = [];

on("ledger", (ledger) => {
  showAgreement(ledger);
  keyed(byId("nodes"), ledger.nodes, ({ name }) => name, createNode, showNode);
  showChoice(ledger.nodes);
  showGroups(ledger.groups);
  showBalances(ledger.balances, ledger.accounts_total ?? 0);
});

function showAgreement({ nodes, agreement, round: latest }) {
  const down = nodes.filter(({ error }) => error).map(({ name }) => name);
  const words = {
    agree: [
      `All ${nodes.length} nodes agree`,
      "They have applied the same messages and come to the same balances.",
    ],
    "catching-up": [
      "The nodes are catching up",
      "Some have not applied every message yet; those at the same place agree.",
    ],
    partial: [
      `${nodes.length - down.length} of ${nodes.length} nodes answer, and agree`,
      `No answer from ${down.join(", ")}.`,
    ],
    disagree: [
      "The nodes disagree",
      "Two of them have applied the same messages and come to different balances.",
    ],
    unknown: [
      nodes.length - down.length ? "Only one node answers" : "No node answers",
      "There is nothing to compare.",
    ],
  }[agreement];
  set(byId("agreement"), { "data-state": agreement });
  set(byId("agreement-mark"), { d: MARKS[agreement] });
  text(byId("agreement-title"), words[0]);
  text(byId("agreement-text"), words[1]);
  text(byId("round"), latest ?? "–");
  round = latest ?? 0;
  text(
    byId("issuance-hint"),
    round > LAST_ISSUING_ROUND
      ? `HIPO sends nothing any more: the round is above ${LAST_ISSUING_ROUND}.`
      : `Up to round ${LAST_ISSUING_ROUND} HIPO may hand out what does not exist yet.`,
  );
}

function createNode({ name }) {
  return h(
    "article",
    { class: "card node", "data-testid": `ledger-node-${name}`, "aria-label": name },
    h("div", { class: "row spread" }, h("h3", {}, name), h("span", { class: "badge" })),
    h(
      "dl",
      { class: "facts" },
      ["Round", "Index", "Address"].flatMap((title) => [h("dt", {}, title), h("dd", {}, "–")]),
    ),
    svg("svg", { class: "fingerprint", role: "img", "aria-label": "Fingerprint of the state" }),
    h("code", { class: "root truncate" }),
    h("p", { class: "error", hidden: true }),
  );
}

function showNode(element, node) {
  const [head, facts, print, root, error] = element.children;
  const state = node.error ? "down" : node.state || "ok";
  set(element, { "data-state": state, "data-round": node.round });
  set(head.lastChild, {
    class: `badge ${node.error ? "is-bad" : state === "following" ? "is-ok" : "is-warn"}`,
  });
  text(head.lastChild, state);
  const [, roundElement, , index, , address] = facts.children;
  text(roundElement, number(node.round));
  text(index, number(node.index));
  text(address, node.address);
  fingerprint(print, node.state_root);
  text(root, node.state_root || "no state root");
  set(root, { title: node.state_root });
  error.hidden = !node.error;
  text(error, node.error);
}

/** Null is what no node could tell: not the same as nothing. */
function showGroups(groups) {
  keyed(
    byId("groups"),
    groups ?? [],
    (group) => `${group.index} ${group.message}`,
    createGroup,
    showVerdict,
  );
  byId("no-groups").hidden = Boolean(groups?.length);
  text(
    byId("no-groups"),
    groups ? "The list is empty." : "The list cannot be read now: it is kept in kvdb.",
  );
}

function createGroup(group) {
  return h(
    "li",
    { "data-testid": `ledger-group-${group.index}` },
    h(
      "div",
      { class: "row spread" },
      h("span", { class: "quiet" }, `#${group.index}`),
      h("span", { class: "badge" }),
    ),
    ...moves(group),
    h("p", { class: "quiet", hidden: true }),
  );
}

/** The transfers of a message; one that is no group is shown as the text that it is. */
function moves({ message, is_cut: isCut }) {
  try {
    return JSON.parse(message).map(({ sender, receiver, amount }) => {
      // Amounts may be longer than a number of JavaScript is exact; such a group is shown as text.
      if (
        !Number.isSafeInteger(amount) ||
        typeof sender !== "string" ||
        typeof receiver !== "string"
      )
        throw new TypeError();
      return h(
        "div",
        { class: "move" },
        h(
          "span",
          { class: "truncate" },
          h("code", {}, sender),
          h("span", { class: "arrow" }, "→"),
          h("code", {}, receiver),
        ),
        h("span", { class: "amount" }, digits(String(amount))),
      );
    });
  } catch {
    return [h("pre", { class: "code-block" }, message + (isCut ? " …" : ""))];
  }
}

function showVerdict(element, group) {
  const state = !group.applied ? "pending" : group.accepted ? "accepted" : "rejected";
  const badge = element.firstChild.lastChild;
  set(element, { "data-state": state });
  set(badge, { class: `badge ${{ pending: "", accepted: "is-ok", rejected: "is-bad" }[state]}` });
  text(badge, state === "accepted" ? `made round ${group.round}` : state);
  const reason = element.lastChild;
  reason.hidden = state !== "rejected";
  text(reason, state === "rejected" ? group.detail || group.reason || "" : "");
}

function showBalances(balances, total) {
  byId("no-balances").hidden = Boolean(balances?.length);
  text(
    byId("no-balances"),
    balances ? "No account exists yet." : "No node tells the balances now.",
  );
  // Digits of any length: compared as BigInt, shown as text.
  const amounts = (balances ?? []).map(([account, balance]) => ({
    account,
    balance,
    value: BigInt(balance),
  }));
  const largest = amounts.reduce((most, { value }) => (value > most ? value : most), 1n);
  keyed(
    byId("balances"),
    amounts,
    ({ account }) => account,
    createBalance,
    (row, { balance, value }) => {
      row.classList.toggle("is-negative", value < 0n);
      text(row.children[1], digits(balance));
      const size = value < 0n ? -value : value;
      row.children[2].firstChild.style.width = `${Math.min(100, Number((size * 1000n) / largest) / 10)}%`;
    },
  );
  text(
    byId("accounts"),
    total
      ? count(total, "account") +
          (total > amounts.length ? `, the first ${amounts.length} shown` : "")
      : "",
  );
}

function createBalance({ account }) {
  return h(
    "tr",
    { "data-testid": `ledger-balance-${account}` },
    h("th", { scope: "row" }, account),
    h("td", { class: "numeric" }),
    h("td", {}, h("span", { class: "share" })),
  );
}

function showChoice(nodes) {
  const names = nodes.map(({ name }) => name);
  if (names.join() === nodeNames.join()) return;
  nodeNames = names;
  byId("node").replaceChildren(...names.map((name) => h("option", { value: name }, name)));
}

let transferCount = 0;

function addTransfer() {
  const number = (transferCount += 1);
  const isFirst = !byId("transfers").firstChild;
  const field = (name, label, attributes) =>
    h(
      "div",
      { class: "field" },
      h("label", { for: `${name}-${number}` }, label),
      h("input", {
        id: `${name}-${number}`,
        name,
        class: "mono",
        autocomplete: "off",
        spellcheck: "false",
        "data-testid": isFirst ? `ledger-${name.replace("_", "-")}` : null,
        ...attributes,
      }),
    );
  const transfer = h(
    "fieldset",
    { class: "transfer", "aria-label": `Transfer ${number}` },
    field("sender", "Sender", { required: true }),
    field("receiver", "Receiver", { required: true }),
    field("amount", "Amount", {
      required: true,
      inputmode: "numeric",
      pattern: "-?[0-9]+",
      title: "a whole number",
    }),
    field("first_valid", "From round", {
      inputmode: "numeric",
      pattern: "-?[0-9]+",
      placeholder: "now",
      title: "a whole number, or nothing for the present round",
    }),
    isFirst
      ? null
      : h(
          "button",
          {
            type: "button",
            class: "icon-button is-danger",
            "aria-label": "Remove this transfer",
            onclick: () => transfer.remove(),
          },
          icon("remove"),
        ),
  );
  byId("transfers").append(transfer);
  return transfer;
}

byId("add-transfer").addEventListener("click", () => addTransfer().querySelector("input").focus());

byId("transfer-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const group = [...byId("transfers").children].map((transfer) => {
    const value = (name) => transfer.querySelector(`[name="${name}"]`).value.trim();
    return {
      type: "transfer",
      asset_id: 0,
      sender: value("sender"),
      receiver: value("receiver"),
      // As digits: the dashboard makes integers of them, which JavaScript could not hold exactly.
      amount: value("amount"),
      first_valid: value("first_valid") || String(round),
    };
  });
  try {
    showAnswer(await api("POST", "/api/ledger/groups", { node: byId("node").value, group }));
  } catch (error) {
    showVerdictText("rejected", error.message);
  }
});

function showAnswer(answer) {
  if (!answer.applied)
    showVerdictText("pending", `Appended to the list at #${answer.index}, and not applied yet.`);
  else if (answer.accepted)
    showVerdictText("accepted", `Accepted at #${answer.index}: it made round ${answer.round}.`);
  else
    showVerdictText("rejected", `Rejected at #${answer.index}: ${answer.detail ?? answer.reason}.`);
}

function showVerdictText(state, words) {
  byId("verdict").hidden = false;
  set(byId("verdict"), { "data-state": state });
  text(byId("verdict"), words);
}

shortcut("n", "Submit a group", () => byId("transfers").querySelector("input").focus());
addTransfer();
watch("ledger");
