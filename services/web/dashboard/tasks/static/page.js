// The tasks: the list follows the broker's events, and so does the one that is looked at.

import { api } from "/static/api.js";
import { byId, h, keyed, reveal, set, text } from "/static/dom.js";
import { ago, clock, number } from "/static/format.js";
import { shortcut } from "/static/keys.js";
import { on, watch } from "/static/live.js";
import { failed } from "/static/notices.js";
import { LOOKS, STATES, isFinal, showDetail } from "./detail.js";

const SAMPLES = {
  echo: { args: ["hello"], hint: "prints its arguments and returns them" },
  save: {
    args: [{ name: "Ada", born: 1815 }, "people:ada"],
    hint: "saves a JSON value to kvdb, under the key that the second argument names",
  },
  sleep: { args: [3], hint: "does nothing for so many seconds" },
  flaky: {
    args: [0.5],
    hint: "raises an error with this probability; give it retries, and look at the history",
    retries: 3,
  },
};

const FILTERS = {
  all: () => true,
  open: ({ state }) => !isFinal(state),
  succeeded: ({ state }) => state === "succeeded",
  unlucky: ({ state }) => isFinal(state) && state !== "succeeded",
};

let tasks = [];
let filter = "all";
let selected = null;
let seenVersion = "";

// --- the list ----------------------------------------------------------------------------------

on("tasks", (overview) => {
  byId("outage").hidden = !overview.error;
  text(byId("outage"), overview.error ? `The broker does not answer. ${overview.error}` : "");
  if (overview.error) return;
  // Ids begin with the time: the newest submission first, whatever has happened to it since.
  tasks = overview.tasks.sort((a, b) => (a.id < b.id ? 1 : -1));
  showTasks();
  showStates(overview.states);
  showQueues(overview.queues);
  refreshDetail();
});

function showTasks() {
  const shown = tasks.filter(FILTERS[filter]);
  keyed(byId("tasks"), shown, ({ id }) => id, createRow, showRow);
  byId("no-tasks").hidden = shown.length > 0;
}

function createRow(task) {
  return h(
    "tr",
    {
      class: "is-clickable",
      "data-testid": `task-row-${task.id}`,
      onclick: () => select(task.id, { isAsked: true }),
    },
    h(
      "td",
      {},
      h(
        "button",
        { type: "button", class: "task-name truncate", title: `${task.task}(${task.arguments})` },
        h("strong", {}, task.task),
        h("code", {}, `(${task.arguments})`),
      ),
    ),
    h("td", {}, h("span", { class: "badge" })),
    h("td", { class: "numeric" }),
    h("td", { class: "truncate" }),
    h("td", { class: "numeric quiet" }),
  );
}

function showRow(row, task) {
  const [, state, attempts, worker, submitted] = row.children;
  row.submittedAt = Date.parse(task.created_at);
  set(row, { "data-state": task.state, "aria-current": task.id === selected && "true" });
  set(state.firstChild, { class: `badge ${LOOKS[task.state] ?? ""}`, "data-state": task.state });
  text(state.firstChild, task.state);
  text(attempts, number(task.attempts));
  text(worker, task.worker ?? "–");
  showAge(submitted, row.submittedAt);
}

const showAge = (cell, at) => {
  text(cell, ago(at));
  set(cell, { title: new Date(at).toLocaleString() });
};

setInterval(() => {
  for (const row of byId("tasks").children) showAge(row.lastElementChild, row.submittedAt);
}, 1000);

function showStates(counts) {
  keyed(
    byId("states"),
    STATES.filter((state) => state in counts),
    (state) => state,
    (state) =>
      h(
        "div",
        { class: "figure", "data-testid": `task-count-${state}` },
        h("dt", {}, state),
        h("dd", {}),
      ),
    (element, state) => text(element.lastElementChild, number(counts[state])),
  );
}

function showQueues(queues) {
  keyed(
    byId("queues"),
    queues,
    ({ name }) => name,
    ({ name }) =>
      h(
        "tr",
        { "data-testid": `task-queue-${name}` },
        h("th", { scope: "row", class: "mono" }, name),
        h("td", { class: "numeric" }),
        h("td", { class: "numeric quiet" }),
      ),
    (row, { depth, by_priority: lists }) => {
      text(row.children[1], number(depth));
      const busy = Object.entries(lists).filter(([, length]) => length > 0);
      text(
        row.children[2],
        busy.map(([priority, length]) => `${priority}: ${number(length)}`).join(", ") || "–",
      );
    },
  );
  byId("no-queues").hidden = queues.length > 0;
}

byId("filters").addEventListener("click", (event) => {
  const button = event.target.closest("[data-filter]");
  if (!button) return;
  filter = button.dataset.filter;
  for (const one of byId("filters").children) set(one, { "aria-pressed": String(one === button) });
  showTasks();
});

// --- one task ----------------------------------------------------------------------------------

async function select(id, { isAsked = false } = {}) {
  selected = id;
  seenVersion = "";
  for (const row of byId("tasks").children)
    set(row, { "aria-current": row.itemKey === id && "true" });
  await refreshDetail();
  if (isAsked) reveal(byId("detail"));
}

/** Ask for the selected task again when the list says that it has moved. */
async function refreshDetail() {
  const listed = tasks.find(({ id }) => id === selected);
  const version = JSON.stringify([listed?.state, listed?.attempts, listed?.worker]);
  if (selected === null || version === seenVersion) return;
  seenVersion = version;
  try {
    const task = await api("GET", `/api/tasks/${encodeURIComponent(selected)}`);
    if (task.id === selected) showDetail(task);
  } catch (error) {
    seenVersion = "";
    failed("Could not read the task", error);
  }
}

for (const [id, verb] of [
  ["cancel", "cancel"],
  ["retry", "retry"],
]) {
  byId(id).addEventListener("click", async () => {
    try {
      showDetail(await api("POST", `/api/tasks/${encodeURIComponent(selected)}/${verb}`));
    } catch (error) {
      failed(`Could not ${verb} the task`, error);
    }
  });
}

// --- submitting --------------------------------------------------------------------------------

byId("samples").append(
  ...Object.keys(SAMPLES).map((name) =>
    h(
      "button",
      {
        type: "button",
        class: "button is-small",
        "aria-pressed": "false",
        "data-testid": `task-sample-${name}`,
        onclick: () => chooseSample(name),
      },
      name,
    ),
  ),
);

function chooseSample(name) {
  const { args, hint, retries } = SAMPLES[name];
  byId("name").value = name;
  byId("args").value = JSON.stringify(args);
  byId("retries").value = retries ?? "";
  text(byId("sample-hint"), hint);
  for (const button of byId("samples").children)
    set(button, { "aria-pressed": String(button.textContent === name) });
  showArgumentsError("");
}

function showArgumentsError(message) {
  byId("args-error").hidden = !message;
  text(byId("args-error"), message);
  set(byId("args"), { "aria-invalid": message ? "true" : null });
}

/** The arguments as typed, or null where they are no JSON array. */
function readArguments() {
  try {
    const args = JSON.parse(byId("args").value || "[]");
    if (Array.isArray(args)) return args;
    showArgumentsError('Arguments are an array: [1, "two"]');
  } catch (error) {
    showArgumentsError(`No JSON: ${error.message}`);
  }
  return null;
}

function readOptions() {
  const fields = [...document.querySelectorAll("[data-option]")].filter(
    ({ value }) => value !== "",
  );
  return Object.fromEntries(
    fields.map((field) => [
      field.dataset.option,
      field.type === "number" ? field.valueAsNumber : field.value,
    ]),
  );
}

byId("submit-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  showArgumentsError("");
  const args = readArguments();
  if (!args) return;
  try {
    const task = await api("POST", "/api/tasks", {
      task: byId("name").value,
      args,
      options: readOptions(),
    });
    text(byId("submitted"), `Submitted ${task.task} at ${clock(Date.now())}`);
    select(task.id);
  } catch (error) {
    failed("Could not submit the task", error);
  }
});

async function listDefinitions() {
  try {
    const { definitions } = await api("GET", "/api/tasks/definitions");
    byId("names").replaceChildren(
      ...Object.keys(definitions).map((name) => h("option", { value: name })),
    );
  } catch {
    // Without the list of names one still can type them.
  }
}

shortcut("n", "Submit a task", () => byId("name").focus());
chooseSample("echo");
listDefinitions();
watch("tasks");
