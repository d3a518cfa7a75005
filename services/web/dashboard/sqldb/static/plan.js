// The plan of a statement: where its time went, and where the planner was wrong about the rows.

import { byId, h, text } from "/static/dom.js";
import { number } from "/static/format.js";
import { planTree, stageCount } from "/static/plan.js";

const MUCH = 0.5;
const SOME = 0.2;
const WRONG = 10;

export function showPlan(outcome) {
  const wholeMs = outcome.plan.total_ms;
  byId("plan-card").hidden = false;
  byId("plan").replaceChildren(planTree(stage(outcome.plan, wholeMs)));
  text(byId("plan-verdict"), verdict(outcome));
}

function verdict({ plan, planning_ms: planning, execution_ms: execution, is_analyzed: isAnalyzed }) {
  if (!isAnalyzed) return `Not run: the planner expects ${rows(plan.estimated_rows)}, at a cost of ${number(plan.cost)}`;
  return `${rows(plan.rows)} in ${milliseconds(execution)}, planned in ${milliseconds(planning)}`;
}

const rows = (amount) => `${number(amount)} ${amount === 1 ? "row" : "rows"}`;
const milliseconds = (ms) => (ms === null ? "–" : ms < 10 ? `${ms.toFixed(2)} ms` : `${number(ms)} ms`);

function stage(node, wholeMs) {
  const share = node.self_ms !== null && wholeMs ? node.self_ms / wholeMs : null;
  return {
    name: node.role ? `${node.role}: ${node.name}` : node.name,
    subject: node.subject,
    kind: share === null ? "" : share >= MUCH ? "is-bad" : share >= SOME ? "is-warn" : "is-ok",
    testid: `sql-node-${node.name}`,
    facts: node.facts,
    counts: counts(node, share),
    inputs: node.inputs.map((one) => stage(one, wholeMs)),
  };
}

function counts(node, share) {
  const { rows: actual, estimated_rows: estimated, loops, self_ms: selfMs, total_ms: totalMs, cost } = node;
  if (actual === null) return [stageCount(number(estimated), "rows expected"), stageCount(number(cost), "cost")];
  if (!loops) return [h("span", {}, "never run"), stageCount(number(estimated), "rows expected")];
  return [
    stageCount(number(actual), `${actual === 1 ? "row" : "rows"}${loops > 1 ? " each time" : ""}`),
    stageCount(number(estimated), "expected"),
    misjudged(actual, estimated),
    loops > 1 ? stageCount(number(loops), "times") : null,
    stageCount(milliseconds(selfMs), share === null ? "here" : `here, ${Math.round(100 * share)} %`, "Without the nodes below"),
    node.inputs.length ? stageCount(milliseconds(totalMs), "in all", "With the nodes below") : null,
  ].filter(Boolean);
}

/** A warning where the planner has expected far more or far fewer rows. */
function misjudged(actual, estimated) {
  const factor = Math.max(actual, 1) / Math.max(estimated, 1);
  const times = Math.max(factor, 1 / factor);
  if (times < WRONG) return null;
  return h("span", { class: "badge is-warn", title: "ANALYZE may help" }, `${number(times)}× ${factor > 1 ? "more" : "fewer"}`);
}
