// The list of keys: it follows the database, and their lifetimes run down in it.

import { api } from "/static/api.js";
import { byId, h, icon, keyed, set, text } from "/static/dom.js";
import { count, number, size } from "/static/format.js";
import { database } from "./database.js";
import { endOf, lifeText } from "./lifetime.js";

const TYPING_PAUSE_MS = 180;

export class KeyList {
  #keys = [];
  #cursor = null;
  #asked = 0;
  #shownHref = null;
  // More than the first page has been asked for: then the list is not read anew without being told.
  hasMorePages = false;
  // The key that was set last is in the list, also where SCAN would come to it much later.
  latelySet = "";

  constructor({ inspect, remove, outage }) {
    this.inspect = inspect;
    this.remove = remove;
    this.outage = outage;
    let typing = 0;
    byId("pattern").addEventListener("input", () => {
      this.latelySet = "";
      clearTimeout(typing);
      typing = setTimeout(() => this.load(), TYPING_PAUSE_MS);
    });
    byId("refresh").addEventListener("click", () => this.load());
    byId("more").addEventListener("click", () => this.load({ from: this.#cursor }));
    setInterval(() => this.#runDown(), 1000);
  }

  /** A word is looked for anywhere in a key; a glob pattern is taken as it is. */
  #question(from) {
    const wanted = byId("pattern").value.trim();
    const isGlob = /[*?[\\]/.test(wanted);
    const also = this.latelySet || (isGlob ? "" : wanted);
    return new URLSearchParams({
      pattern: isGlob || !wanted ? wanted || "*" : `*${wanted}*`,
      cursor: from,
      db: database(),
      ...(also && from === "0" ? { also } : {}),
    });
  }

  async load({ from = "0" } = {}) {
    const turn = ++this.#asked;
    try {
      const page = await api("GET", `/api/kvdb/keys?${this.#question(from)}`);
      // Answers may overtake each other; only the latest question counts.
      if (turn !== this.#asked) return;
      const fresh = page.keys.map((key) => ({ ...key, endsAt: endOf(key) }));
      const earlier =
        from === "0" ? [] : this.#keys.filter(({ href }) => !fresh.some((one) => one.href === href));
      this.#keys = [...earlier, ...fresh].sort((a, b) =>
        a.key < b.key ? -1 : a.key > b.key ? 1 : 0,
      );
      this.#cursor = page.cursor;
      this.hasMorePages = from !== "0";
      this.outage(null);
      this.#show();
    } catch (error) {
      if (turn === this.#asked) this.outage(error.message);
    }
  }

  /** Mark the key that is looked at; null for none. */
  mark(href) {
    this.#shownHref = href;
    for (const row of byId("keys").children)
      set(row, { "aria-current": row.itemKey === href && "true" });
  }

  flash(href) {
    const row = [...byId("keys").children].find((one) => one.itemKey === href);
    row?.classList.add("is-fresh");
    row?.addEventListener("animationend", () => row.classList.remove("is-fresh"), { once: true });
    row?.scrollIntoView({ block: "nearest" });
  }

  #show() {
    keyed(
      byId("keys"),
      this.#keys,
      ({ href }) => href,
      (key) => this.#createRow(key),
      (row, key) => this.#showRow(row, key),
    );
    byId("no-keys").hidden = this.#keys.length > 0;
    byId("more-line").hidden = this.#cursor === null;
    const amount = this.#keys.length;
    text(
      byId("shown"),
      this.#cursor === null ? count(amount, "key") : `${number(amount)} keys, and more`,
    );
  }

  #createRow(key) {
    const removal = h(
      "button",
      {
        type: "button",
        class: "icon-button is-danger",
        "data-testid": `kv-delete-${key.key}`,
        "aria-label": `Delete ${key.key}`,
        onclick: (event) => {
          event.stopPropagation();
          this.remove(key);
        },
      },
      icon("remove"),
    );
    return h(
      "tr",
      {
        class: "is-clickable",
        "data-testid": `kv-row-${key.key}`,
        onclick: () => this.inspect(key, { isAsked: true }),
      },
      h(
        "td",
        {},
        h("button", { type: "button", class: "key-name truncate", title: key.key }, key.key),
      ),
      h("td", {}, h("span", { class: "badge is-square", "data-field": "type" })),
      h("td", { class: "numeric quiet key-memory", "data-field": "memory" }),
      h("td", { class: "numeric quiet", "data-field": "ttl" }),
      h("td", { class: "numeric" }, removal),
    );
  }

  #showRow(row, key) {
    row.keyShown = key;
    text(row.querySelector('[data-field="type"]'), key.type);
    text(row.querySelector('[data-field="memory"]'), size(key.memory_bytes));
    set(row, { "aria-current": this.#shownHref === key.href && "true" });
    showLife(row);
  }

  /** Lifetimes run down here, without asking; what has ended is asked for once more. */
  #runDown() {
    for (const row of byId("keys").children) showLife(row);
    const now = Date.now();
    const alive = this.#keys.filter(({ endsAt }) => endsAt === null || endsAt > now);
    if (alive.length === this.#keys.length) return;
    this.#keys = alive;
    this.#show();
    if (!this.hasMorePages) this.load();
  }
}

function showLife(row) {
  const { endsAt } = row.keyShown;
  const left = endsAt === null ? null : endsAt - Date.now();
  row.classList.toggle("is-ending", left !== null && left < 10_000);
  text(row.querySelector('[data-field="ttl"]'), lifeText(left));
}
