// The page of sqldb: its parts, each a module, and what they tell each other.

import { byId, text } from "/static/dom.js";
import { shortcut } from "/static/keys.js";
import { watch } from "/static/live.js";
import { chooseTab, onTab, startTabs } from "/static/tabs.js";
import { startConsole } from "./console.js";
import { showLog, startLog } from "./log.js";
import { onPlace, place } from "./place.js";
import { SchemaList } from "./schema_list.js";
import { startSessions } from "./sessions.js";
import { followStatistics } from "./statistics.js";
import { Structure } from "./structure.js";

const schema = new SchemaList({ outage });
const editor = startConsole({ changed: () => schema.load() });
const structure = new Structure({
  browse: (sql) => {
    chooseTab("console");
    editor.runText(sql);
  },
});
startSessions();
startLog();

onTab("structure", () => structure.load());
onPlace((chosen) => {
  if (!chosen) return;
  chooseTab("structure");
  structure.load();
});

// Somebody else has made or dropped something, or a table has grown, or the server is back.
let before = null;
followStatistics((statistics) => {
  outage(statistics.error ?? null);
  if (statistics.error) {
    before = "";
    return;
  }
  showLog(statistics);
  const seen = JSON.stringify([statistics.definitions, statistics.largest.map(({ name, rows }) => [name, rows])]);
  if (before !== null && before !== seen) schema.load();
  before = seen;
});

function outage(reason) {
  byId("outage").hidden = reason === null;
  text(byId("outage"), reason === null ? "" : `sqldb does not answer. ${reason}`);
}

shortcut("/", "Write SQL", () => {
  chooseTab("console");
  byId("sql").focus();
});
shortcut("r", "Refresh", () => {
  schema.load();
  structure.load();
});
shortcut("c", "Console", () => chooseTab("console"));
shortcut("t", "Structure of the table", () => chooseTab("structure"));
shortcut("s", "Sessions and locks", () => chooseTab("sessions"));
shortcut("l", "Log and plans", () => chooseTab("log"));

watch("sqldb");
schema.load();
startTabs();
if (place()) structure.load();
