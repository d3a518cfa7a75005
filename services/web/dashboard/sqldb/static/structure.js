// One table, view, sequence or type: columns, constraints, indexes, with sizes and counts.

import { api } from "/static/api.js";
import { byId, h, text } from "/static/dom.js";
import { count, number, size } from "/static/format.js";
import { place, queryOf, quoted } from "./place.js";

const COUNTS = [
  ["n_tup_ins", "inserted"],
  ["n_tup_upd", "updated"],
  ["n_tup_hot_upd", "of these without touching an index"],
  ["n_tup_del", "deleted"],
  ["n_dead_tup", "old versions to be freed"],
  ["n_mod_since_analyze", "changed since ANALYZE"],
];

export class Structure {
  #turn = 0;

  /** `browse(sql)` shows the rows of what is chosen. */
  constructor({ browse }) {
    byId("browse").addEventListener("click", () => {
      const { schema, name } = place();
      browse(`SELECT * FROM ${quoted(schema)}.${quoted(name)};`);
    });
  }

  async load() {
    const where = place();
    if (!where) return;
    const turn = ++this.#turn;
    try {
      const found = await api("GET", `/api/sqldb/relation?${queryOf(where)}`);
      if (turn === this.#turn) show(found);
    } catch (error) {
      if (turn === this.#turn) showNothing(where, error.message);
    }
  }
}

function showNothing(where, message) {
  text(byId("place-name"), `${where.schema}.${where.name}`);
  text(byId("place-facts"), "");
  byId("browse").hidden = true;
  byId("structure").replaceChildren();
  byId("no-structure").hidden = false;
  text(byId("no-structure"), message);
}

function show(found) {
  const { schema, name, kind, comment, rows, bytes, index_bytes: indexBytes } = found;
  byId("no-structure").hidden = true;
  text(byId("place-name"), `${schema}.${name}`);
  const facts = [kind === "enum" || kind === "composite" ? `${kind} type` : kind];
  if (rows !== undefined) facts.push(`about ${count(rows ?? 0, "row")}`, size(bytes), `${size(indexBytes)} of indexes`);
  if (comment) facts.push(comment);
  text(byId("place-facts"), facts.join(" · "));
  byId("browse").hidden = !found.columns || kind === "composite";
  const parts = [
    found.columns && columnsCard(found.columns),
    found.constraints?.length && constraintsCard(found.constraints),
    found.indexes?.length && indexesCard(found.indexes),
    found.definition && definitionCard(found.definition),
    found.labels && labelsCard(found.labels),
    found.facts && factsCard("Sequence", Object.entries(found.facts)),
    found.counts && countsCard(found.counts),
  ];
  byId("structure").replaceChildren(...parts.filter(Boolean));
}

function card(title, ...content) {
  return h("section", { class: "card", "aria-label": title }, h("div", { class: "card-head" }, h("h2", {}, title)), content);
}

/** A table of rows; `columns` are pairs of a title and a class. */
function tableCard(title, columns, rows) {
  const head = columns.map(([label, kind]) => h("th", { scope: "col", class: kind }, label));
  return card(
    title,
    h("div", { class: "table-scroll" }, h("table", { class: "wide" }, h("thead", {}, h("tr", {}, head)), h("tbody", {}, rows))),
  );
}

const nameCell = (name) => h("th", { scope: "row", class: "mono" }, name);
const words = (content) => h("td", { class: "mono command-words" }, content);

function columnsCard(columns) {
  const heads = [["Column"], ["Type"], ["NULL"], ["Default"]];
  const rows = columns.map(({ name, type, is_required: isRequired, default: value, comment }) =>
    h(
      "tr",
      { "data-testid": `sql-column-${name}`, title: comment || null },
      nameCell(name),
      h("td", { class: "mono" }, type),
      h("td", { class: "quiet" }, isRequired ? "no" : "yes"),
      words(value || "–"),
    ),
  );
  return tableCard(count(columns.length, "column"), heads, rows);
}

function constraintsCard(constraints) {
  const rows = constraints.map(({ name, kind, definition, from }) =>
    h(
      "tr",
      { "data-testid": `sql-constraint-${name}` },
      nameCell(name),
      h("td", { class: "quiet" }, from ? "referenced" : kind),
      words(from ? `by ${from}: ${definition}` : definition),
    ),
  );
  return tableCard("Constraints", [["Constraint"], ["Kind"], ["Definition"]], rows);
}

function indexesCard(indexes) {
  const rows = indexes.map(({ name, definition, is_unique: isUnique, is_primary: isPrimary, bytes }) =>
    h(
      "tr",
      { "data-testid": `sql-index-${name}` },
      nameCell(name),
      h("td", { class: "quiet" }, isPrimary ? "primary" : isUnique ? "unique" : "–"),
      words(definition.replace(/^CREATE (UNIQUE )?INDEX .* USING /, "")),
      h("td", { class: "numeric" }, size(bytes)),
    ),
  );
  return tableCard("Indexes", [["Index"], ["Kind"], ["On"], ["Size", "numeric"]], rows);
}

const definitionCard = (definition) => card("Definition", h("pre", { class: "card-body definition" }, definition));

const labelsCard = (labels) =>
  card("Labels, in their order", h("ol", { class: "card-body labels" }, labels.map((label) => h("li", { class: "mono" }, label))));

const factsCard = (title, pairs) =>
  card(
    title,
    h(
      "dl",
      { class: "card-body facts" },
      pairs.flatMap(([name, value]) => [h("dt", {}, name.replaceAll("_", " ")), h("dd", { class: "mono" }, value ?? "–")]),
    ),
  );

const countsCard = (counts) =>
  factsCard("Rows since the start", COUNTS.filter(([key]) => key in counts).map(([key, label]) => [label, number(counts[key])]));
