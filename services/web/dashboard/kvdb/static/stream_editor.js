// A stream: its entries, the newest first, the groups that read them, and a form for another entry.

import { asksTwice } from "/static/asking.js";
import { h, icon } from "/static/dom.js";
import { count, elapsed, number } from "/static/format.js";
import { failed } from "/static/notices.js";
import { linesOf, pairsOf } from "./creation.js";
import { moreLine, shownCell } from "./element_editor.js";

export function streamEditor(value, change) {
  const entries = h("ol", { class: "entries", "data-testid": "kv-entries", tabindex: 0 });
  const append = (rows) => entries.append(...rows.map((row) => entry(row, change)));
  append(value.rows);
  return [
    value.size ? entries : h("p", { class: "hint" }, "No entries."),
    moreLine(value, append),
    entryForm(change),
    groupsPart(value.groups, change),
  ].filter(Boolean);
}

function entry(row, change) {
  const remove = h(
    "button",
    {
      type: "button",
      class: "icon-button is-small is-danger",
      "aria-label": `Remove entry ${row.id}`,
      "data-testid": `kv-remove-${row.id}`,
      onclick: () => change("stream-remove", { element: row.id }),
    },
    icon("remove"),
  );
  const fields = row.fields.flatMap(([name, content]) => [
    h("dt", {}, shownCell(name)),
    h("dd", {}, shownCell(content)),
  ]);
  return h(
    "li",
    { "data-testid": `kv-entry-${row.id}` },
    h("div", { class: "entry-head" }, h("span", { class: "mono" }, row.id), whenOf(row.id), remove),
    h("dl", { class: "entry-fields mono" }, ...fields),
  );
}

/** The first half of an ID is usually the time at which it was added. */
function whenOf(id) {
  const at = Number(id.split("-")[0]);
  const isTime = at > 1e12 && at < 1e14;
  return isTime
    ? h("time", { class: "quiet", datetime: new Date(at).toISOString() }, new Date(at).toLocaleString())
    : null;
}

function entryForm(change) {
  const area = h("textarea", {
    class: "mono",
    rows: 2,
    "aria-label": "Fields of a new entry, one a line: name=value",
    placeholder: "a new entry, one field a line: name=value",
    "data-testid": "kv-add-fields",
    spellcheck: "false",
  });
  return h(
    "form",
    {
      class: "addition is-tall",
      onsubmit: (event) => {
        event.preventDefault();
        try {
          const pairs = pairsOf(linesOf(area.value), "=");
          change("stream-add", { pairs });
        } catch (error) {
          failed("This is no entry", error);
        }
      },
    },
    area,
    h("button", { type: "submit", class: "button is-small", "data-testid": "kv-add" }, "Add an entry"),
  );
}

function groupsPart(groups, change) {
  const name = h("input", {
    class: "mono",
    "aria-label": "Name of a new consumer group",
    placeholder: "new consumer group",
    required: true,
    "data-testid": "kv-group-name",
    autocomplete: "off",
  });
  const start = h(
    "select",
    { "aria-label": "It begins with" },
    h("option", { value: "0" }, "everything"),
    h("option", { value: "$" }, "only what is new"),
  );
  const form = h(
    "form",
    {
      class: "addition",
      onsubmit: (event) => {
        event.preventDefault();
        change("group-create", { value: name.value, start: start.value });
      },
    },
    name,
    start,
    h("button", { type: "submit", class: "button is-small", "data-testid": "kv-group-create" }, "Create"),
  );
  return h(
    "section",
    { class: "groups" },
    h("h3", {}, groups.length ? count(groups.length, "consumer group") : "Consumer groups"),
    ...groups.map((group) => groupCard(group, change)),
    form,
  );
}

function groupCard(group, change) {
  const remove = asksTwice(
    h("button", { type: "button", class: "button is-small is-danger" }, "Remove"),
    () => change("group-remove", { element: group.id }),
  );
  const behind = group.lag === null || group.lag === undefined ? "" : `, ${number(group.lag)} not read`;
  return h(
    "div",
    { class: "group", "data-testid": `kv-group-${group.name}` },
    h("div", { class: "entry-head" }, h("strong", { class: "mono" }, group.name), remove),
    h("p", { class: "quiet" }, `${number(group.pending)} pending${behind}; read up to ${group.last_delivered}`),
    group.consumers.length
      ? h(
          "ul",
          { class: "consumers" },
          ...group.consumers.map((one) =>
            h(
              "li",
              {},
              h("span", { class: "mono" }, one.name),
              ` ${number(one.pending)} pending, silent for ${elapsed(one.idle_ms)}`,
            ),
          ),
        )
      : null,
  );
}
