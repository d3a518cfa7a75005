// One task whole: what it was asked to do, how far it is, what came of it, each step on the way.

import { api } from "/static/api.js";
import { byId, h, set, text } from "/static/dom.js";
import { clock, elapsed } from "/static/format.js";
import { failed } from "/static/notices.js";
import { drawTimeline } from "./timeline.js";

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

const PROGRESS_MS = 500;

let selected = null;
let seenVersion = "";
let shown = null;

export const selectedId = () => selected;

/** Look at a task. */
export async function select(id) {
  selected = id;
  seenVersion = "";
  await read();
}

/** The list has changed: ask for the selected task again where it has moved. */
export function follow(tasks) {
  const listed = tasks.find(({ id }) => id === selected);
  const version = JSON.stringify([listed?.state, listed?.attempts, listed?.worker]);
  if (selected === null || version === seenVersion) return;
  seenVersion = version;
  read({ isQuiet: true });
}

async function read({ isQuiet = false } = {}) {
  const asked = selected;
  try {
    const task = await api("GET", `/api/tasks/${encodeURIComponent(asked)}`);
    if (task.id === selected) showDetail(task);
  } catch (error) {
    seenVersion = "";
    // What nobody has asked for by hand fails in silence: the page says above why.
    if (!isQuiet) failed("Could not read the task", error);
  }
}

// Progress is no step: while the task runs and is looked at, it is asked for.
setInterval(() => {
  if (shown?.state === "running" && shown.id === selected && !document.hidden)
    read({ isQuiet: true });
  else if (shown && !isFinal(shown.state)) drawTimeline(byId("detail-timeline"), shown);
}, PROGRESS_MS);

function showDetail(task) {
  shown = task;
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
  showProgress(task);
  drawTimeline(byId("detail-timeline"), task);
  // What has not changed keeps its place: a traceback that somebody reads stays open.
  const version = JSON.stringify([task.id, task.history.length, task.state, task.output]);
  if (byId("detail-facts").version === version) return;
  byId("detail-facts").version = version;
  byId("detail-facts").replaceChildren(...facts(task));
  byId("detail-outcome").replaceChildren(...outcome(task));
  byId("detail-history").replaceChildren(...steps(task.history));
}

function showProgress(task) {
  const told = task.progress;
  byId("detail-progress").hidden = !told || task.state !== "running";
  if (!told) return;
  text(byId("progress-text"), told.message || "running");
  text(byId("progress-share"), `${Math.round(told.fraction * 100)} %`);
  byId("progress-bar").value = told.fraction;
}

function facts(task) {
  const entries = [
    ["Id", h("code", {}, task.id)],
    ["Arguments", h("code", {}, argumentsText(task))],
    [
      "Attempts",
      `${task.attempts}${task.options?.retries ? ` of at most ${task.options.retries + 1}` : ""}`,
    ],
    ["Queue", `${task.queue}, priority ${task.options?.priority ?? 5}`],
    ["Worker", task.worker],
    ["Schedule", task.schedule],
    ["Workflow", task.workflow && h("code", {}, task.workflow)],
    ["Waits for", task.lane && `a slot of ${task.lane}`],
    ["Due", task.due_at && clock(Date.parse(task.due_at))],
    ["Expires", !isFinal(task.state) && task.expires_at && clock(Date.parse(task.expires_at))],
    ["Took", took(task.started_at, task.finished_at)],
    ["From call to end", took(task.created_at, task.finished_at)],
  ];
  return entries
    .filter(([, value]) => value)
    .flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]);
}

const took = (from, to) => from && to && elapsed(Date.parse(to) - Date.parse(from));

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
          { "data-testid": "task-traceback" },
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
    h("pre", { class: "code-block", tabindex: 0, "data-testid": testid }, content),
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

for (const [id, verb] of [
  ["cancel", "cancel"],
  ["retry", "retry"],
]) {
  byId(id).addEventListener("click", async () => {
    try {
      const task = await api("POST", `/api/tasks/${encodeURIComponent(selected)}/${verb}`);
      if (task.id === selected) showDetail(task);
    } catch (error) {
      failed(`Could not ${verb} the task`, error);
    }
  });
}
