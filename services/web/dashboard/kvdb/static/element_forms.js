// The small forms within a value: changing one element, adding one, a field's lifetime.

import { h } from "/static/dom.js";
import { secondsOf } from "./lifetime.js";

/** A field in the place of a cell: Enter saves, Escape leaves it as it was. */
export function changeForm(text, isNumber, { save, cancel }) {
  const isLong = text.includes("\n") || text.length > 60;
  const field = h(isLong ? "textarea" : "input", {
    class: "mono",
    "aria-label": isNumber ? "Score" : "Value",
    "data-testid": "kv-change",
    inputmode: isNumber ? "decimal" : null,
    spellcheck: "false",
    autocomplete: "off",
  });
  field.value = text;
  return inPlace(field, () => field.value, "kv-change-save", save, cancel);
}

/** The seconds that a field is to live; empty is for ever. */
export function expiryForm({ save, cancel }) {
  const field = h("input", {
    type: "number",
    min: "0.001",
    step: "any",
    placeholder: "ever",
    "aria-label": "Lives for, in seconds",
    "data-testid": "kv-field-ttl",
  });
  return inPlace(field, () => secondsOf(field), "kv-field-ttl-save", save, cancel);
}

function inPlace(field, valueOf, testId, save, cancel) {
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    cancel();
  });
  return h(
    "form",
    {
      class: "in-place",
      onsubmit: (event) => {
        event.preventDefault();
        save(valueOf());
      },
    },
    field,
    h("button", { type: "submit", class: "button is-small is-primary", "data-testid": testId }, "Save"),
    h("button", { type: "button", class: "button is-small", onclick: cancel }, "Cancel"),
  );
}

const input = (id, label, options = {}) => ({ id, label, ...options });

/** What it takes to add an element to each type, and the action that does it. */
const ADDITIONS = {
  list: {
    fields: [input("value", "Element")],
    verbs: { "Push right": { side: "right" }, "Push left": { side: "left" } },
    action: ({ value }, verb) => ["list-push", { value, ...verb }],
  },
  hash: {
    fields: [input("name", "Field", { isRequired: true }), input("value", "Value")],
    verbs: { "Set field": {} },
    action: ({ name, value }) => ["hash-set", { name, value }],
  },
  set: {
    fields: [input("value", "Member")],
    verbs: { Add: {} },
    action: ({ value }) => ["set-add", { value }],
  },
  zset: {
    fields: [
      input("score", "Score", { isRequired: true, isNumber: true }),
      input("name", "Member"),
    ],
    verbs: { Add: {} },
    action: ({ name, score }) => ["zset-set", { name, score }],
  },
};

export function additionForm(type, change) {
  const { fields, verbs, action } = ADDITIONS[type];
  const inputs = fields.map(({ id, label, isRequired, isNumber }) =>
    h("input", {
      class: "mono",
      "aria-label": label,
      placeholder: label.toLowerCase(),
      "data-testid": `kv-add-${id}`,
      required: Boolean(isRequired),
      inputmode: isNumber ? "decimal" : null,
      autocomplete: "off",
      spellcheck: "false",
    }),
  );
  const valuesOf = () => Object.fromEntries(fields.map(({ id }, at) => [id, inputs[at].value]));
  const buttons = Object.entries(verbs).map(([label, verb], at) =>
    h(
      "button",
      {
        type: "submit",
        class: "button is-small",
        "data-testid": at ? `kv-add-${label.split(" ").at(-1)}` : "kv-add",
        onclick: (event) => {
          event.currentTarget.form.chosenVerb = verb;
        },
      },
      label,
    ),
  );
  return h(
    "form",
    {
      class: "addition",
      onsubmit: (event) => {
        event.preventDefault();
        change(...action(valuesOf(), event.currentTarget.chosenVerb ?? Object.values(verbs)[0]));
      },
    },
    ...inputs,
    h("div", { class: "row" }, ...buttons),
  );
}
