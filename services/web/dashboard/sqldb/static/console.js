// The console: statements, what they give, their plans; and those that were run before.

import { api } from "/static/api.js";
import { byId, set, text } from "/static/dom.js";
import { elapsed } from "/static/format.js";
import { PastRuns } from "./past_runs.js";
import { showPlan } from "./plan.js";
import { showResults } from "./results.js";
import { codePointsBefore } from "./sql_error.js";

const editor = byId("sql");
const past = new PastRuns({
  choose(sql) {
    editor.value = sql;
    ask(null);
    editor.focus();
    editor.scrollIntoView({ block: "nearest" });
  },
});
let runId = null;
let again = null;

/** `changed()` when statements may have changed something. */
export function startConsole({ changed }) {
  byId("console-form").addEventListener("submit", (event) => {
    event.preventDefault();
    run();
  });
  editor.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      run();
    }
  });
  // A yes is to what was asked about, and to no other text.
  editor.addEventListener("input", () => ask(null));
  byId("explain").addEventListener("click", () => explain());
  byId("stop").addEventListener("click", stop);
  byId("no").addEventListener("click", () => ask(null));
  byId("yes").addEventListener("click", async () => {
    await again?.();
    changed();
  });
  editor.value = past.latest();
  return {
    runText(sql) {
      editor.value = sql;
      run();
    },
  };
}

const run = (isConfirmed = false) =>
  attempt(async (sql) => {
    const limit = Number(byId("limit").value);
    const body = { sql, limit, is_confirmed: isConfirmed, run: runId };
    const outcome = await api("POST", "/api/sqldb/run", body);
    byId("plan-card").hidden = true;
    if (outcome.asks) {
      askFor(outcome.asks, () => run(true));
      return;
    }
    showResults(outcome, { sql, limit, editor, more });
    const tookMs = outcome.results.reduce((sum, { elapsed_ms: ms }) => sum + ms, 0);
    const hasFailed = outcome.results.some(({ error }) => error);
    text(byId("took"), hasFailed ? "Failed" : `Done in ${elapsed(tookMs)}`);
    past.add({ sql, tookMs, hasFailed });
  });

/** Run it again, with more rows. */
function more(limit) {
  byId("limit").value = String(limit);
  run();
}

const explain = (isConfirmed = false) =>
  attempt(async (sql) => {
    const position = codePointsBefore(sql, editor.selectionStart);
    const isAnalyzed = byId("is-analyzed").checked;
    const body = { sql, position, is_analyzed: isAnalyzed, is_confirmed: isConfirmed, run: runId };
    const outcome = await api("POST", "/api/sqldb/explain", body);
    byId("plan-card").hidden = true;
    if (outcome.asks) {
      askFor(outcome.asks, () => explain(true));
      return;
    }
    if (outcome.error) {
      showResults({ results: [{ ...outcome, start: 0, end: sql.length, notices: [] }] }, { sql, editor });
      return;
    }
    byId("results").replaceChildren();
    text(byId("took"), "");
    showPlan(outcome);
    past.add({ sql, tookMs: outcome.execution_ms ?? 0, hasFailed: false });
  });

/** Do it with the text, one at a time; `took` says that it runs, if that lasts. */
async function attempt(action) {
  const sql = editor.value;
  if (runId) return;
  ask(null);
  complain("");
  text(byId("took"), "");
  if (!sql.trim()) {
    complain("There is nothing to run yet.");
    editor.focus();
    return;
  }
  runId = newRunId();
  // What is over in a moment needs no button to stop it.
  const timer = setTimeout(() => {
    running(true);
    text(byId("took"), "Running …");
  }, 400);
  try {
    await action(sql);
  } catch (error) {
    text(byId("took"), "");
    complain(error.message);
  } finally {
    clearTimeout(timer);
    running(false);
    runId = null;
  }
}

const newRunId = () => [...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

function running(isRunning) {
  byId("stop").hidden = !isRunning;
  set(byId("run"), { disabled: isRunning });
  set(byId("explain"), { disabled: isRunning });
}

async function stop() {
  try {
    await api("POST", "/api/sqldb/cancel", { run: runId });
  } catch (error) {
    complain(error.message);
  }
}

/** What is shown belongs to another text: only the question is left. */
function askFor(question, action) {
  byId("results").replaceChildren();
  text(byId("took"), "");
  ask(question, action);
}

function ask(question, action = null) {
  again = action;
  byId("question").hidden = !question;
  text(byId("question-text"), question ?? "");
  // The harmless answer: an Enter too many must not run what was just asked about.
  if (question) byId("no").focus();
}

function complain(message) {
  byId("problem").hidden = !message;
  text(byId("problem"), message);
}
