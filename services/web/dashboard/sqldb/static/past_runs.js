// What was run before, kept in this browser and nowhere else.

import { byId, h, text } from "/static/dom.js";
import { ago, elapsed } from "/static/format.js";

const STORAGE_KEY = "sqldb-history";
const MAX_RUNS = 50;
const MAX_CHARACTERS = 10_000;

export class PastRuns {
  #runs = load();

  /** `choose(sql)` when one is to be written again. */
  constructor({ choose }) {
    this.choose = choose;
    byId("past").addEventListener("toggle", () => this.#show());
    byId("past-clear").addEventListener("click", () => {
      this.#runs = [];
      this.#save();
    });
    this.#show();
  }

  /** The latest text, to go on with. */
  latest() {
    return this.#runs[0]?.sql ?? "";
  }

  add({ sql, tookMs, hasFailed }) {
    if (sql.length > MAX_CHARACTERS) return;
    const others = this.#runs.filter((run) => run.sql !== sql);
    this.#runs = [{ sql, tookMs, hasFailed, at: Date.now() }, ...others].slice(0, MAX_RUNS);
    this.#save();
  }

  #save() {
    try {
      localStorage.setItem(STORAGE_KEY, JSON.stringify(this.#runs));
    } catch {
      // A browser may forbid it, or have no room; then the history ends with the page.
    }
    this.#show();
  }

  #show() {
    byId("past").hidden = this.#runs.length === 0;
    text(byId("past-count"), this.#runs.length);
    if (!byId("past").open) return;
    byId("past-list").replaceChildren(...this.#runs.map((run, place) => this.#row(run, place)));
  }

  #row({ sql, tookMs, hasFailed, at }, place) {
    return h(
      "li",
      {},
      h(
        "button",
        { type: "button", class: "past-run", "data-testid": `sql-past-${place}`, onclick: () => this.choose(sql) },
        h("code", {}, sql.trim().replace(/\s+/g, " ").slice(0, 200)),
        h("span", { class: "quiet" }, `${ago(at)} · ${hasFailed ? "failed" : elapsed(tookMs)}`),
      ),
    );
  }
}

function load() {
  try {
    const runs = JSON.parse(localStorage.getItem(STORAGE_KEY) ?? "[]");
    return Array.isArray(runs) ? runs.filter((run) => typeof run?.sql === "string") : [];
  } catch {
    return [];
  }
}
