// The audit log: the entries as they come, filtered by any of their words.

import { byId, h, keyed } from "/static/dom.js";
import { clock } from "/static/format.js";
import { shortcut } from "/static/keys.js";
import { on, watch } from "/static/live.js";

let entries = [];

function show() {
  const wanted = byId("audit-filter").value.trim().toLowerCase();
  const shown = entries.filter((entry) => textOf(entry).includes(wanted));
  keyed(byId("audit-entries"), shown, ({ number }) => number, row);
  const empty = byId("audit-empty");
  empty.hidden = shown.length > 0;
  empty.textContent = entries.length ? "No change has these words." : "Nothing has been changed yet.";
}

function textOf({ user, client, change, body, status }) {
  return [user, client, change, body, status].join(" ").toLowerCase();
}

function row({ at_s, user, client, change, body, status, request_id, number }) {
  const isDone = status < 400;
  return h(
    "tr",
    { "data-testid": `audit-entry-${number}`, "data-state": outcomeOf(status) },
    h("td", { class: "when", title: new Date(at_s * 1000).toISOString() }, clock(at_s * 1000)),
    h("td", {}, user || "–", h("div", { class: "quiet" }, client)),
    h(
      "td",
      { class: "what", title: request_id ? `request ${request_id}` : null },
      h("code", {}, change),
      body ? h("span", { class: "quiet" }, body) : null,
    ),
    h(
      "td",
      { class: "outcome" },
      h("span", { class: `badge ${isDone ? "is-ok" : "is-bad"}` }, outcomeOf(status)),
      " ",
      h("span", { class: "quiet" }, String(status)),
    ),
  );
}

function outcomeOf(status) {
  if (status < 400) return "done";
  return status < 500 ? "refused" : "failed";
}

byId("audit-filter").addEventListener("input", show);
shortcut("/", "Filter the changes", () => byId("audit-filter").focus());

on("audit", (state) => {
  entries = state.entries;
  show();
});
watch("audit");
