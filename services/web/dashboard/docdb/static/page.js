// The page of docdb: its parts, each a module, and what they tell each other.

import { byId, text } from "/static/dom.js";
import { shortcut } from "/static/keys.js";
import { watch } from "/static/live.js";
import { chooseTab, chosenTab, onTab, startTabs } from "/static/tabs.js";
import { CollectionList } from "./collection_list.js";
import { Documents } from "./documents.js";
import { Indexes } from "./indexes.js";
import { onPlace, place } from "./place.js";
import { startQuery } from "./query.js";
import { startSlow } from "./slow.js";
import { followStatistics } from "./statistics.js";

const list = new CollectionList({ outage });
const documents = new Documents({ changed: () => list.load() });
const indexes = new Indexes({ changed: () => list.load() });
const slow = startSlow();
startQuery({ changed: () => list.load() });

const loaders = {
  documents: () => documents.load(),
  indexes: () => indexes.load(),
  slow: () => slow.load(),
};
for (const [name, load] of Object.entries(loaders)) onTab(name, load);
onPlace(() => {
  documents.forget();
  loaders[chosenTab()]?.();
});

// Somebody else has stored or dropped something.
let before = "";
followStatistics((statistics) => {
  outage(statistics.error ?? null);
  if (statistics.error) return;
  const seen = JSON.stringify(
    statistics.databases.map(({ name, collections, documents: count, indexes: number }) => [name, collections, count, number]),
  );
  if (before !== seen) list.load();
  before = seen;
});

function outage(reason) {
  byId("outage").hidden = reason === null;
  text(byId("outage"), reason === null ? "" : `docdb does not answer. ${reason}`);
}

const onDocuments = (action) => () => {
  chooseTab("documents");
  action();
};
shortcut("/", "Filter the documents", onDocuments(() => byId("filter").focus()));
shortcut("n", "Insert a document", onDocuments(() => place() && documents.insert()));
shortcut("r", "Refresh", () => {
  list.load();
  loaders[chosenTab()]?.();
});
shortcut("q", "Query", () => chooseTab("query"));
shortcut("i", "Indexes", () => chooseTab("indexes"));
shortcut("s", "Slow operations", () => chooseTab("slow"));

watch("docdb");
list.load();
documents.load();
startTabs();
