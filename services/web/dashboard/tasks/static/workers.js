// The workers, and what each of them does now.

import { byId, h, keyed, set, text } from "/static/dom.js";
import { ago, duration, number, size } from "/static/format.js";

export function show({ workers }) {
  keyed(
    byId("workers"),
    workers,
    ({ name, host, uptime_s: uptime }) => `${name}@${host}@${uptime === undefined}`,
    createCard,
    showCard,
  );
  byId("no-workers").hidden = workers.length > 0;
  text(byId("tab-count-workers"), number(workers.length));
}

function createCard({ name }) {
  return h(
    "section",
    { class: "card", "data-testid": `task-worker-${name}`, "aria-label": `Worker ${name}` },
    h(
      "div",
      { class: "card-head" },
      h("h2", { class: "truncate" }, name),
      h("span", { class: "state", "data-field": "state" }),
    ),
    h(
      "div",
      { class: "card-body stack" },
      h("dl", { class: "facts", "data-field": "facts" }),
      h("ul", { class: "seats", "data-field": "running" }),
    ),
  );
}

function showCard(card, worker) {
  const field = (name) => card.querySelector(`[data-field="${name}"]`);
  set(field("state"), { "data-state": worker.status });
  text(field("state"), worker.status);
  const queues = Object.entries(worker.queues ?? {}).map(([name, weight]) =>
    weight ? `${name} (${weight})` : name,
  );
  const facts = [
    ["Runs", `${worker.running.length} of ${worker.concurrency ?? "?"} at a time`],
    ["So far", `${number(worker.requests_total)} attempts`],
    ["Queues", queues.join(", ") || "all"],
    ["Memory", size(worker.memory_bytes)],
    ["Up", duration(worker.uptime_s)],
    ["Host", worker.host],
    ["Trouble", Object.values(worker.problems ?? {}).join("; ")],
  ].filter(([, value]) => value);
  keyed(
    field("facts"),
    facts.flatMap(([name, value]) => [
      { tag: "dt", key: `${name}:name`, value: name },
      { tag: "dd", key: name, value },
    ]),
    ({ key }) => key,
    ({ tag }) => h(tag),
    (element, { value }) => text(element, value),
  );
  keyed(field("running"), worker.running, ({ id }) => id, createSeat, showSeat);
}

function createSeat({ id, task }) {
  return h(
    "li",
    { "data-testid": `task-seat-${id}` },
    h(
      "span",
      { class: "row spread" },
      h("strong", { class: "mono truncate" }, task),
      h("span", { class: "quiet" }),
    ),
    h("progress", { max: 1, "aria-label": `Progress of ${task}` }),
    h("span", { class: "quiet truncate" }),
  );
}

function showSeat(seat, { started_at: startedAt, progress }) {
  const [line, bar, message] = seat.children;
  text(line.lastElementChild, startedAt ? `began ${ago(Date.parse(startedAt))}` : "");
  if (progress) bar.value = progress.fraction;
  else bar.removeAttribute("value");
  text(message, progress ? [percent(progress), progress.message].filter(Boolean).join(" · ") : "");
}

const percent = ({ fraction }) => `${Math.round(fraction * 100)} %`;
