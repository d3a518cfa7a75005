// The indexes of a collection: what they are over, how often they are used, how large they are.

import { api } from "/static/api.js";
import { asksTwice } from "/static/asking.js";
import { byId, h, keyed, text } from "/static/dom.js";
import { number, size } from "/static/format.js";
import { done, failed } from "/static/notices.js";
import { place, queryOf } from "./place.js";

export class Indexes {
  constructor({ changed }) {
    this.changed = changed;
    byId("index-form").addEventListener("submit", (event) => this.#create(event));
  }

  async load() {
    const where = place();
    if (!where) {
      byId("indexes").replaceChildren();
      byId("no-indexes").hidden = false;
      return;
    }
    try {
      const { indexes } = await api("GET", `/api/docdb/indexes?${queryOf(where)}`);
      byId("no-indexes").hidden = indexes.length > 0;
      text(byId("no-indexes"), "A view has no indexes of its own.");
      const keyOf = ({ name }) => `${where.db}.${where.collection}.${name}`;
      keyed(byId("indexes"), indexes, keyOf, (index) => this.#row(where, index), showUse);
    } catch (error) {
      byId("indexes").replaceChildren();
      byId("no-indexes").hidden = false;
      text(byId("no-indexes"), error.message);
    }
  }

  #row(where, index) {
    const { name, key, options } = index;
    const drop =
      name === "_id_"
        ? null
        : asksTwice(
            h("button", { type: "button", class: "button is-small is-danger", "data-testid": `doc-index-drop-${name}` }, "Drop"),
            () => this.#drop(where, name),
          );
    return h(
      "tr",
      { "data-testid": `doc-index-${name}` },
      h("th", { scope: "row", class: "mono" }, name),
      h("td", { class: "mono command-words" }, JSON.stringify(key)),
      h("td", { class: "mono quiet command-words" }, Object.keys(options).length ? JSON.stringify(options) : "–"),
      h("td", { class: "numeric", "data-field": "uses" }),
      h("td", { class: "numeric", "data-field": "size" }),
      h("td", { class: "numeric" }, drop),
    );
  }

  async #create(event) {
    event.preventDefault();
    const where = place();
    if (!where) {
      failed("Could not make the index", new Error("Choose a collection first."));
      return;
    }
    try {
      const body = { key: byId("index-key").value, options: byId("index-options").value };
      await api("POST", `/api/docdb/indexes?${queryOf(where)}`, body);
      done("Made the index");
      byId("index-form").reset();
      await Promise.all([this.load(), this.changed()]);
    } catch (error) {
      failed("Could not make the index", error);
    }
  }

  async #drop(where, name) {
    try {
      await api("DELETE", `/api/docdb/indexes?${queryOf(where, { name })}`);
      done(`Dropped ${name}`);
      await Promise.all([this.load(), this.changed()]);
    } catch (error) {
      failed(`Could not drop ${name}`, error);
    }
  }
}

function showUse(row, { uses, size_bytes: bytes }) {
  text(row.querySelector('[data-field="uses"]'), uses === null ? "–" : number(uses));
  text(row.querySelector('[data-field="size"]'), size(bytes));
}
