// One key: what is known of it, its value with an editor for its type, its name and lifetime.

import { api } from "/static/api.js";
import { asksTwice } from "/static/asking.js";
import { byId, icon, reveal, text } from "/static/dom.js";
import { count, size } from "/static/format.js";
import { done, failed } from "/static/notices.js";
import { elementEditor } from "./element_editor.js";
import { endOf, lifeText, secondsOf } from "./lifetime.js";
import { streamEditor } from "./stream_editor.js";
import { stringEditor } from "./string_editor.js";

export class Inspector {
  #key = null;
  #turn = 0;

  /** `changed(key)` when the list has to be read again, `opened(href)` when another key is shown. */
  constructor({ changed, opened }) {
    this.changed = changed;
    this.opened = opened;
    byId("close-inspector").append(icon("close"));
    byId("close-inspector").addEventListener("click", () => this.close());
    byId("reread").addEventListener("click", () => this.open(this.#key));
    asksTwice(byId("delete"), () => this.remove(this.#key), "Delete it?");
    byId("rename-form").addEventListener("submit", (event) => this.#rename(event));
    byId("expire-form").addEventListener("submit", (event) => this.#expire(event));
    setInterval(() => this.#showLife(), 1000);
  }

  async open(key, { isAsked = false } = {}) {
    const turn = ++this.#turn;
    this.opened(key.href);
    try {
      const value = await api("GET", key.href);
      if (turn !== this.#turn) return;
      this.#show(value);
      if (isAsked) reveal(byId("inspector"));
    } catch (error) {
      if (error.status === 404) {
        this.close();
        this.changed();
      } else failed(`Could not read ${key.key}`, error);
    }
  }

  close() {
    this.#turn += 1;
    this.#key = null;
    byId("inspector").hidden = true;
    this.opened(null);
  }

  /** The key that is shown may be gone with another database. */
  get href() {
    return this.#key?.href ?? null;
  }

  #show(value) {
    const isOther = this.#key?.href !== value.href;
    this.#key = { ...value, endsAt: endOf(value) };
    byId("inspector").hidden = false;
    text(byId("inspector-title"), value.key);
    text(byId("inspected-type"), value.type);
    text(byId("inspected-encoding"), value.encoding ?? "–");
    text(byId("inspected-size"), sizeText(value));
    text(byId("inspected-memory"), size(value.memory_bytes));
    if (isOther) {
      byId("rename").value = value.is_exact ? value.key : "";
      byId("expire").value = "";
    }
    byId("inspected-value").replaceChildren(...this.#editor(value));
    this.#showLife();
  }

  #editor(value) {
    const change = (action, fields) => this.change(action, fields);
    if (value.string) return stringEditor(value, change);
    if (value.type === "stream") return streamEditor(value, change);
    if (value.columns) return elementEditor(value, change);
    return [];
  }

  /** Change a part of the value, and show what it is then; false where it could not be done. */
  async change(action, fields) {
    const key = this.#key;
    try {
      await api("POST", key.href, { action, ...fields });
    } catch (error) {
      failed(`Could not change ${key.key}`, error);
      return false;
    }
    await Promise.all([this.open(key), this.changed()]);
    return true;
  }

  async remove(key) {
    try {
      await api("DELETE", key.href);
      done(`Deleted ${key.key}`);
      if (this.href === key.href) this.close();
      await this.changed();
    } catch (error) {
      failed(`Could not delete ${key.key}`, error);
    }
  }

  async #rename(event) {
    event.preventDefault();
    const key = this.#key;
    const name = byId("rename").value;
    try {
      const renamed = await api("PATCH", key.href, { name });
      done(`Renamed ${key.key} to ${name}`);
      await this.changed(name);
      this.open(renamed);
    } catch (error) {
      failed(`Could not rename ${key.key}`, error);
    }
  }

  async #expire(event) {
    event.preventDefault();
    const key = this.#key;
    try {
      await api("PATCH", key.href, { ttl_s: secondsOf(byId("expire")) });
      await this.changed();
      this.open(key);
    } catch (error) {
      failed(`Could not change ${key.key}`, error);
    }
  }

  #showLife() {
    if (this.#key === null) return;
    const { endsAt } = this.#key;
    const left = endsAt === null ? null : endsAt - Date.now();
    text(byId("inspected-ttl"), left !== null && left <= 0 ? "has ended" : lifeText(left));
  }
}

function sizeText({ type, size: amount, distinct }) {
  if (amount === null) return "–";
  if (distinct !== undefined) return `${size(amount)}, a HyperLogLog`;
  const noun = { list: "element", hash: "field", stream: "entry" }[type] ?? "member";
  if (type === "string") return size(amount);
  return count(amount, noun, type === "stream" ? "entries" : `${noun}s`);
}
