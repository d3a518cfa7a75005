// The figures above the tabs and their course over the last minutes.

import { sparkline } from "/static/charts.js";
import { text } from "/static/dom.js";
import { count, number, size } from "/static/format.js";
import { on } from "/static/live.js";
import { showSizes } from "./database.js";

const [COMMANDS, HITS, MEMORY, EXPIRED, EVICTED] = [1, 2, 3, 4, 5];

const figure = (name, content) =>
  document.querySelectorAll(`[data-figure="${name}"]`).forEach((one) => text(one, content));

/** Call `changed` with what is known of the server, whenever that is another. */
export function followStatistics(changed) {
  on("kvdb", (statistics) => {
    changed(statistics);
    if (statistics.error) return;
    showSizes(statistics.keys_by_db);
    showFigures(statistics);
    showCharts(statistics);
  });
}

function showFigures(statistics) {
  const { hits, misses, history } = statistics;
  const latest = history.at(-1) ?? [];
  const hitRate = latest[HITS] ?? (hits + misses ? hits / (hits + misses) : null);
  figure("commands", number(latest[COMMANDS]));
  figure("clients", count(statistics.clients, "client"));
  figure("client-count", number(statistics.clients));
  figure("hits", hitRate === null ? "–" : `${Math.round(100 * hitRate)} %`);
  figure("lookups", `${number(hits)} of ${number(hits + misses)} since the start`);
  figure("memory", size(statistics.memory_bytes));
  figure("limit", limitText(statistics));
  figure("gone", number((latest[EXPIRED] ?? 0) + (latest[EVICTED] ?? 0)));
  figure(
    "gone-total",
    `${number(statistics.expired)} expired, ${number(statistics.evicted)} evicted`,
  );
}

function limitText({ max_memory_bytes: limit, resident_bytes: resident }) {
  const process = `process ${size(resident)}`;
  return limit ? `limit ${size(limit)}, ${process}` : `no limit, ${process}`;
}

function showCharts({ history, history_s: span }) {
  const draw = (name, valueOf, minimum) => {
    const points = history
      .map((point) => [point[0], valueOf(point)])
      .filter(([, value]) => value !== null && value !== undefined);
    sparkline(document.querySelector(`[data-chart="${name}"]`), points, span, { minimum });
  };
  draw("commands", (point) => point[COMMANDS], 20);
  draw("hits", (point) => point[HITS], 1);
  draw("memory", (point) => point[MEMORY], 1024);
  draw("gone", (point) => (point[EXPIRED] ?? 0) + (point[EVICTED] ?? 0), 2);
}
