// What statements have given: a table for each, or its tag, or its error.

import { byId, h } from "/static/dom.js";
import { count, elapsed, number } from "/static/format.js";
import { downloadCsv, downloadJson } from "./export.js";
import { errorBlock, slice } from "./sql_error.js";

const LIMITS = [100, 1000, 10_000];
const NUMERIC = new Set(["smallint", "integer", "bigint", "numeric", "real", "double precision", "oid"]);

/** `options`: the text, the limit, the editor to point at mistakes in, `more(limit)`. */
export function showResults(outcome, options) {
  const { results, not_run: notRun, is_left_open: isLeftOpen } = outcome;
  const blocks = results.map((result, index) => block(result, index, results.length > 1, options));
  if (notRun) {
    const behind = results.at(-1).error ? "behind the error" : "behind these, which took too long,";
    blocks.push(remark(`${count(notRun, "statement")} ${behind} ${notRun === 1 ? "was" : "were"} not run.`));
  }
  if (isLeftOpen) blocks.push(remark("The transaction was left open: it has been rolled back. End it with COMMIT in the same run."));
  byId("results").replaceChildren(...blocks);
}

const remark = (content) => h("p", { class: "card remark", "data-testid": "sql-remark" }, content);

function block(result, index, isOneOfMany, options) {
  const { error, columns, notices } = result;
  const head = h(
    "div",
    { class: "card-head result-head" },
    h("h2", { class: isOneOfMany ? "mono truncate" : null }, isOneOfMany ? firstLine(slice(options.sql, result.start, result.end)) : "Result"),
    h("span", { class: "quiet", "data-testid": `sql-told-${index}` }, told(result)),
    columns && result.rows.length ? exports(result, index) : null,
  );
  const content = [
    notices.map((notice) => h("p", { class: "notice-line mono" }, notice)),
    error ? errorBlock(error, options) : null,
    columns ? table(result, index) : null,
    columns && result.has_more ? moreRows(result, options) : null,
  ];
  return h("section", { class: "card result", "data-testid": `sql-result-${index}`, "aria-label": `Result ${index + 1}` }, head, content);
}

const firstLine = (sql) => {
  const line = sql.replace(/\s+/g, " ");
  return line.length > 90 ? `${line.slice(0, 89)}…` : line;
};

/** "100 rows, and more · 2 ms" */
function told({ error, columns, rows, tag, has_more: hasMore, elapsed_ms: ms }) {
  if (error) return ms === undefined ? "failed" : `failed · ${took(ms)}`;
  const amount = columns ? `${count(rows.length, "row")}${hasMore ? ", and more" : ""}` : tag;
  return `${amount} · ${took(ms)}`;
}

const took = (ms) => (ms < 10 ? `${ms.toFixed(1)} ms` : elapsed(ms));

function exports(result, index) {
  const button = (label, action) =>
    h("button", { type: "button", class: "link-button", "data-testid": `sql-${label.toLowerCase()}-${index}`, onclick: () => action(result) }, label);
  return h("span", { class: "row" }, button("CSV", downloadCsv), button("JSON", downloadJson));
}

function table({ columns, rows }, index) {
  const numeric = columns.map(({ type }) => NUMERIC.has(type));
  const heads = columns.map(({ name, type }, place) =>
    h("th", { scope: "col", class: numeric[place] ? "numeric" : null }, h("span", { class: "mono" }, name), h("span", { class: "column-type" }, type)),
  );
  return h(
    "div",
    { class: "table-scroll rows", tabindex: 0, role: "region", "aria-label": `Rows of result ${index + 1}` },
    h(
      "table",
      { class: "grid" },
      h("thead", {}, h("tr", {}, heads)),
      h("tbody", {}, rows.map((row) => h("tr", {}, row.map((value, place) => cell(value, numeric[place]))))),
    ),
    rows.length ? null : h("p", { class: "empty" }, "No rows."),
  );
}

function cell(value, isNumeric) {
  const content = value === null ? h("span", { class: "is-null" }, "NULL") : h("div", { class: "cell" }, value);
  return h("td", { class: isNumeric ? "numeric mono" : "mono" }, content);
}

function moreRows({ rows }, { limit, more }) {
  const next = LIMITS.find((one) => one > limit);
  return h(
    "p",
    { class: "more quiet" },
    `These are the first ${number(rows.length)} rows. `,
    next && more
      ? h("button", { type: "button", class: "link-button", "data-testid": "sql-more", onclick: () => more(next) }, `Run it again for ${number(next)}`)
      : "That is as many as are shown.",
  );
}
