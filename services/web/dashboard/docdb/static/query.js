// Queries: a find or an aggregation, run or explained.

import { api } from "/static/api.js";
import { byId, h, set, text } from "/static/dom.js";
import { count, elapsed } from "/static/format.js";
import { place } from "./place.js";
import { showPlan } from "./plan.js";
import { tree } from "./tree.js";

const kinds = [...document.querySelectorAll("#query-form [data-kind]")];
let kind = "find";

/** `changed()` when a pipeline may have written something. */
export function startQuery({ changed }) {
  for (const button of kinds) button.addEventListener("click", () => chooseKind(button.dataset.kind));
  byId("query-form").addEventListener("submit", (event) => {
    event.preventDefault();
    run(false);
  });
  byId("query-form").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) byId("query-form").requestSubmit();
  });
  byId("explain").addEventListener("click", explain);
  byId("query-no").addEventListener("click", () => ask(""));
  byId("query-yes").addEventListener("click", async () => {
    await run(true);
    changed();
  });
}

function chooseKind(wanted) {
  kind = wanted;
  for (const button of kinds) set(button, { "aria-pressed": String(button.dataset.kind === kind) });
  byId("find-fields").hidden = kind !== "find";
  byId("aggregate-fields").hidden = kind !== "aggregate";
}

function query() {
  const where = place();
  if (!where) throw new Error("Choose a collection on the left first.");
  if (kind === "aggregate") return { ...where, kind, pipeline: byId("query-pipeline").value };
  return {
    ...where,
    kind,
    filter: byId("query-filter").value,
    projection: byId("query-projection").value,
    sort: byId("query-sort").value,
    limit: byId("query-limit").valueAsNumber || 20,
  };
}

async function attempt(action) {
  ask("");
  complain("");
  text(byId("query-took"), "");
  try {
    await action();
  } catch (error) {
    complain(error.message);
  }
}

const run = (isConfirmed) =>
  attempt(async () => {
    const outcome = await api("POST", "/api/docdb/query", { ...query(), is_confirmed: isConfirmed });
    if (outcome.asks) {
      ask(outcome.asks);
      return;
    }
    const { documents, has_more: hasMore, elapsed_ms: ms } = outcome;
    text(byId("query-took"), `${count(documents.length, "document")}${hasMore ? ", and more" : ""}, ${elapsed(ms)}`);
    byId("result-card").hidden = false;
    byId("no-result").hidden = documents.length > 0;
    byId("result").replaceChildren(...documents.map((one) => h("li", { class: "document" }, tree(one))));
  });

const explain = () => attempt(async () => showPlan(await api("POST", "/api/docdb/explain", query())));

function ask(effect) {
  byId("query-question").hidden = !effect;
  text(byId("query-effect"), effect);
}

function complain(message) {
  byId("query-error").hidden = !message;
  text(byId("query-error"), message);
}
