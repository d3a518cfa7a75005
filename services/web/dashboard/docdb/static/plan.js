// The plan of a query: which stages are good news, and what it all cost.

import { byId, text } from "/static/dom.js";
import { count, elapsed, number } from "/static/format.js";
import { planTree, stageCount } from "/static/plan.js";

const KINDS = { COLLSCAN: "is-bad", SORT: "is-warn", IXSCAN: "is-ok", TEXT_MATCH: "is-ok", PROJECTION_COVERED: "is-ok" };

export function showPlan(outcome) {
  byId("plan-card").hidden = false;
  byId("plan").replaceChildren(planTree(stage(outcome.plan)));
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
  return {
    name,
    kind: stageKind(name),
    testid: `doc-stage-${name}`,
    facts,
    counts: counts.map(([value, label]) => stageCount(number(value), label)),
    inputs: inputs.map(stage),
  };
}

const stageKind = (name) => KINDS[name] ?? (name.startsWith("GEO_NEAR") ? "is-ok" : "");
