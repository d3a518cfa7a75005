// The task queue: tabs, each with a module of its own, and what all of them show above.

import { byId, h, keyed, set, text } from "/static/dom.js";
import { number } from "/static/format.js";
import { shortcut } from "/static/keys.js";
import { on, unwatch, watch } from "/static/live.js";
import * as dead from "./dead.js";
import { STATES } from "./detail.js";
import * as list from "./list.js";
import * as queues from "./queues.js";
import * as schedules from "./schedules.js";
import { listDefinitions } from "./submit.js";
import * as workers from "./workers.js";
import * as workflows from "./workflows.js";

// What each tab watches beside `tasks`, which the figures above and the charts need at all times.
const TABS = {
  tasks: { topic: null },
  queues: { topic: null },
  workers: { topic: "task-workers", show: workers.show },
  schedules: { topic: "task-schedules", show: schedules.show },
  workflows: { topic: "task-workflows", show: workflows.show },
  dead: { topic: "task-dead", show: dead.show },
};

let chosen = "tasks";

function choose(name, { isFocused = false } = {}) {
  for (const [other, { topic }] of Object.entries(TABS)) {
    const isChosen = other === name;
    set(byId(`tab-${other}`), { "aria-selected": String(isChosen), tabindex: isChosen ? null : -1 });
    byId(`panel-${other}`).hidden = !isChosen;
    if (topic) (isChosen ? watch : unwatch)(topic);
  }
  chosen = name;
  if (isFocused) byId(`tab-${name}`).focus();
  history.replaceState(null, "", name === "tasks" ? location.pathname : `#${name}`);
}

byId("tabs").addEventListener("click", (event) => {
  const tab = event.target.closest("[data-tab]");
  if (tab) choose(tab.dataset.tab);
});

// As the pattern for tabs asks for: one stop for Tab, arrows between them.
byId("tabs").addEventListener("keydown", (event) => {
  const names = Object.keys(TABS);
  const steps = { ArrowRight: 1, ArrowLeft: -1, Home: -names.length, End: names.length };
  if (!(event.key in steps)) return;
  event.preventDefault();
  const at = names.indexOf(chosen) + steps[event.key];
  const isArrow = event.key.startsWith("Arrow");
  const next = isArrow ? (at + names.length) % names.length : Math.max(0, Math.min(at, names.length - 1));
  choose(names[next], { isFocused: true });
});

on("tasks", (overview) => {
  showOutage(overview.error);
  if (overview.error) return;
  showStates(overview.states);
  text(byId("tab-count-dead"), overview.states.dead ? number(overview.states.dead) : "");
  queues.show(overview.queues, overview.history_s);
  list.show(overview.tasks);
});

for (const { topic, show } of Object.values(TABS)) {
  if (topic)
    on(topic, (answer) => {
      if (answer.error) showOutage(answer.error);
      else show(answer);
    });
}

function showOutage(error) {
  byId("outage").hidden = !error;
  text(byId("outage"), error ? `The broker does not answer. ${error}` : "");
}

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

shortcut("n", "Submit a task", () => {
  choose("tasks");
  byId("name").focus();
});
shortcut("/", "Filter the tasks", () => {
  choose("tasks");
  byId("filter-task").focus();
});

listDefinitions();
watch("tasks");
const wanted = location.hash.slice(1);
if (wanted in TABS) choose(wanted);
