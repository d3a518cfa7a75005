// Keyboard shortcuts: single keys, which do nothing while somebody types into a field.
//
//   shortcut("/", "Filter the keys", () => byId("pattern").focus());

import { byId, h } from "./dom.js";

const shortcuts = new Map();

export function shortcut(key, label, action) {
  shortcuts.set(key, { label, action });
}

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.key === "Escape" && isField(event.target)) event.target.blur();
  if (isField(event.target) || document.querySelector("dialog[open]")) return;
  const found = shortcuts.get(event.key);
  if (found) {
    event.preventDefault();
    found.action();
  }
});

function isField(element) {
  return element instanceof HTMLElement && element.matches("input, select, textarea");
}

/** Show the dialog that lists them all. */
export function showShortcuts() {
  const list = byId("help-list");
  list.replaceChildren(
    ...[...shortcuts].flatMap(([key, { label }]) => [
      h("dt", {}, h("kbd", {}, key)),
      h("dd", {}, label),
    ]),
    h("dt", {}, h("kbd", {}, "Esc")),
    h("dd", {}, "Leave a field"),
  );
  byId("help").showModal();
}
