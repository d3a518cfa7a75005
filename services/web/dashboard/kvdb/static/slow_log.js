// The slow log: read while its tab is open.

import { api } from "/static/api.js";
import { asksTwice } from "/static/asking.js";
import { byId, h, keyed, text } from "/static/dom.js";
import { clock } from "/static/format.js";
import { done, failed } from "/static/notices.js";
import { onTab } from "/static/tabs.js";

const INTERVAL_MS = 4000;

export function startSlowLog() {
  let timer = 0;
  onTab(
    "slowlog",
    () => {
      load();
      timer = setInterval(load, INTERVAL_MS);
    },
    () => clearInterval(timer),
  );
  asksTwice(byId("slowlog-reset"), async () => {
    try {
      await api("DELETE", "/api/kvdb/slowlog");
      done("The slow log is empty");
      load();
    } catch (error) {
      failed("Could not reset the slow log", error);
    }
  });
}

async function load() {
  try {
    const log = await api("GET", "/api/kvdb/slowlog");
    text(byId("slowlog-limit"), limitText(log.slower_than_us));
    byId("no-slowlog").hidden = log.entries.length > 0;
    keyed(byId("slowlog"), log.entries, ({ id, at_ms: at }) => `${id}-${at}`, createRow);
  } catch (error) {
    text(byId("slowlog-limit"), error.message);
  }
}

function limitText(limit) {
  if (limit === null) return "";
  if (limit < 0) return "nothing is kept";
  return limit ? `kept from ${micros(limit)} on` : "every command is kept";
}

const micros = (us) => (us < 1000 ? `${us} µs` : us < 1e6 ? `${(us / 1000).toFixed(1)} ms` : `${(us / 1e6).toFixed(2)} s`);

function createRow(entry) {
  return h(
    "tr",
    { "data-testid": `kv-slow-${entry.id}` },
    h("td", { class: "quiet", title: new Date(entry.at_ms).toLocaleString() }, clock(entry.at_ms)),
    h("td", { class: "numeric" }, micros(entry.duration_us)),
    h("td", { class: "mono command-words" }, entry.words.join(" ")),
    h("td", { class: "quiet mono" }, entry.client || "–"),
  );
}
