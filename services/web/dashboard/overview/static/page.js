// The overview: tiles, map and table, redrawn with each round of the collector.

import { sparkline, sumOf } from "/static/charts.js";
import { byId, h, keyed, set, text } from "/static/dom.js";
import { clock, count, duration, number, size } from "/static/format.js";
import { on } from "/static/live.js";
import { drawMap } from "./map.js";

const rows = byId("processes");
const template = byId("process-row").content;

// The rows that the server has painted stay, and live on.
for (const row of rows.children) row.itemKey = row.dataset.testid.replace(/^service-/, "");

on("services", ({ services, history_s: span }) => {
  showSummary(services);
  showTiles(services, span);
  drawMap(byId("map"), services);
  keyed(
    rows,
    services,
    ({ name }) => name,
    createRow,
    (row, service) => showRow(row, service, span),
  );
});

function createRow({ name }) {
  const row = template.firstElementChild.cloneNode(true);
  row.dataset.testid = `service-${name}`;
  return row;
}

function showRow(row, service, span) {
  const field = (name) => row.querySelector(`[data-field="${name}"]`);
  set(row, { "data-state": service.state });
  text(field("name"), service.name);
  text(field("problems"), Object.values(service.problems).join("; "));
  text(field("state"), service.state);
  text(field("version"), [service.software, service.version || "–"].filter(Boolean).join(" "));
  text(field("address"), service.address || "–");
  text(field("uptime"), duration(service.uptime_s));
  text(field("memory"), size(service.memory_bytes));
  text(field("rate"), number(service.request_rate));
  sparkline(field("history"), service.rate_history, span, { minimum: 5 });
}

function showSummary(services) {
  const unwell = services.filter(({ state }) => state !== "ok");
  const names = unwell.map(({ name, state }) => `${name} (${state})`).join(", ");
  const summary = unwell.length
    ? `${unwell.length} of ${count(services.length, "process", "processes")} not well: ${names}.`
    : `All ${services.length} processes are well.`;
  text(byId("summary"), summary);
  text(byId("updated"), `as of ${clock(Date.now())}`);
}

function showTiles(services, span) {
  const known = services.filter(({ memory_bytes: memory }) => memory !== null);
  text(byId("well"), services.filter(({ state }) => state === "ok").length);
  text(byId("well-of"), `of ${services.length} well`);
  text(
    byId("rate"),
    number(services.reduce((sum, { request_rate: rate }) => sum + (rate ?? 0), 0)),
  );
  text(byId("memory"), size(known.reduce((sum, { memory_bytes: memory }) => sum + memory, 0)));
  sparkline(byId("rate-history"), sumOf(services.map((one) => one.rate_history)), span, {
    minimum: 20,
  });
  keyed(
    byId("well-meter"),
    services,
    ({ name }) => name,
    () => h("span"),
    (part, { name, state }) => set(part, { "data-state": state, title: `${name}: ${state}` }),
  );
  keyed(
    byId("memory-meter"),
    known,
    ({ name }) => name,
    () => h("span"),
    (part, one) => {
      // The policy forbids style attributes, not what a script sets on the style itself.
      part.style.flexGrow = one.memory_bytes;
      set(part, { title: `${one.name}: ${size(one.memory_bytes)}` });
    },
  );
}
