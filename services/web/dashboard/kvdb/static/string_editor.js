// A string: its text to be edited, or, where it is none, its bytes to be looked at.

import { h } from "/static/dom.js";
import { number } from "/static/format.js";

export function stringEditor(value, change) {
  const { text: shown, is_binary: isBinary, is_cut: isCut } = value.string;
  const hints = [
    value.distinct === undefined
      ? null
      : `A HyperLogLog that has seen about ${number(value.distinct)} different elements.`,
    isBinary ? "Not text: bytes that are no UTF-8 are shown as \\xff." : null,
    isCut ? "Only the beginning is shown, so it cannot be edited here." : null,
  ];
  const notes = hints.filter(Boolean).map((hint) => h("p", { class: "hint" }, hint));
  if (isBinary || isCut) {
    return [h("pre", { class: "code-block", tabindex: 0 }, shown), ...notes];
  }
  const area = h("textarea", {
    id: "string-text",
    class: "string-text",
    "data-testid": "kv-string",
    spellcheck: "false",
    rows: Math.min(16, Math.max(3, shown.split("\n").length)),
  });
  area.value = shown;
  const save = h(
    "button",
    { type: "submit", class: "button is-small is-primary", "data-testid": "kv-string-save", disabled: true },
    "Save",
  );
  area.addEventListener("input", () => {
    save.disabled = area.value === shown;
  });
  const pretty = prettyJson(shown);
  const format = h(
    "button",
    {
      type: "button",
      class: "button is-small",
      "data-testid": "kv-string-format",
      onclick: () => {
        area.value = pretty;
        area.rows = Math.min(16, pretty.split("\n").length);
        area.dispatchEvent(new Event("input"));
      },
    },
    "Indent the JSON",
  );
  const form = h(
    "form",
    {
      onsubmit: (event) => {
        event.preventDefault();
        change("string-set", { value: area.value });
      },
    },
    h("label", { class: "visually-hidden", for: "string-text" }, "Value"),
    area,
    h("div", { class: "row end" }, pretty !== null && pretty !== shown ? format : null, save),
  );
  return [form, ...notes];
}

/** An object or a list as indented JSON; null for anything else. */
function prettyJson(text) {
  if (!/^\s*[[{]/.test(text)) return null;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return null;
  }
}
