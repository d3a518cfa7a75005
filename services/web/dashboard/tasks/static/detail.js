// One task whole: what it was asked to do, what came of it, and each step on the way.

import { byId, h, set, text } from "/static/dom.js";
import { clock, elapsed } from "/static/format.js";

/** Every state of a task, in the order of a life. */
export const STATES = [
  "scheduled",
  "queued",
  "running",
  "retrying",
  "succeeded",
  "failed",
  "dead",
  "expired",
  "cancelled",
];

export const LOOKS = {
  scheduled: "",
  queued: "is-accent",
  running: "is-busy",
  retrying: "is-warn",
  succeeded: "is-ok",
  failed: "is-bad",
  dead: "is-bad",
  expired: "is-warn",
  cancelled: "",
};

const FINAL = new Set(["succeeded", "failed", "dead", "expired", "cancelled"]);
export const isFinal = (state) => FINAL.has(state);

export function showDetail(task) {
  byId("detail").hidden = false;
  set(byId("detail"), { "data-task": task.id, "data-state": task.state });
  text(byId("detail-title"), task.task);
  set(byId("detail-state"), {
    class: `badge ${LOOKS[task.state] ?? ""}`,
    "data-state": task.state,
  });
  text(byId("detail-state"), task.state);
  byId("cancel").hidden = isFinal(task.state);
  byId("retry").hidden = !isFinal(task.state) || task.state === "succeeded";
  byId("detail-facts").replaceChildren(...facts(task));
  byId("detail-outcome").replaceChildren(...outcome(task));
  byId("detail-history").replaceChildren(...steps(task.history));
}

function facts(task) {
  const entries = [
    ["Id", h("code", {}, task.id)],
    ["Arguments", h("code", {}, argumentsText(task))],
    [
      "Attempts",
      `${task.attempts}${task.options?.retries ? ` of at most ${task.options.retries + 1}` : ""}`,
    ],
    ["Queue", task.queue],
    ["Worker", task.worker],
    ["Due", task.due_at && clock(Date.parse(task.due_at))],
    [
      "Took",
      task.started_at &&
        task.finished_at &&
        elapsed(Date.parse(task.finished_at) - Date.parse(task.started_at)),
    ],
  ];
  return entries
    .filter(([, value]) => value)
    .flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]);
}

function argumentsText({ args, kwargs }) {
  const named = Object.entries(kwargs ?? {}).map(
    ([name, value]) => `${name}=${JSON.stringify(value)}`,
  );
  return [...args.map((value) => JSON.stringify(value)), ...named].join(", ") || "none";
}

function outcome(task) {
  const parts = [];
  if (task.error) {
    parts.push(block("Error", `${task.error.type}: ${task.error.message}`, "task-error"));
    if (task.error.traceback)
      parts.push(
        h(
          "details",
          {},
          h("summary", {}, "Traceback"),
          h("pre", { class: "code-block" }, task.error.traceback),
        ),
      );
  }
  if (task.state === "succeeded")
    parts.push(block("Result", JSON.stringify(task.result, null, 2), "task-result"));
  if (task.output) parts.push(block("Output", task.output, "task-output"));
  return parts;
}

function block(title, content, testid) {
  return h(
    "div",
    {},
    h("h3", {}, title),
    h("pre", { class: "code-block", "data-testid": testid }, content),
  );
}

function steps(history) {
  return history.map((step, index) => {
    const at = Date.parse(step.at);
    const before = index ? Date.parse(history[index - 1].at) : at;
    const about = [step.worker, step.detail].filter(Boolean).join(": ");
    return h(
      "li",
      {},
      h("span", {}, step.state),
      h("span", { class: "quiet" }, about),
      h(
        "time",
        { class: "took mono", datetime: step.at, title: new Date(at).toLocaleString() },
        index ? `+${elapsed(at - before)}` : clock(at),
      ),
    );
  });
}
