// The dead-letter queue: tasks that no attempt is left for, until somebody has looked at them.

import { api } from "/static/api.js";
import { byId, h, keyed, reveal, set, text } from "/static/dom.js";
import { ago, count, number } from "/static/format.js";
import { done, failed } from "/static/notices.js";
import { select } from "./detail.js";

export function show({ tasks }) {
  keyed(byId("dead"), tasks, ({ id }) => id, createRow, showRow);
  byId("no-dead").hidden = tasks.length > 0;
  for (const id of ["requeue-all", "purge-all"]) byId(id).disabled = tasks.length === 0;
}

function createRow({ id, task, arguments: args }) {
  const action = (label, verb) =>
    h(
      "button",
      {
        type: "button",
        class: `button is-small${verb === "purge" ? " is-danger" : ""}`,
        "data-testid": `dead-${verb}-${id}`,
        onclick: () => change(verb, [id]),
      },
      label,
    );
  return h(
    "tr",
    { "data-testid": `dead-row-${id}` },
    h(
      "td",
      {},
      h(
        "button",
        {
          type: "button",
          class: "link truncate",
          title: `${task}(${args})`,
          onclick: () => look(id),
        },
        h("strong", {}, task),
        h("code", {}, ` ${args}`),
      ),
    ),
    h("td", { class: "quiet" }),
    h("td", { class: "numeric" }),
    h("td", { class: "numeric quiet" }),
    h("td", { class: "row actions" }, action("Requeue", "requeue"), action("Purge", "purge")),
  );
}

function showRow(row, task) {
  const [, error, attempts, died] = row.children;
  text(error, task.error ?? "–");
  set(error, { title: task.error });
  text(attempts, number(task.attempts));
  text(died, task.finished_at ? ago(Date.parse(task.finished_at)) : "–");
}

async function look(id) {
  byId("tab-tasks").click();
  await select(id);
  reveal(byId("detail"));
}

async function change(verb, ids) {
  try {
    const wanted = { state: "dead", ...(ids ? { ids } : {}) };
    const { changed, more } = await api("POST", `/api/tasks/bulk/${verb}`, wanted);
    const word = verb === "requeue" ? "Requeued" : "Purged";
    done(`${word} ${count(changed, "task")}${more ? "; there are more" : ""}`);
  } catch (error) {
    failed(`Could not ${verb}`, error);
  }
}

byId("requeue-all").addEventListener("click", () => change("requeue"));
byId("purge-all").addEventListener("click", () => {
  if (confirm("Forget every dead task? This cannot be undone.")) change("purge");
});
