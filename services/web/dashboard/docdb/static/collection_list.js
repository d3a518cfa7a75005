// The list of databases and their collections.

import { api } from "/static/api.js";
import { asksTwice } from "/static/asking.js";
import { byId, h, icon, keyed, reveal, set, text } from "/static/dom.js";
import { count, number, size } from "/static/format.js";
import { done, failed } from "/static/notices.js";
import { choosePlace, onPlace, place, queryOf } from "./place.js";

export class CollectionList {
  #databases = [];
  #turn = 0;

  constructor({ outage }) {
    this.outage = outage;
    const open = byId("new-collection");
    open.append(icon("plus"));
    open.addEventListener("click", () => this.#showForm(byId("collection-form").hidden));
    byId("collection-form").addEventListener("submit", (event) => this.#create(event));
    onPlace(() => this.#mark());
  }

  async load() {
    const turn = ++this.#turn;
    try {
      const { databases } = await api("GET", "/api/docdb/collections");
      if (turn !== this.#turn) return;
      this.#databases = databases.filter(({ collections }) => collections.length);
    } catch (error) {
      if (error.status === 503) this.outage(error.message);
      else failed("Could not list the collections", error);
      return;
    }
    this.#show();
  }

  #show() {
    byId("no-collections").hidden = this.#databases.length > 0;
    keyed(byId("collections"), this.#databases, ({ name }) => name, createDatabase, (element, database) => {
      keyed(
        element.querySelector("ul"),
        database.collections,
        ({ name }) => name,
        ({ name }) => this.#createRow({ db: database.name, collection: name }),
        showCollection,
      );
    });
    this.#mark();
  }

  #createRow(where) {
    return h(
      "li",
      { "data-testid": `doc-collection-${where.db}.${where.collection}` },
      h(
        "button",
        { type: "button", class: "side-entry", onclick: () => this.#choose(where) },
        h("span", { class: "mono truncate" }, where.collection),
        h("span", { class: "quiet side-count" }),
      ),
    );
  }

  #choose(where) {
    choosePlace(where);
    reveal(byId("place"));
  }

  /** Show which one is chosen, and what is known of it. */
  #mark() {
    const here = place();
    for (const group of byId("collections").children) {
      for (const row of group.querySelectorAll("li")) {
        const isHere = group.itemKey === here?.db && row.itemKey === here?.collection;
        set(row.firstElementChild, { "aria-current": isHere ? "true" : null });
      }
    }
    text(byId("place-name"), here ? `${here.db}.${here.collection}` : "Choose a collection");
    const database = this.#databases.find(({ name }) => name === here?.db);
    const collection = database?.collections.find(({ name }) => name === here?.collection);
    byId("place-facts").replaceChildren(...(collection ? this.#facts(here, collection) : []));
  }

  #facts(where, collection) {
    const drop = asksTwice(
      h("button", { type: "button", class: "link-button is-danger", "data-testid": "doc-drop" }, "Drop"),
      () => this.#drop(where),
      "Drop all of it?",
    );
    if (collection.type === "view") return ["a view ", drop];
    const facts = [
      count(collection.count, "document"),
      size(collection.size_bytes),
      `${count(collection.indexes, "index", "indexes")}, ${size(collection.index_bytes)}`,
    ];
    if (collection.is_capped) facts.push("capped");
    return [`${facts.join(" · ")} `, drop];
  }

  async #drop(where) {
    try {
      await api("DELETE", `/api/docdb/collection?${queryOf(where)}`);
      done(`Dropped ${where.db}.${where.collection}`);
      choosePlace(null);
      await this.load();
    } catch (error) {
      failed("Could not drop the collection", error);
    }
  }

  #showForm(isShown) {
    byId("collection-form").hidden = !isShown;
    set(byId("new-collection"), { "aria-expanded": String(isShown) });
    if (!isShown) return;
    byId("collection-db").value ||= place()?.db ?? "";
    byId(byId("collection-db").value ? "collection-name" : "collection-db").focus();
  }

  async #create(event) {
    event.preventDefault();
    const where = { db: byId("collection-db").value.trim(), collection: byId("collection-name").value.trim() };
    try {
      await api("PUT", `/api/docdb/collection?${queryOf(where)}`, {});
      done(`Made ${where.db}.${where.collection}`);
      byId("collection-name").value = "";
      this.#showForm(false);
      choosePlace(where);
      await this.load();
    } catch (error) {
      failed("Could not make the collection", error);
    }
  }
}

function createDatabase({ name }) {
  return h("div", { class: "side-group" }, h("h3", { class: "mono truncate" }, name), h("ul", { "aria-label": `Collections of ${name}` }));
}

function showCollection(row, { type, count: amount }) {
  text(row.querySelector(".side-count"), type === "view" ? "view" : number(amount));
}
