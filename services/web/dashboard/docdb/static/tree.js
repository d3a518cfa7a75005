// A document as a tree: fields with their types, and what is nested can be folded.

import { h } from "/static/dom.js";
import { count } from "/static/format.js";
import { described } from "./extended_json.js";

const MAX_TEXT = 2000;
const OPEN_DEPTH = 2;
const OPEN_ENTRIES = 12;

/** The fields of an object or the elements of an array. */
export function tree(value, depth = 0) {
  const { entries } = described(value);
  return h("ul", { class: "tree" }, entries.map(([name, item]) => node(name, item, depth)));
}

function node(name, value, depth) {
  const { type, text, entries } = described(value);
  const label = h("span", { class: "tree-name" }, String(name));
  if (!entries) {
    const shown = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
    return h("li", {}, label, h("span", { class: `tree-value is-${type}`, title: type }, shown));
  }
  const isOpen = depth < OPEN_DEPTH && entries.length > 0 && entries.length <= OPEN_ENTRIES;
  const noun = type === "array" ? ["element"] : ["field"];
  return h(
    "li",
    {},
    h(
      "details",
      { open: isOpen },
      h("summary", {}, label, h("span", { class: "quiet" }, `${type}, ${count(entries.length, ...noun)}`)),
      tree(value, depth + 1),
    ),
  );
}

/** The document's name in a line: its _id, or nothing. */
export function identity(document) {
  if (!("_id" in document)) return "";
  const { text } = described(document._id);
  return text ?? JSON.stringify(document._id);
}
