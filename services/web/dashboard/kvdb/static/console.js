// The console: a line, its reply, and the lines before it.

import { api } from "/static/api.js";
import { byId, h, text } from "/static/dom.js";
import { CommandHistory } from "./command_history.js";
import { chooseDatabase, database, onDatabase } from "./database.js";
import { replyElement } from "./reply.js";

const MAX_SHOWN = 200;

const log = byId("console");
const input = byId("console-input");
const lines = new CommandHistory();
let isRunning = false;

/** Get it ready; `changed` is called when a command may have changed keys. */
export function startConsole(changed) {
  const showPrompt = () => text(byId("console-prompt"), `${database()}>`);
  onDatabase(showPrompt);
  showPrompt();
  byId("console-clear").addEventListener("click", () => {
    log.replaceChildren();
    input.focus();
  });
  byId("console-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const line = input.value.trim();
    if (!line || isRunning) return;
    lines.add(line);
    input.value = "";
    if (/^clear$/i.test(line)) log.replaceChildren();
    else {
      await run(line, { isConfirmed: false });
      changed();
    }
  });
  byId("console-run").disabled = false;
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      event.preventDefault();
      input.value = event.key === "ArrowUp" ? lines.earlier(input.value) : lines.later();
    } else if (event.key.toLowerCase() === "l" && event.ctrlKey) {
      event.preventDefault();
      log.replaceChildren();
    }
  });
}

export const focusConsole = () => input.focus();

async function run(line, { isConfirmed }) {
  const db = database();
  const entry = h(
    "li",
    { class: "exchange" },
    h("p", { class: "asked mono" }, h("span", { class: "is-type" }, `${db}> `), line),
  );
  show(entry);
  isRunning = true;
  byId("console-form").classList.add("is-running");
  try {
    const body = { line, db, is_confirmed: isConfirmed };
    showOutcome(entry, line, await api("POST", "/api/kvdb/console", body));
  } catch (error) {
    entry.append(note("is-error", error.message));
  } finally {
    isRunning = false;
    byId("console-form").classList.remove("is-running");
    log.scrollTop = log.scrollHeight;
  }
}

function showOutcome(entry, line, outcome) {
  if (outcome.refused) entry.append(note("is-refused", outcome.refused));
  else if (outcome.asks) entry.append(question(entry, line, outcome.asks));
  else {
    entry.append(
      replyElement(outcome.reply),
      h("span", { class: "took quiet", title: "Time that the server took, with the way there" }, took(outcome.elapsed_ms)),
    );
    chooseDatabase(outcome.db);
  }
}

/** What destroys is run only when a person says so; the question goes with the answer. */
function question(entry, line, effect) {
  const answer = async (isMeant) => {
    part.remove();
    if (!isMeant) entry.append(note("is-refused", "Not run."));
    else {
      entry.remove();
      await run(line, { isConfirmed: true });
    }
    input.focus();
  };
  const button = (label, testId, isMeant) =>
    h(
      "button",
      {
        type: "button",
        class: `button is-small${isMeant ? " is-danger" : ""}`,
        "data-testid": testId,
        onclick: () => answer(isMeant),
      },
      label,
    );
  const part = h(
    "div",
    { class: "question", role: "group", "aria-label": "Is it meant?", "data-testid": "kv-question" },
    h("p", {}, effect),
    button("Run it", "kv-question-yes", true),
    button("Leave it", "kv-question-no", false),
  );
  return part;
}

const note = (kind, content) => h("p", { class: `remark ${kind}`, "data-testid": "kv-remark" }, content);

const took = (ms) => (ms < 1 ? `${Math.round(1000 * ms)} µs` : ms < 1000 ? `${ms.toFixed(1)} ms` : `${(ms / 1000).toFixed(2)} s`);

function show(entry) {
  log.append(entry);
  while (log.children.length > MAX_SHOWN) log.firstElementChild.remove();
  log.scrollTop = log.scrollHeight;
}
