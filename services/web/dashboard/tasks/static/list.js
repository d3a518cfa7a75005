// The list of tasks: the newest, live; or those that fit the filters, page by page.

import { api } from "/static/api.js";
import { byId, h, keyed, reveal, set, text } from "/static/dom.js";
import { ago, count, number } from "/static/format.js";
import { failed } from "/static/notices.js";
import { LOOKS, follow, select, selectedId } from "./detail.js";

const REFRESH_MS = 700;

let newest = [];
// Where this page and those before it begin; the first page has no cursor.
let cursors = [null];
let nextCursor = null;
let timer = 0;
let question = 0;

/** The newest tasks, as they are now. */
export function show(tasks) {
  // Ids begin with the time: the newest submission first, whatever has happened to it since.
  newest = tasks.sort((a, b) => (a.id < b.id ? 1 : -1));
  if (isFiltered()) refreshSoon();
  else showRows(newest, null);
  follow(newest);
}

const filters = () => ({
  state: byId("filters").querySelector('[aria-pressed="true"]').dataset.filter,
  task: byId("filter-task").value.trim(),
  queue: byId("filter-queue").value.trim(),
});

const isFiltered = () => cursors.length > 1 || Object.values(filters()).some(Boolean);

/** What has happened may have changed the page that is shown; several events are one question. */
function refreshSoon() {
  timer ||= setTimeout(() => {
    timer = 0;
    refresh();
  }, REFRESH_MS);
}

async function refresh() {
  if (!isFiltered()) {
    showRows(newest, null);
    return;
  }
  question += 1;
  const asked = question;
  const given = Object.entries({ ...filters(), cursor: cursors.at(-1) ?? "" });
  const query = new URLSearchParams(given.filter(([, value]) => value));
  try {
    const { tasks, next_cursor: next } = await api("GET", `/api/tasks/page?${query}`);
    // An answer that comes behind a later question is no longer one.
    if (asked === question) showRows(tasks, next);
  } catch (error) {
    if (asked === question) failed("Could not list the tasks", error);
  }
}

function showRows(tasks, next) {
  nextCursor = next ?? (cursors.length === 1 && !isFiltered() && tasks.length >= 100 ? "" : null);
  keyed(byId("tasks"), tasks, ({ id }) => id, createRow, showRow);
  byId("no-tasks").hidden = tasks.length > 0;
  byId("next-page").hidden = nextCursor === null;
  byId("first-page").hidden = cursors.length === 1;
  const page = cursors.length > 1 ? `page ${cursors.length}: ` : "";
  text(byId("page-text"), tasks.length ? `${page}${count(tasks.length, "task")}` : "");
}

function createRow(task) {
  return h(
    "tr",
    {
      class: "is-clickable",
      "data-testid": `task-row-${task.id}`,
      onclick: () => choose(task.id),
    },
    h(
      "td",
      {},
      h(
        "button",
        { type: "button", class: "task-name truncate", title: `${task.task}(${task.arguments})` },
        h("strong", {}, task.task),
        h("code", {}, ` ${task.arguments}`),
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
  set(row, { "data-state": task.state, "aria-current": task.id === selectedId() && "true" });
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

async function choose(id) {
  await select(id);
  for (const row of byId("tasks").children)
    set(row, { "aria-current": row.itemKey === id && "true" });
  reveal(byId("detail"));
}

function begin() {
  cursors = [null];
  refresh();
}

byId("filters").addEventListener("click", (event) => {
  const button = event.target.closest("[data-filter]");
  if (!button) return;
  for (const one of byId("filters").children) set(one, { "aria-pressed": String(one === button) });
  begin();
});

for (const id of ["filter-task", "filter-queue"]) {
  byId(id).addEventListener("input", () => {
    clearTimeout(byId(id).timer);
    byId(id).timer = setTimeout(begin, 250);
  });
}

byId("next-page").addEventListener("click", async () => {
  if (nextCursor === "") {
    // The live list has no cursor of its own: where its page ends, the broker knows.
    const { next_cursor: next } = await api("GET", "/api/tasks/page");
    if (next === null) return;
    nextCursor = next;
  }
  cursors.push(nextCursor);
  refresh();
});
byId("first-page").addEventListener("click", begin);
