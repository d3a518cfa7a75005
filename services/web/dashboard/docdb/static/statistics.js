// The figures above the page, their course over the last minutes, and storage by database.

import { bars, sparkline } from "/static/charts.js";
import { byId, text } from "/static/dom.js";
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
  byId("no-storage").hidden = databases.length > 0;
  const largest = [...databases].sort((a, b) => b.data_bytes + b.index_bytes - a.data_bytes - a.index_bytes);
  bars(
    byId("storage"),
    largest.slice(0, 4).map(({ name, documents, data_bytes: data, index_bytes: indexes }) => ({
      name,
      label: `${size(data)} + ${size(indexes)} of indexes`,
      title: count(documents, "document"),
      first: data,
      second: indexes,
    })),
  );
}
