// The figures above the page, their course over the last minutes, and the largest tables.

import { bars, sparkline } from "/static/charts.js";
import { byId, text } from "/static/dom.js";
import { count, number, size } from "/static/format.js";
import { on } from "/static/live.js";

const RATE = 1;

const figure = (name, content) => text(document.querySelector(`[data-figure="${name}"]`), content);

/** Call `changed` with what is known of the server, whenever that is another. */
export function followStatistics(changed) {
  on("sqldb", (statistics) => {
    changed(statistics);
    if (statistics.error) return;
    showFigures(statistics);
    draw("transactions", statistics.transaction_history, statistics.history_s, 10);
    draw("log", statistics.log_history, statistics.history_s, 4096);
    showLargest(statistics.largest);
  });
}

function showFigures({ transaction_history: transactions, log_history: log, sessions, wal }) {
  figure("transactions", number(transactions.at(-1)?.[RATE] ?? null));
  const all = Object.values(sessions).reduce((sum, one) => sum + one, 0);
  const parts = Object.entries(sessions).map(([state, amount]) => `${amount} ${state}`);
  figure("sessions", parts.length > 1 ? `${count(all, "session")}: ${parts.join(", ")}` : `${count(all, "session")}${parts.length ? `, ${Object.keys(sessions)[0]}` : ""}`);
  figure("log", size(Math.round(log.at(-1)?.[RATE] ?? 0)));
  figure("written", wal.wal_bytes ? `${size(Number(wal.wal_bytes))} since the start, ${count(Number(wal.wal_sync), "sync")}` : "–");
}

function draw(name, history, span, minimum) {
  const points = history.map((point) => [point[0], point[RATE]]).filter(([, value]) => value !== null);
  sparkline(document.querySelector(`[data-chart="${name}"]`), points, span, { minimum });
}

function showLargest(largest) {
  byId("no-largest").hidden = largest.length > 0;
  bars(
    byId("largest"),
    largest.slice(0, 4).map(({ name, rows, table_bytes: data, index_bytes: indexes }) => ({
      name,
      label: `${size(data)} + ${size(indexes)} of indexes`,
      title: count(rows, "row"),
      first: data,
      second: indexes,
    })),
  );
}
