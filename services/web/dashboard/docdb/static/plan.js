// A plan drawn as a tree: what comes last stands on top, and each stage above what it reads from.

import { byId, h, text } from "/static/dom.js";
import { count, elapsed, number } from "/static/format.js";

const KINDS = { COLLSCAN: "is-bad", SORT: "is-warn", IXSCAN: "is-ok", TEXT_MATCH: "is-ok", PROJECTION_COVERED: "is-ok" };

export function showPlan(outcome) {
  byId("plan-card").hidden = false;
  byId("plan").replaceChildren(stage(outcome.plan));
  text(byId("plan-verdict"), verdict(outcome));
}

/** What it all cost, in a sentence. */
function verdict({ returned, keys, documents, millis, rejected }) {
  if (returned === null) return "";
  const parts = [
    `${count(returned, "document")} from ${count(keys, "key")} and ${count(documents, "document")} looked at`,
    elapsed(millis),
  ];
  if (rejected.length) parts.push(`${count(rejected.length, "other plan")} considered`);
  return parts.join(" · ");
}

function stage({ name, facts, returned, keys, documents, inputs }) {
  const counts = [
    [returned, "gave"],
    [keys, "keys"],
    [documents, "documents"],
  ].filter(([value]) => value !== null);
  const box = h(
    "div",
    { class: `stage ${stageKind(name)}`, "data-testid": `doc-stage-${name}` },
    h("p", { class: "stage-name mono" }, name),
    facts.length
      ? h(
          "dl",
          { class: "stage-facts" },
          facts.flatMap(([label, value]) => [h("dt", {}, label), h("dd", { class: "mono" }, value)]),
        )
      : null,
    counts.length
      ? h("p", { class: "stage-counts" }, counts.map(([value, label]) => h("span", {}, h("b", {}, number(value)), ` ${label}`)))
      : null,
  );
  if (!inputs.length) return h("div", { class: "branch" }, box);
  return h("div", { class: "branch" }, box, h("div", { class: "inputs" }, inputs.map(stage)));
}

const stageKind = (name) => KINDS[name] ?? (name.startsWith("GEO_NEAR") ? "is-ok" : "");
