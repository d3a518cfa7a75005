// The queues: how deep, how long the oldest task has waited, both over the last minutes.

import { api } from "/static/api.js";
import { sparkline } from "/static/charts.js";
import { byId, h, keyed, set, svg, text } from "/static/dom.js";
import { elapsed, number } from "/static/format.js";
import { done, failed } from "/static/notices.js";

export function show(queues, span) {
  keyed(
    byId("queues"),
    queues,
    ({ name }) => name,
    createCard,
    (card, queue) => showCard(card, queue, span),
  );
  keyed(
    byId("queue-names"),
    queues,
    ({ name }) => name,
    ({ name }) => h("option", { value: name }),
  );
  byId("no-queues").hidden = queues.length > 0;
  const paused = queues.filter((queue) => queue.paused).length;
  text(byId("tab-count-queues"), paused ? `${paused} paused` : "");
}

function createCard({ name }) {
  const field = (key, tag = "span", more = {}) => h(tag, { "data-field": key, ...more });
  return h(
    "section",
    { class: "card queue", "data-testid": `task-queue-${name}`, "aria-label": `Queue ${name}` },
    h(
      "div",
      { class: "card-head" },
      h("h2", { class: "mono truncate" }, name),
      field("paused", "span", { class: "badge is-warn" }),
      h(
        "label",
        { class: "quiet weight" },
        "weight ",
        h("input", {
          type: "number",
          min: 1,
          max: 1000,
          "data-field": "weight",
          "data-testid": `task-weight-${name}`,
          onchange: (event) => change(name, { weight: event.target.valueAsNumber }),
        }),
      ),
      h("button", {
        type: "button",
        class: "button is-small",
        "data-field": "toggle",
        "data-testid": `task-pause-${name}`,
        onclick: (event) => change(name, { paused: event.target.dataset.paused === "false" }),
      }),
    ),
    h(
      "div",
      { class: "card-body queue-charts" },
      chart("Waiting", "depth", "depth-chart"),
      chart("Oldest waits", "age", "age-chart"),
    ),
    field("more", "p", { class: "card-body quiet" }),
  );
}

function chart(title, value, name) {
  return h(
    "div",
    {},
    h(
      "div",
      { class: "row spread" },
      h("span", { class: "label" }, title),
      h("strong", { "data-field": value }),
    ),
    svg("svg", {
      class: "sparkline",
      "data-field": name,
      role: "img",
      "aria-label": `${title}, over the last minutes`,
    }),
  );
}

function showCard(card, queue, span) {
  const field = (name) => card.querySelector(`[data-field="${name}"]`);
  const isPaused = Boolean(queue.paused);
  set(card, { "data-state": isPaused ? "paused" : "open" });
  field("paused").hidden = !isPaused;
  text(field("paused"), "paused");
  set(field("toggle"), { "data-paused": String(isPaused) });
  text(field("toggle"), isPaused ? "Resume" : "Pause");
  if (document.activeElement !== field("weight")) field("weight").value = queue.weight ?? 1;
  text(field("depth"), number(queue.depth));
  const age = queue.oldest_age_s;
  text(field("age"), age === null || age === undefined ? "–" : elapsed(age * 1000));
  sparkline(field("depth-chart"), queue.history.depth, span, { minimum: 5 });
  sparkline(field("age-chart"), queue.history.age, span, { minimum: 1 });
  text(field("more"), more(queue));
}

function more({ by_priority: lists, blocked }) {
  const busy = Object.entries(lists ?? {}).filter(([, length]) => length > 0);
  const parts = busy.map(([priority, length]) => `${number(length)} of priority ${priority}`);
  if (blocked) parts.push(`${number(blocked)} wait for a slot`);
  return parts.join(", ") || "nothing waits";
}

async function change(name, wanted) {
  try {
    await api("POST", `/api/tasks/queues/${encodeURIComponent(name)}`, wanted);
    if ("paused" in wanted) done(wanted.paused ? `${name} is paused` : `${name} goes on`);
  } catch (error) {
    failed(`Could not change the queue ${name}`, error);
  }
}
