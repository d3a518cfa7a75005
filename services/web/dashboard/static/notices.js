// Notices: a line in the corner that says what has been done, or why not.

import { byId, h, icon } from "./dom.js";

const SHOWN_MS = 4500;
const SHOWN_ERROR_MS = 12_000;
const MAX_SHOWN = 4;

/** Say that something has been done. */
export function done(message) {
  show(h("p", {}, message), false);
}

/** Say why something has not been done. */
export function failed(title, error) {
  show(h("p", {}, h("strong", {}, title), error.message), true);
}

function show(content, isError) {
  const region = byId("notices");
  const close = h(
    "button",
    {
      type: "button",
      class: "icon-button",
      "aria-label": "Close this message",
      onclick: () => notice.remove(),
    },
    icon("close"),
  );
  const notice = h(
    "div",
    {
      class: `notice${isError ? " is-error" : ""}`,
      "data-testid": isError ? "notice-error" : "notice",
      role: isError ? "alert" : null,
    },
    content,
    close,
  );
  region.append(notice);
  while (region.children.length > MAX_SHOWN) region.firstElementChild.remove();
  setTimeout(() => notice.remove(), isError ? SHOWN_ERROR_MS : SHOWN_MS);
}
