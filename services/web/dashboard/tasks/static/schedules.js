// The schedules: when each runs next, and how to add, pause, run and delete one.

import { api } from "/static/api.js";
import { byId, h, icon, keyed, set, text } from "/static/dom.js";
import { ago, clock, duration } from "/static/format.js";
import { done, failed } from "/static/notices.js";

let schedules = [];

export function show(answer) {
  schedules = answer.schedules;
  keyed(byId("schedules"), schedules, ({ name }) => name, createRow, showRow);
  byId("no-schedules").hidden = schedules.length > 0;
}

function createRow({ name }) {
  const action = (label, verb, onclick) =>
    h(
      "button",
      {
        type: "button",
        class: "button is-small",
        "data-testid": `schedule-${verb}-${name}`,
        onclick,
      },
      label,
    );
  return h(
    "tr",
    { "data-testid": `schedule-row-${name}` },
    h(
      "th",
      { scope: "row" },
      h("button", { type: "button", class: "link mono", onclick: () => edit(name) }, name),
    ),
    h("td", { class: "mono truncate" }),
    h("td", {}),
    h("td", {}),
    h("td", { class: "quiet" }),
    h(
      "td",
      { class: "row actions" },
      action("Run now", "run", () => run(name)),
      action("Pause", "pause", () => togglePause(name)),
      h(
        "button",
        {
          type: "button",
          class: "icon-button is-danger",
          "aria-label": `Delete ${name}`,
          "data-testid": `schedule-delete-${name}`,
          onclick: () => remove(name),
        },
        icon("remove"),
      ),
    ),
  );
}

function showRow(row, schedule) {
  const [, task, when, next, last, actions] = row.children;
  set(row, { "data-state": schedule.paused ? "paused" : "open" });
  const args = (schedule.args ?? []).map((value) => JSON.stringify(value)).join(", ");
  text(task, `${schedule.task}(${args})`);
  text(
    when,
    schedule.cron ? `${schedule.cron} ${schedule.timezone ?? "UTC"}` : every(schedule.every),
  );
  text(next, schedule.paused ? "paused" : timeOf(schedule.next_run));
  text(last, schedule.last_run ? ago(Date.parse(schedule.last_run)) : "never");
  text(actions.children[1], schedule.paused ? "Resume" : "Pause");
}

const every = (seconds) => (seconds < 60 ? `every ${seconds} s` : `every ${duration(seconds)}`);

function timeOf(iso) {
  if (!iso) return "–";
  const at = new Date(iso);
  const isToday = at.toDateString() === new Date().toDateString();
  return isToday ? clock(at.getTime()) : at.toLocaleString();
}

const path = (name) => `/api/tasks/schedules/${encodeURIComponent(name)}`;

async function run(name) {
  await attempt(`Could not run ${name}`, async () => {
    const task = await api("POST", `${path(name)}/run`);
    done(`Submitted ${task.task} for ${name}`);
  });
}

async function togglePause(name) {
  const { paused } = schedules.find((one) => one.name === name);
  await attempt(`Could not change ${name}`, async () => {
    await api("POST", path(name), { paused: !paused });
    done(paused ? `${name} goes on` : `${name} is paused`);
  });
}

async function remove(name) {
  if (!confirm(`Delete the schedule ${name}?`)) return;
  await attempt(`Could not delete ${name}`, async () => {
    await api("DELETE", path(name));
    done(`Deleted ${name}`);
  });
}

async function attempt(title, action) {
  try {
    await action();
  } catch (error) {
    failed(title, error);
  }
}

function showKind() {
  for (const field of byId("schedule-form").querySelectorAll("[data-kind]"))
    field.hidden = field.dataset.kind !== byId("schedule-kind").value;
}

function edit(name) {
  const schedule = schedules.find((one) => one.name === name);
  byId("schedule-name").value = name;
  byId("schedule-task").value = schedule.task;
  byId("schedule-args").value = JSON.stringify(schedule.args ?? []);
  byId("schedule-kind").value = schedule.cron ? "cron" : "every";
  if (schedule.cron) byId("schedule-cron").value = schedule.cron;
  else byId("schedule-every").value = schedule.every;
  byId("schedule-timezone").value = schedule.timezone ?? "";
  byId("schedule-catch-up").value = schedule.catch_up ?? "once";
  showKind();
  byId("schedule-name").focus();
}

function wantedSchedule() {
  const known = schedules.find(({ name }) => name === byId("schedule-name").value);
  const wanted = {
    task: byId("schedule-task").value,
    args: JSON.parse(byId("schedule-args").value || "[]"),
    catch_up: byId("schedule-catch-up").value,
  };
  // What the form does not show stays as it was.
  for (const name of ["kwargs", "options", "paused"])
    if (known?.[name] !== undefined) wanted[name] = known[name];
  if (byId("schedule-kind").value === "every")
    return { ...wanted, every: byId("schedule-every").valueAsNumber };
  const zone = byId("schedule-timezone").value.trim();
  return { ...wanted, cron: byId("schedule-cron").value, ...(zone ? { timezone: zone } : {}) };
}

function showError(message) {
  byId("schedule-error").hidden = !message;
  text(byId("schedule-error"), message);
}

byId("schedule-kind").addEventListener("change", showKind);
byId("schedule-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  showError("");
  const name = byId("schedule-name").value;
  try {
    await api("PUT", path(name), wantedSchedule());
    done(`Saved ${name}`);
  } catch (error) {
    showError(error.message);
  }
});
