// The list of schemas: tables, views, sequences and types of each, by kind.

import { api } from "/static/api.js";
import { byId, h, keyed, reveal, set, text } from "/static/dom.js";
import { number, size } from "/static/format.js";
import { failed } from "/static/notices.js";
import { choosePlace, onPlace, place } from "./place.js";

const KINDS = [
  ["Tables", ["table"]],
  ["Views", ["view"]],
  ["Sequences", ["sequence"]],
  ["Types", ["enum", "composite", "domain", "range"]],
];

export class SchemaList {
  #turn = 0;

  constructor({ outage }) {
    this.outage = outage;
    onPlace(() => this.#mark());
  }

  async load() {
    const turn = ++this.#turn;
    try {
      const { schemas, is_cut: isCut } = await api("GET", "/api/sqldb/schema");
      if (turn !== this.#turn) return;
      byId("schema-cut").hidden = !isCut;
      this.#show(schemas);
    } catch (error) {
      if (error.status === 503) this.outage(error.message);
      else failed("Could not list the schemas", error);
    }
  }

  #show(schemas) {
    const filled = schemas.filter(({ entries }) => entries.length);
    byId("no-schema").hidden = filled.length > 0;
    keyed(byId("schema"), filled, ({ name }) => name, createSchema, (element, schema) => {
      for (const part of element.querySelectorAll("[data-kinds]")) {
        const kinds = part.dataset.kinds.split(" ");
        const entries = schema.entries.filter(({ kind }) => kinds.includes(kind));
        part.hidden = entries.length === 0;
        text(part.querySelector(".side-count"), entries.length);
        const keyOf = ({ kind, name }) => `${kind} ${name}`;
        keyed(part.querySelector("ul"), entries, keyOf, ({ name }) => createEntry({ schema: schema.name, name }), showEntry);
      }
    });
    this.#mark();
  }

  /** Show which one is chosen. */
  #mark() {
    const here = place();
    for (const button of byId("schema").querySelectorAll(".side-entry")) {
      const { schema, name } = button.place;
      const isHere = schema === here?.schema && name === here?.name;
      set(button, { "aria-current": isHere ? "true" : null });
    }
  }
}

function createSchema({ name }) {
  return h(
    "div",
    { class: "side-group" },
    h("h3", { class: "mono truncate" }, name),
    KINDS.map(([title, kinds]) =>
      h(
        "details",
        { open: kinds[0] === "table" || kinds[0] === "view", "data-kinds": kinds.join(" ") },
        h("summary", { "data-testid": `sql-group-${name}-${title.toLowerCase()}` }, title, " ", h("span", { class: "side-count quiet" })),
        h("ul", { "aria-label": `${title} of ${name}` }),
      ),
    ),
  );
}

function createEntry(where) {
  const choose = () => {
    choosePlace(where);
    reveal(byId("tabs"));
  };
  const button = h(
    "button",
    { type: "button", class: "side-entry", onclick: choose },
    h("span", { class: "mono truncate" }, where.name),
    h("span", { class: "quiet side-count" }),
  );
  button.place = where;
  return h("li", { "data-testid": `sql-entry-${where.schema}.${where.name}` }, button);
}

function showEntry(row, { rows, bytes, kind }) {
  const counts = row.querySelector(".side-count");
  text(counts, rows === null ? (kind === "table" ? "–" : "") : number(rows));
  set(counts, { title: rows === null ? null : `about ${number(rows)} rows, ${size(bytes)} with indexes` });
}
