// Lists, hashes, sets and sorted sets: a table of elements, each to be changed or removed, and a
// line to add one.

import { api } from "/static/api.js";
import { h, icon } from "/static/dom.js";
import { number } from "/static/format.js";
import { failed } from "/static/notices.js";
import { additionForm, changeForm, expiryForm } from "./element_forms.js";
import { lifeText } from "./lifetime.js";

/** What of an element each type lets one change: the place of that cell, and how. */
const KINDS = {
  list: {
    cell: 1,
    change: (row, value) => ["list-set", { element: row.id, value }],
    remove: (row) => ["list-remove", { element: row.id, expected: row.cells[1].text.slice(0, 200) }],
  },
  hash: {
    cell: 1,
    change: (row, value) => ["hash-set", { element: row.id, value }],
    remove: (row) => ["hash-remove", { element: row.id }],
  },
  set: {
    cell: 0,
    change: (row, value) => ["set-replace", { element: row.id, value }],
    remove: (row) => ["set-remove", { element: row.id }],
  },
  zset: {
    cell: 1,
    change: (row, score) => ["zset-set", { element: row.id, score }],
    remove: (row) => ["zset-remove", { element: row.id }],
  },
};

export function elementEditor(value, change) {
  const body = h("tbody", { "data-testid": "kv-elements" });
  const append = (rows) => body.append(...rows.map((row) => elementRow(value, row, change)));
  append(value.rows);
  const columns = value.has_field_ttl ? [...value.columns, "lives"] : value.columns;
  const head = h(
    "tr",
    {},
    columns.map((name) => h("th", { scope: "col" }, name)),
    h("th", { scope: "col" }, h("span", { class: "visually-hidden" }, "Change")),
  );
  const table = h("table", { class: `is-${value.type}` }, h("thead", {}, head), body);
  return [
    h("div", { class: "element-table", tabindex: 0, role: "region", "aria-label": "Elements" }, table),
    moreLine(value, append),
    additionForm(value.type, change),
  ].filter(Boolean);
}

/** The button that reads on in a large value. */
export function moreLine(value, append) {
  if (value.next === null) return null;
  let { next } = value;
  let shown = value.rows.length;
  const label = () => `Show more: ${number(shown)} of ${number(value.size)} are here`;
  const button = h(
    "button",
    {
      type: "button",
      class: "button is-small",
      "data-testid": "kv-more-elements",
      onclick: async () => {
        try {
          const page = await api("GET", `${value.href}&start=${encodeURIComponent(next)}`);
          append(page.rows);
          shown += page.rows.length;
          ({ next } = page);
        } catch (error) {
          failed("Could not read on", error);
        }
        if (next === null) button.remove();
        else button.textContent = label();
      },
    },
    label(),
  );
  return button;
}

function elementRow(value, row, change) {
  const kind = KINDS[value.type];
  const name = textOf(row.cells[0]);
  const element = h("tr", { "data-testid": `kv-element-${name}` });
  const show = () => {
    const cells = row.cells.map((cell) => h("td", {}, shownCell(cell)));
    if (value.has_field_ttl) cells.push(h("td", {}, lifeButton(row, element, change)));
    element.replaceChildren(...cells, h("td", { class: "element-buttons" }, ...buttons()));
  };
  const edit = () => {
    const cell = element.children[kind.cell];
    const form = changeForm(textOf(row.cells[kind.cell]), value.type === "zset", {
      save: (text) => change(...kind.change(row, text)),
      cancel: () => {
        show();
        element.querySelector("button")?.focus();
      },
    });
    cell.replaceChildren(form);
    form.elements[0].focus();
  };
  const buttons = () => [
    canEdit(row.cells[kind.cell])
      ? iconButton("edit", `Change ${name}`, `kv-change-${name}`, edit)
      : null,
    iconButton("remove", `Remove ${name}`, `kv-remove-${name}`, () => change(...kind.remove(row))),
  ].filter(Boolean);
  show();
  return element;
}

/** The time that a field has left; pressed, it can be given another. */
function lifeButton(row, element, change) {
  const left = row.ttl_ms ?? null;
  const button = h(
    "button",
    {
      type: "button",
      class: "link-button",
      "aria-label": `Lifetime of ${textOf(row.cells[0])}: ${lifeText(left)}`,
      "data-testid": `kv-field-ttl-${textOf(row.cells[0])}`,
      onclick: () => {
        const form = expiryForm({
          save: (seconds) => change("hash-expire", { element: row.id, ttl_s: seconds }),
          cancel: () => form.replaceWith(button),
        });
        button.replaceWith(form);
        form.elements[0].focus();
      },
    },
    lifeText(left),
  );
  return button;
}

function iconButton(name, label, testId, action) {
  return h(
    "button",
    {
      type: "button",
      class: `icon-button is-small${name === "remove" ? " is-danger" : ""}`,
      "aria-label": label,
      title: label,
      "data-testid": testId,
      onclick: action,
    },
    icon(name),
  );
}

const textOf = (cell) => (typeof cell === "string" ? cell : cell.text);
const canEdit = (cell) => typeof cell === "string" || !(cell.is_binary || cell.is_cut);

/** A cell of a table; what is no text or too long says so. */
export function shownCell(cell) {
  if (typeof cell === "string") return cell;
  if (!cell.is_binary && !cell.is_cut) return cell.text === "" ? emptyMark() : cell.text;
  const label = cell.is_binary ? "bytes" : "cut";
  return h("span", {}, cell.text, " ", h("span", { class: "badge is-square" }, label));
}

const emptyMark = () => h("span", { class: "quiet" }, "(empty)");
