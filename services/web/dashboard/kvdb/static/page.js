// The page of kvdb: its parts, each a module, and what they tell each other.

import { byId, text } from "/static/dom.js";
import { shortcut } from "/static/keys.js";
import { watch } from "/static/live.js";
import { chooseTab, onTab, startTabs } from "/static/tabs.js";
import { startClients } from "./clients.js";
import { focusConsole, startConsole } from "./console.js";
import { followCreation } from "./creation.js";
import { database, onDatabase } from "./database.js";
import { Inspector } from "./inspector.js";
import { KeyList } from "./key_list.js";
import { startSlowLog } from "./slow_log.js";
import { followStatistics } from "./statistics.js";

const list = new KeyList({
  inspect: (key, options) => inspector.open(key, options),
  remove: (key) => inspector.remove(key),
  outage,
});
const inspector = new Inspector({
  changed: (name = "") => {
    if (name) list.latelySet = name;
    return list.load();
  },
  opened: (href) => list.mark(href),
});

followCreation(async (key, name) => {
  list.latelySet = name;
  await list.load();
  list.flash(key.href);
  inspector.open(key);
});

onDatabase(() => {
  inspector.close();
  list.latelySet = "";
  list.load();
});

// Somebody else has added or removed keys.
let keysBefore = null;
followStatistics((statistics) => {
  outage(statistics.error ?? null);
  if (statistics.error) return;
  const keys = statistics.keys_by_db[database()] ?? 0;
  text(document.querySelector('#tabs [data-figure="keys"]'), keys);
  const seen = `${database()}:${keys}`;
  if (keysBefore !== null && keysBefore !== seen && !list.hasMorePages) list.load();
  keysBefore = seen;
});

function outage(reason) {
  byId("outage").hidden = reason === null;
  text(byId("outage"), reason === null ? "" : `kvdb does not answer. ${reason}`);
}

startConsole(() => list.load());
startSlowLog();
startClients();
onTab("console", focusConsole);
onTab("keys", () => list.load());

const onKeys = (action) => () => {
  chooseTab("keys");
  action();
};
shortcut("/", "Filter the keys", onKeys(() => byId("pattern").focus()));
shortcut("n", "Make a key", onKeys(() => byId("key").focus()));
shortcut("r", "Refresh the keys", onKeys(() => list.load()));
shortcut("c", "Console", () => chooseTab("console"));
shortcut("s", "Slow log", () => chooseTab("slowlog"));

watch("kvdb");
list.load();
startTabs();
