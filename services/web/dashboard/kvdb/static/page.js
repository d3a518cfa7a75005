// The keys: a list that follows the database, a form that sets, an inspector for one key.

import { api } from "/static/api.js";
import { byId, h, icon, keyed, reveal, set, text } from "/static/dom.js";
import { count, duration, number, size } from "/static/format.js";
import { shortcut } from "/static/keys.js";
import { on, watch } from "/static/live.js";
import { done, failed } from "/static/notices.js";

const TYPING_PAUSE_MS = 180;

let keys = [];
let cursor = null;
let inspected = null;
let asked = 0;
// More than the first page has been asked for: then the list is not read anew without being told.
let hasMorePages = false;
// The key that was set last is in the list, also where SCAN would come to it much later.
let latelySet = "";

// --- the list ----------------------------------------------------------------------------------

/** A word is looked for anywhere in a key; a glob pattern is taken as it is. */
function question(from) {
  const wanted = byId("pattern").value.trim();
  const isGlob = /[*?[\\]/.test(wanted);
  const also = latelySet || (isGlob ? "" : wanted);
  return new URLSearchParams({
    pattern: isGlob || !wanted ? wanted || "*" : `*${wanted}*`,
    cursor: from,
    ...(also && from === "0" ? { also } : {}),
  });
}

async function load({ from = "0" } = {}) {
  const turn = ++asked;
  try {
    const page = await api("GET", `/api/kvdb/keys?${question(from)}`);
    // Answers may overtake each other; only the latest question counts.
    if (turn !== asked) return;
    const fresh = page.keys.map((key) => ({
      ...key,
      endsAt: key.ttl_ms === null ? null : Date.now() + key.ttl_ms,
    }));
    const earlier =
      from === "0" ? [] : keys.filter(({ href }) => !fresh.some((one) => one.href === href));
    keys = [...earlier, ...fresh].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
    cursor = page.cursor;
    hasMorePages = from !== "0";
    outage(null);
    showKeys();
  } catch (error) {
    if (turn === asked) outage(error.message);
  }
}

function showKeys() {
  keyed(byId("keys"), keys, ({ href }) => href, createRow, showRow);
  byId("no-keys").hidden = keys.length > 0;
  byId("more-line").hidden = cursor === null;
  text(
    byId("shown"),
    cursor === null ? count(keys.length, "key") : `${number(keys.length)} keys, and more`,
  );
}

function createRow(key) {
  return h(
    "tr",
    {
      class: "is-clickable",
      "data-testid": `kv-row-${key.key}`,
      onclick: () => inspect(key, { isAsked: true }),
    },
    h(
      "td",
      {},
      h("button", { type: "button", class: "key-name truncate", title: key.key }, key.key),
    ),
    h("td", {}, h("span", { class: "badge is-square", "data-field": "type" })),
    h("td", { class: "numeric quiet", "data-field": "ttl" }),
    h(
      "td",
      { class: "numeric" },
      h(
        "button",
        {
          type: "button",
          class: "icon-button is-danger",
          "data-testid": `kv-delete-${key.key}`,
          "aria-label": `Delete ${key.key}`,
          onclick: (event) => {
            event.stopPropagation();
            remove(key);
          },
        },
        icon("remove"),
      ),
    ),
  );
}

function showRow(row, key) {
  row.keyShown = key;
  text(row.querySelector('[data-field="type"]'), key.type);
  set(row, { "aria-current": inspected?.href === key.href && "true" });
  showLife(row);
}

function showLife(row) {
  const { endsAt } = row.keyShown;
  const left = endsAt === null ? null : endsAt - Date.now();
  row.classList.toggle("is-ending", left !== null && left < 10_000);
  text(row.querySelector('[data-field="ttl"]'), lifeText(left));
}

const lifeText = (left) => (left === null ? "ever" : left < 1000 ? "< 1 s" : duration(left / 1000));

/** Lifetimes run down here, without asking; what has ended is asked for once more. */
setInterval(() => {
  let hasEnded = false;
  for (const row of byId("keys").children) {
    showLife(row);
    hasEnded ||= row.keyShown.endsAt !== null && row.keyShown.endsAt < Date.now();
  }
  if (hasEnded) {
    if (!hasMorePages) load();
    keys = keys.filter(({ endsAt }) => endsAt === null || endsAt > Date.now());
    showKeys();
  }
  showInspectedLife();
}, 1000);

// --- one key -----------------------------------------------------------------------------------

async function inspect(key, { isAsked = false } = {}) {
  inspected = key;
  for (const row of byId("keys").children)
    set(row, { "aria-current": row.itemKey === key.href && "true" });
  try {
    const value = await api("GET", key.href);
    if (inspected?.href !== key.href) return;
    showInspected({ ...value, endsAt: value.ttl_ms === null ? null : Date.now() + value.ttl_ms });
    if (isAsked) reveal(byId("inspector"));
  } catch (error) {
    if (error.status === 404) {
      closeInspector();
      load();
    } else failed(`Could not read ${key.key}`, error);
  }
}

function showInspected(value) {
  inspected = value;
  byId("inspector").hidden = false;
  text(byId("inspector-title"), value.key);
  text(byId("inspected-type"), value.type);
  text(byId("inspected-size"), sizeText(value));
  byId("edit").hidden =
    !value.is_exact || value.type !== "string" || value.string.is_binary || value.string.is_cut;
  byId("inspected-value").replaceChildren(...contents(value));
  showInspectedLife();
}

function showInspectedLife() {
  if (!inspected?.type) return;
  const left = inspected.endsAt === null ? null : inspected.endsAt - Date.now();
  text(
    byId("inspected-ttl"),
    left === null ? "lives for ever" : left > 0 ? `ends in ${lifeText(left)}` : "has ended",
  );
}

function sizeText({ type, size: amount }) {
  if (amount === null) return "";
  return type === "string" ? size(amount) : count(amount, "element");
}

function contents(value) {
  if (value.string) {
    const { text: shown, is_binary: isBinary, is_cut: isCut } = value.string;
    return [
      h("pre", { class: "code-block" }, shown),
      isBinary
        ? h("p", { class: "hint" }, "Not text: bytes that are no UTF-8 are shown as \\xff.")
        : null,
      isCut ? h("p", { class: "hint" }, "Only the beginning is shown.") : null,
    ].filter(Boolean);
  }
  if (!value.columns) return [h("p", { class: "hint" }, "Values of this type are not shown here.")];
  const cell = (content) =>
    h(
      "td",
      {},
      typeof content === "string" ? content : content.text + (content.is_cut ? " …" : ""),
    );
  const table = h(
    "table",
    {},
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        value.columns.map((name) => h("th", { scope: "col" }, name)),
      ),
    ),
    h(
      "tbody",
      {},
      value.rows.map((row) => h("tr", {}, row.map(cell))),
    ),
  );
  const isPart = value.rows.length < value.size;
  return [
    h("div", { class: "element-table" }, table),
    isPart
      ? h(
          "p",
          { class: "hint" },
          `${number(value.rows.length)} of ${number(value.size)} are shown.`,
        )
      : null,
  ].filter(Boolean);
}

function closeInspector() {
  inspected = null;
  byId("inspector").hidden = true;
}

// --- changing ----------------------------------------------------------------------------------

const hrefOf = (name) => `/api/kvdb/key?key=${encodeURIComponent(name)}`;

byId("set-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const name = byId("key").value;
  const seconds = byId("ttl").valueAsNumber;
  try {
    const key = await api("PUT", hrefOf(name), {
      value: byId("value").value,
      ttl_s: Number.isNaN(seconds) ? null : seconds,
    });
    done(`Set ${name}`);
    latelySet = name;
    await load();
    flash(key.href);
    inspect(key);
  } catch (error) {
    failed(`Could not set ${name}`, error);
  }
});

byId("expire-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const key = inspected;
  const seconds = byId("expire").valueAsNumber;
  try {
    await api("PATCH", key.href, { ttl_s: Number.isNaN(seconds) ? null : seconds });
    await load();
    inspect(key);
  } catch (error) {
    failed(`Could not change ${key.key}`, error);
  }
});

byId("edit").addEventListener("click", () => {
  const left =
    inspected.endsAt === null
      ? ""
      : Math.max(1, Math.round((inspected.endsAt - Date.now()) / 1000));
  byId("key").value = inspected.key;
  byId("value").value = inspected.string.text;
  byId("ttl").value = left;
  byId("value").focus();
});

byId("delete").addEventListener("click", () => remove(inspected));

async function remove(key) {
  try {
    await api("DELETE", key.href);
    done(`Deleted ${key.key}`);
    if (inspected?.href === key.href) closeInspector();
    await load();
  } catch (error) {
    failed(`Could not delete ${key.key}`, error);
  }
}

function flash(href) {
  const row = [...byId("keys").children].find((one) => one.itemKey === href);
  row?.classList.add("is-fresh");
  row?.addEventListener("animationend", () => row.classList.remove("is-fresh"), { once: true });
  row?.scrollIntoView({ block: "nearest" });
}

// --- following the database --------------------------------------------------------------------

let keysInAll = null;

on("kvdb", (statistics) => {
  outage(statistics.error ?? null);
  if (statistics.error) return;
  const { hits, misses } = statistics;
  const figures = {
    keys: number(statistics.keys),
    memory:
      size(statistics.memory_bytes) +
      (statistics.max_memory_bytes ? ` of ${size(statistics.max_memory_bytes)}` : ""),
    hits: hits + misses ? `${Math.round((100 * hits) / (hits + misses))} %` : "–",
    expired: number(statistics.expired),
    evicted: number(statistics.evicted),
    clients: number(statistics.clients),
  };
  for (const [name, figure] of Object.entries(figures))
    text(document.querySelector(`[data-figure="${name}"]`), figure);
  // Somebody else has added or removed keys.
  if (keysInAll !== null && keysInAll !== statistics.keys && !hasMorePages) load();
  keysInAll = statistics.keys;
});

function outage(reason) {
  byId("outage").hidden = reason === null;
  text(byId("outage"), reason === null ? "" : `kvdb does not answer. ${reason}`);
}

let typing = 0;
byId("pattern").addEventListener("input", () => {
  latelySet = "";
  clearTimeout(typing);
  typing = setTimeout(load, TYPING_PAUSE_MS);
});
byId("refresh").addEventListener("click", () => load());
byId("more").addEventListener("click", () => load({ from: cursor }));
shortcut("/", "Filter the keys", () => byId("pattern").focus());
shortcut("n", "Set a string", () => byId("key").focus());
shortcut("r", "Refresh the keys", () => load());

watch("kvdb");
load();
