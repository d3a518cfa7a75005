// The workflows: chains, groups and chords, and how far each has come.

import { api } from "/static/api.js";
import { byId, h, keyed, reveal, set, text } from "/static/dom.js";
import { ago } from "/static/format.js";
import { failed } from "/static/notices.js";
import { select } from "./detail.js";

const LOOKS = {
  waiting: "",
  running: "is-busy",
  succeeded: "is-ok",
  failed: "is-bad",
  cancelled: "",
  skipped: "",
};

let selected = null;

export function show({ workflows }) {
  keyed(byId("workflows"), workflows, ({ id }) => id, createRow, showRow);
  byId("no-workflows").hidden = workflows.length > 0;
  if (selected) look(selected);
}

function createRow({ id, name }) {
  return h(
    "tr",
    {
      class: "is-clickable",
      "data-testid": `workflow-row-${id}`,
      onclick: () => look(id, { isAsked: true }),
    },
    h("td", {}, h("button", { type: "button", class: "link truncate" }, name || h("code", {}, id))),
    h("td", {}, h("span", { class: "badge" })),
    h("td", { class: "numeric" }),
    h("td", { class: "numeric quiet" }),
  );
}

function showRow(row, workflow) {
  const [, state, tasks, began] = row.children;
  set(row, { "data-state": workflow.state, "aria-current": workflow.id === selected && "true" });
  showBadge(state.firstChild, workflow.state);
  text(tasks, `${workflow.tasks.finished} of ${workflow.tasks.total}`);
  text(began, ago(Date.parse(workflow.created_at)));
}

function showBadge(badge, state) {
  set(badge, { class: `badge ${LOOKS[state] ?? ""}`, "data-state": state });
  text(badge, state);
}

async function look(id, { isAsked = false } = {}) {
  selected = id;
  try {
    const workflow = await api("GET", `/api/tasks/workflows/${encodeURIComponent(id)}`);
    if (workflow.id !== selected) return;
    showWorkflow(workflow);
    if (isAsked) reveal(byId("workflow"));
  } catch (error) {
    selected = null;
    failed("Could not read the workflow", error);
  }
}

function showWorkflow(workflow) {
  byId("workflow").hidden = false;
  text(byId("workflow-title"), workflow.name || workflow.id);
  showBadge(byId("workflow-state"), workflow.state);
  byId("workflow-cancel").hidden = workflow.state !== "running";
  byId("workflow-nodes").replaceChildren(drawNode(workflow.root));
  byId("workflow-outcome").replaceChildren(...outcome(workflow));
}

function drawNode(node) {
  if (node.kind === "task") return h("li", { class: "node" }, badge(node.state), taskOf(node));
  const rule = node.on_failure === "continue" ? ", goes on after a failure" : "";
  return h(
    "li",
    { class: "node" },
    badge(node.state),
    h("span", { class: "quiet" }, node.kind + rule),
    h("ul", { class: `nodes is-${node.kind}` }, ...node.nodes.map(drawNode)),
  );
}

/** A step that has become a task can be looked into. */
function taskOf({ task, task_id: id }) {
  if (!id) return h("span", { class: "mono" }, task);
  return h("button", { type: "button", class: "link mono", onclick: () => showTask(id) }, task);
}

const badge = (state) => h("span", { class: `badge ${LOOKS[state] ?? ""}` }, state);

function outcome({ state, result, error }) {
  const content = state === "succeeded" ? JSON.stringify(result, null, 2) : error;
  if (!content) return [];
  return [
    h("h3", {}, state === "succeeded" ? "Result" : "Error"),
    h("pre", { class: "code-block", tabindex: 0, "data-testid": "workflow-result" }, content),
  ];
}

async function showTask(id) {
  byId("tab-tasks").click();
  await select(id);
  reveal(byId("detail"));
}

byId("workflow-cancel").addEventListener("click", async () => {
  try {
    showWorkflow(await api("POST", `/api/tasks/workflows/${encodeURIComponent(selected)}/cancel`));
  } catch (error) {
    failed("Could not cancel the workflow", error);
  }
});
