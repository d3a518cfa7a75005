// The figures above the page, their course over the last minutes, and storage by database.

import { sparkline } from "/static/charts.js";
import { byId, h, keyed, text } from "/static/dom.js";
import { count, number, size } from "/static/format.js";
import { on } from "/static/live.js";

const [RATE, DATA] = [1, 2];

const figure = (name, content) => text(document.querySelector(`[data-figure="${name}"]`), content);

/** Call `changed` with what is known of the server, whenever that is another. */
export function followStatistics(changed) {
  on("docdb", (statistics) => {
    changed(statistics);
    if (statistics.error) return;
    showFigures(statistics);
    showCharts(statistics);
    showStorage(statistics.databases);
  });
}

function showFigures({ history, connections, cursors, resident_bytes: resident, databases }) {
  figure("operations", number(history.at(-1)?.[RATE] ?? null));
  figure("connections", `${count(connections, "connection")}, ${count(cursors ?? 0, "open cursor")}`);
  figure("data", size(databases.reduce((sum, { data_bytes: bytes }) => sum + bytes, 0)));
  figure("memory", `process ${size(resident)}`);
}

function showCharts({ history, history_s: span }) {
  const draw = (name, place, minimum) => {
    const points = history.map((point) => [point[0], point[place]]).filter(([, value]) => value !== null);
    sparkline(document.querySelector(`[data-chart="${name}"]`), points, span, { minimum });
  };
  draw("operations", RATE, 20);
  draw("data", DATA, 1024);
}

/** Each database as a bar: its documents, and behind them its indexes. */
function showStorage(databases) {
  const whole = Math.max(1, ...databases.map(({ data_bytes: data, index_bytes: indexes }) => data + indexes));
  byId("no-storage").hidden = databases.length > 0;
  const largest = [...databases].sort((a, b) => b.data_bytes + b.index_bytes - a.data_bytes - a.index_bytes);
  keyed(byId("storage"), largest.slice(0, 4), ({ name }) => name, createBar, (bar, database) => {
    const { documents, data_bytes: data, index_bytes: indexes } = database;
    text(bar.querySelector(".bar-text"), `${size(data)} + ${size(indexes)} of indexes`);
    bar.title = count(documents, "document");
    bar.querySelector(".bar-data").setAttribute("width", (100 * data) / whole);
    const rest = bar.querySelector(".bar-indexes");
    rest.setAttribute("x", (100 * data) / whole);
    rest.setAttribute("width", (100 * indexes) / whole);
  });
}

function createBar({ name }) {
  const row = h("li", { class: "bar" }, h("span", { class: "mono truncate" }, name), h("span", { class: "quiet bar-text" }));
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 100 4");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  for (const kind of ["bar-data", "bar-indexes"]) {
    const part = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    part.setAttribute("class", kind);
    part.setAttribute("height", "4");
    svg.append(part);
  }
  row.append(svg);
  return row;
}
