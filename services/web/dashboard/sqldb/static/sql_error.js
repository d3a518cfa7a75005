// An error of a statement: what the server says, and the place in the text that it means.
//
// The server counts characters as code points, a text in the browser is UTF-16: an emoji is one
// there and two here.

import { h } from "/static/dom.js";

const MAX_LINE = 160;

/** The part of a text between two places of the server's counting. */
export const slice = (sql, start, end) => [...sql].slice(start, end).join("");

/** A place of the browser's counting as one of the server's. */
export const codePointsBefore = (sql, place) => [...sql.slice(0, place)].length;

/** The element that tells of it; `editor` is where the place can be shown. */
export function errorBlock({ severity, sqlstate, message, detail, hint, position }, { sql, editor }) {
  return h(
    "div",
    { class: "sql-error", role: "alert", "data-testid": "sql-error" },
    h("p", {}, h("strong", {}, `${severity} `), message, " ", h("span", { class: "badge is-square" }, sqlstate)),
    position === null ? null : marked(sql, position),
    detail ? h("p", { class: "quiet" }, `Detail: ${detail}`) : null,
    hint ? h("p", { class: "quiet" }, `Hint: ${hint}`) : null,
    position === null ? null : pointer(sql, position, editor),
  );
}

/** The line with the mistake marked in it, and a caret below, as psql shows it. */
function marked(sql, position) {
  const place = slice(sql, 0, position).length;
  const lineStart = sql.lastIndexOf("\n", place - 1) + 1;
  const lineEnd = sql.indexOf("\n", place) < 0 ? sql.length : sql.indexOf("\n", place);
  const number = sql.slice(0, lineStart).split("\n").length;
  const word = wordAt(sql, place);
  const label = `LINE ${number}: `;
  const before = sql.slice(Math.max(lineStart, place - MAX_LINE), place).replaceAll("\t", " ");
  const after = sql.slice(place + word.length, Math.min(lineEnd, place + word.length + MAX_LINE));
  const indent = " ".repeat(label.length + [...before].length);
  return h(
    "pre",
    { class: "sql-mark", "data-testid": "sql-mark" },
    h("span", { class: "quiet" }, label),
    before,
    h("mark", {}, word || " "),
    after,
    `\n${indent}^`,
  );
}

/** What stands at a place: a word, a quoted thing, or one sign. */
const wordAt = (sql, place) => /^(?:[\p{L}\p{N}_$]+|"[^"\n]*"|'[^'\n]*'|[^\s])/u.exec(sql.slice(place))?.[0] ?? "";

function pointer(sql, position, editor) {
  const place = slice(sql, 0, position).length;
  const show = () => {
    editor.focus();
    editor.setSelectionRange(place, place + Math.max(1, wordAt(sql, place).length));
  };
  return h("button", { type: "button", class: "link-button", "data-testid": "sql-goto", onclick: show }, "Select it in the text");
}
