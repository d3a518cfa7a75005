// A plan drawn as a tree: what comes last stands on top, and each stage above what it reads from.

import { h } from "./dom.js";

/**
 * A stage is {name, subject, kind, testid, facts, counts, inputs}: `kind` colours it (is-ok, is-warn,
 * is-bad), `facts` are pairs of a label and a text, `counts` are elements or texts below them.
 */
export function planTree(stage) {
  const box = stageBox(stage);
  if (!stage.inputs.length) return h("div", { class: "branch" }, box);
  return h("div", { class: "branch" }, box, h("div", { class: "inputs" }, stage.inputs.map(planTree)));
}

function stageBox({ name, subject, kind, testid, facts, counts }) {
  return h(
    "div",
    { class: `stage ${kind ?? ""}`, "data-testid": testid },
    h("p", { class: "stage-name mono" }, name, subject ? h("span", { class: "stage-subject" }, ` ${subject}`) : null),
    facts.length
      ? h("dl", { class: "stage-facts" }, facts.flatMap(([label, value]) => [h("dt", {}, label), h("dd", { class: "mono" }, value)]))
      : null,
    counts.length ? h("p", { class: "stage-counts" }, counts) : null,
  );
}

/** One of the counts: an amount, and of what. */
export const stageCount = (amount, label, title = null) => h("span", { title }, h("b", {}, amount), ` ${label}`);
