// The task queue: tabs, each with a module of its own, and what all of them show above.

import { byId, h, keyed, text } from "/static/dom.js";
import { number } from "/static/format.js";
import { shortcut } from "/static/keys.js";
import { on, unwatch, watch } from "/static/live.js";
import { chooseTab, onTab, startTabs } from "/static/tabs.js";
import * as dead from "./dead.js";
import { STATES } from "./detail.js";
import * as list from "./list.js";
import * as queues from "./queues.js";
import * as schedules from "./schedules.js";
import { listDefinitions } from "./submit.js";
import * as workers from "./workers.js";
import * as workflows from "./workflows.js";

// What a tab watches beside `tasks`, which the figures above and the charts need at all times.
const TABS = {
  workers: { topic: "task-workers", show: workers.show },
  schedules: { topic: "task-schedules", show: schedules.show },
  workflows: { topic: "task-workflows", show: workflows.show },
  dead: { topic: "task-dead", show: dead.show },
};

on("tasks", (overview) => {
  showOutage(overview.error);
  if (overview.error) return;
  showStates(overview.states);
  text(byId("tab-count-dead"), overview.states.dead ? number(overview.states.dead) : "");
  queues.show(overview.queues, overview.history_s);
  list.show(overview.tasks);
});

for (const [name, { topic, show }] of Object.entries(TABS)) {
  onTab(
    name,
    () => watch(topic),
    () => unwatch(topic),
  );
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
  chooseTab("tasks");
  byId("name").focus();
});
shortcut("/", "Filter the tasks", () => {
  chooseTab("tasks");
  byId("filter-task").focus();
});

listDefinitions();
watch("tasks");
startTabs();
