// The form that makes a key of any type: one line of its text is one element.

import { byId, text } from "/static/dom.js";
import { api } from "/static/api.js";
import { done, failed } from "/static/notices.js";
import { hrefOf } from "./database.js";
import { secondsOf } from "./lifetime.js";

const FORMS = {
  string: { label: "Value", hint: "", placeholder: "", verb: "Set" },
  list: {
    label: "Elements",
    hint: "One element a line, from left to right.",
    placeholder: "first\nsecond",
    verb: "Make",
  },
  hash: {
    label: "Fields",
    hint: "One field a line: name=value.",
    placeholder: "name=Ada\nborn=1815",
    verb: "Make",
  },
  set: { label: "Members", hint: "One member a line.", placeholder: "red\ngreen", verb: "Make" },
  zset: {
    label: "Members",
    hint: "One member a line: its score, a space, the member.",
    placeholder: "10 ada\n7.5 bob",
    verb: "Make",
  },
  stream: {
    label: "First entry",
    hint: "One field a line: name=value. Together they are one entry.",
    placeholder: "event=start\nby=ada",
    verb: "Make",
  },
};

export class Mistake extends Error {}

/** Lines as pairs, each cut at the first `mark`; a line without it is a mistake. */
export function pairsOf(lines, mark, isSwapped = false) {
  return lines.map((line) => {
    const at = line.indexOf(mark);
    if (at < 1) throw new Mistake(`“${line}” has no “${mark === " " ? "space" : mark}” in it.`);
    const pair = [line.slice(0, at), line.slice(at + 1)];
    return isSwapped ? pair.reverse() : pair;
  });
}

export const linesOf = (content) => content.split("\n").filter((line) => line.trim() !== "");

function bodyOf(kind, content) {
  if (kind === "string") return { value: content };
  const lines = linesOf(content);
  if (!lines.length) throw new Mistake("A key of this type holds at least one element.");
  const elements = {
    list: () => lines,
    set: () => lines,
    hash: () => pairsOf(lines, "="),
    stream: () => pairsOf(lines, "="),
    zset: () => pairsOf(lines, " ", true),
  }[kind]();
  return { type: kind, elements };
}

/** Call `made` with a key that has been made, as the API names it. */
export function followCreation(made) {
  const showForm = () => {
    const form = FORMS[byId("kind").value];
    text(byId("value-label"), form.label);
    text(byId("value-hint"), form.hint);
    byId("value").placeholder = form.placeholder;
    text(byId("set"), form.verb);
  };
  byId("new").addEventListener("click", () => byId("key").focus());
  byId("kind").addEventListener("change", showForm);
  showForm();
  // Until now the browser itself would have sent the form, and the page would be gone.
  byId("set").disabled = false;
  byId("set-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const name = byId("key").value;
    const kind = byId("kind").value;
    try {
      const body = { ...bodyOf(kind, byId("value").value), ttl_s: secondsOf(byId("ttl")) };
      const key = await api("PUT", hrefOf(name), body);
      done(kind === "string" ? `Set ${name}` : `Made ${name}`);
      made(key, name);
    } catch (error) {
      failed(`Could not make ${name}`, error);
    }
  });
}
