// A reply as redis-cli writes it: its type, its nesting, its numbers in front.
//
//   1) "a"
//   2) 1) (integer) 1
//      2) (nil)

import { h } from "/static/dom.js";
import { number } from "/static/format.js";

const EMPTY = { array: "(empty array)", set: "(empty set)", map: "(empty hash)" };

/** The lines of a reply, each a list of [class, text]. */
export function linesOfReply(reply) {
  switch (reply.type) {
    case "nil":
      return [[["is-nil", "(nil)"]]];
    case "integer":
    case "double":
    case "boolean":
      return [[["is-type", `(${reply.type}) `], ["is-number", reply.text]]];
    case "status":
      return [[["is-status", reply.text]]];
    case "error":
      return [[["is-error", `(error) ${reply.text}`]]];
    case "text":
      return withEnd(
        reply.text.replace(/\n$/, "").split("\n").map((line) => [["is-string", line]]),
        reply,
      );
    case "string":
      return withEnd([[["is-string", reply.text]]], reply);
    default:
      return aggregate(reply);
  }
}

const withEnd = (lines, { is_cut: isCut }) =>
  isCut ? [...lines, [["is-type", "… only the beginning is shown"]]] : lines;

function aggregate(reply) {
  if (!reply.size) return [[["is-nil", EMPTY[reply.type]]]];
  const entries = reply.type === "map" ? pairs(reply.items) : reply.items.map((one) => [one]);
  const mark = { map: "#", set: "~" }[reply.type] ?? ")";
  const width = String(reply.size).length;
  const lines = entries.flatMap(([first, second], at) => {
    const label = `${String(at + 1).padStart(width)}${mark} `;
    return second === undefined
      ? behind(label, linesOfReply(first))
      : behind(label, joined(linesOfReply(first), linesOfReply(second)));
  });
  const left = reply.size - entries.length;
  if (left > 0) lines.push([["is-type", `… and ${number(left)} more, which are not shown`]]);
  return lines;
}

function pairs(items) {
  return Array.from({ length: Math.ceil(items.length / 2) }, (_, at) => [
    items[2 * at],
    items[2 * at + 1] ?? { type: "nil" },
  ]);
}

/** A name of a map and what belongs to it: on one line, or with its lines below. */
function joined(name, value) {
  if (value.length === 1) return [[...name.at(-1), ["is-type", " => "], ...value[0]]];
  return [[...name.at(-1), ["is-type", " =>"]], ...value.map((line) => [["", "   "], ...line])];
}

/** The first line gets the label, the others as much room. */
function behind(label, lines) {
  const room = " ".repeat(label.length);
  return lines.map((line, at) => [["is-type", at ? room : label], ...line]);
}

/** A reply as an element that a person reads and copies. */
export function replyElement(reply) {
  const lines = linesOfReply(reply);
  return h(
    "pre",
    { class: "reply", "data-testid": "kv-reply", "data-state": reply.type },
    ...lines.flatMap((line, at) => [
      at ? "\n" : null,
      ...line.map(([kind, content]) => (kind ? h("span", { class: kind }, content) : content)),
    ]),
  );
}
