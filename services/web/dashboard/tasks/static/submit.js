// The form that submits: samples to begin with, arguments as JSON, options.

import { api } from "/static/api.js";
import { byId, h, set, text } from "/static/dom.js";
import { clock } from "/static/format.js";
import { failed } from "/static/notices.js";
import { select } from "./detail.js";

const SAMPLES = {
  echo: { args: ["hello"], hint: "prints its arguments and returns them" },
  save: {
    args: [{ name: "Ada", born: 1815 }, "people:ada"],
    hint: "saves a JSON value to kvdb, under the key that the second argument names",
  },
  count_to: { args: [20, 0.5], hint: "counts, and says how far it has come" },
  sleep: { args: [3], hint: "does nothing for so many seconds" },
  flaky: {
    args: [0.5],
    hint: "raises an error with this probability; give it retries, and look at the history",
    retries: 3,
  },
};

byId("samples").append(
  ...Object.keys(SAMPLES).map((name) =>
    h(
      "button",
      {
        type: "button",
        class: "button is-small",
        "aria-pressed": "false",
        "data-testid": `task-sample-${name}`,
        onclick: () => chooseSample(name),
      },
      name,
    ),
  ),
);

function chooseSample(name) {
  const { args, hint, retries } = SAMPLES[name];
  byId("name").value = name;
  byId("args").value = JSON.stringify(args);
  byId("retries").value = retries ?? "";
  text(byId("sample-hint"), hint);
  for (const button of byId("samples").children)
    set(button, { "aria-pressed": String(button.textContent === name) });
  showArgumentsError("");
}

function showArgumentsError(message) {
  byId("args-error").hidden = !message;
  text(byId("args-error"), message);
  set(byId("args"), { "aria-invalid": message ? "true" : null });
}

/** The arguments as typed, or null where they are no JSON array. */
function readArguments() {
  try {
    const args = JSON.parse(byId("args").value || "[]");
    if (Array.isArray(args)) return args;
    showArgumentsError('Arguments are an array: [1, "two"]');
  } catch (error) {
    showArgumentsError(`No JSON: ${error.message}`);
  }
  return null;
}

function readOptions() {
  const fields = [...document.querySelectorAll("[data-option]")].filter(
    ({ value }) => value !== "",
  );
  return Object.fromEntries(
    fields.map((field) => [
      field.dataset.option,
      field.type === "number" ? field.valueAsNumber : field.value,
    ]),
  );
}

byId("submit-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  showArgumentsError("");
  const args = readArguments();
  if (!args) return;
  try {
    const task = await api("POST", "/api/tasks", {
      task: byId("name").value,
      args,
      options: readOptions(),
    });
    text(byId("submitted"), `Submitted ${task.task} at ${clock(Date.now())}`);
    select(task.id);
  } catch (error) {
    failed("Could not submit the task", error);
  }
});

/** Offer the names of the tasks that workers know. */
export async function listDefinitions() {
  try {
    const { definitions } = await api("GET", "/api/tasks/definitions");
    byId("names").replaceChildren(
      ...Object.keys(definitions).map((name) => h("option", { value: name })),
    );
  } catch {
    // Without the list of names one still can type them.
  }
}

chooseSample("echo");
