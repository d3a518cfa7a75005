// Lists the operations of openapi.json, each with a form that calls it.

const BODY = "body";

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

// What an operation takes: from the path, the query and the members of its body.
function inputsOf(operation) {
  const inputs = (operation.parameters ?? []).map((parameter) => ({ ...parameter }));
  const body = operation.requestBody?.content?.["application/json"];
  if (!body) return inputs;
  const properties = body.schema?.properties;
  if (!properties) return [...inputs, { name: BODY, in: "whole", schema: {} }];
  for (const [name, schema] of Object.entries(properties)) {
    const required = body.schema.required?.includes(name) ?? false;
    inputs.push({ name, in: BODY, required, schema });
  }
  return inputs;
}

function typeOf(schema) {
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(" | ");
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(" | ");
  if (schema.type === "array") return schema.items ? `array of ${typeOf(schema.items)}` : "array";
  return schema.format ?? schema.type ?? "JSON";
}

function isText(schema) {
  return schema.type === "string" || (schema.enum ?? []).some((one) => typeof one === "string");
}

// Text stays text where text is wanted; everything else is written as JSON.
function valueOf(text, schema) {
  if (isText(schema)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function requestOf(path, method, inputs, fields) {
  const query = new URLSearchParams();
  const members = {};
  let body;
  for (const input of inputs) {
    const text = fields.get(input).value;
    if (text === "" && !input.required) continue;
    if (input.in === "path") path = path.replace(`{${input.name}}`, encodeURIComponent(text));
    else if (input.in === "query") query.set(input.name, text);
    else if (input.in === BODY) members[input.name] = valueOf(text, input.schema);
    else body = text;
  }
  if (inputs.some((input) => input.in === BODY)) body = JSON.stringify(members);
  const options = { method: method.toUpperCase(), headers: { Accept: "application/json" } };
  if (body !== undefined) {
    options.body = body;
    options.headers["Content-Type"] = "application/json";
  }
  return [`${path.slice(1)}${query.size ? `?${query}` : ""}`, options];
}

// The same request for a terminal: a string in single quotes, in which only that quote is special.
function curlOf(url, options) {
  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const words = ["curl", quoted(new URL(url, location.href).href)];
  if (options.method !== (options.body === undefined ? "GET" : "POST")) {
    words.push("-X", options.method);
  }
  if (options.body !== undefined) {
    words.push("-H", quoted("Content-Type: application/json"), "-d", quoted(options.body));
  }
  return words.join(" ");
}

async function call(url, options, output) {
  const began = performance.now();
  let status;
  let text;
  let isOk = false;
  try {
    const reply = await fetch(url, options);
    text = pretty(await reply.text());
    status = `${reply.status} ${reply.statusText}`;
    isOk = reply.ok;
  } catch (error) {
    status = "No answer";
    text = String(error);
  }
  const took = `${Math.round(performance.now() - began)} ms`;
  output.className = isOk ? "answer" : "answer error";
  output.replaceChildren(
    element(
      "p",
      {},
      element("span", { className: "status" }, status),
      element("small", {}, took),
    ),
    element("pre", { tabIndex: 0 }, text),
    element("small", {}, "The same in a terminal"),
    element("pre", { tabIndex: 0 }, curlOf(url, options)),
  );
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text; // Not every answer is JSON.
  }
}

// A field for one input: a choice where there are few values, a text otherwise.
function fieldOf({ name, required, schema, in: place }) {
  const common = { name, required: Boolean(required), autocomplete: "off" };
  const values = schema.type === "boolean" ? [true, false] : schema.enum;
  if (values) {
    const options = values.map((value) => element("option", {}, String(value)));
    if (!required) options.unshift(element("option", { value: "" }, "–"));
    return element("select", common, ...options);
  }
  if (place === "whole") return element("textarea", { ...common, spellcheck: false });
  const example = schema.default ?? schema.examples?.[0];
  const placeholder = example === undefined ? "" : JSON.stringify(example);
  return element("input", { ...common, placeholder, spellcheck: false });
}

function operationCard(path, method, operation) {
  const inputs = inputsOf(operation);
  const fields = new Map();
  const output = element("div");
  output.setAttribute("aria-live", "polite");
  const form = element("form");
  if (operation.description) form.append(element("p", { className: "quiet" }, operation.description));
  for (const input of inputs) {
    const field = fieldOf(input);
    fields.set(input, field);
    const note = `${typeOf(input.schema)}${input.required ? "" : ", optional"}`;
    const name = element("span", {}, input.name, " ", element("small", {}, note));
    form.append(element("label", {}, name, field));
  }
  const button = element("button", {}, "Call");
  form.append(button, output);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    await call(...requestOf(path, method, inputs, fields), output);
    button.disabled = false;
    button.focus();
  });
  const name = element("span", { className: "method" }, method.toUpperCase());
  name.dataset.method = method;
  const summary = element(
    "summary",
    {},
    name,
    element("span", { className: "path" }, path),
    element("span", { className: "what" }, operation.summary ?? ""),
  );
  return element("details", {}, summary, form);
}

async function show() {
  const description = await (await fetch("openapi.json")).json();
  const { title, version } = description.info;
  document.title = `${title}: try it`;
  document.getElementById("title").textContent = title;
  document.getElementById("description").textContent = description.info.description ?? "";
  const cards = Object.entries(description.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => operationCard(path, method, operation)),
  );
  const count = cards.length === 1 ? "one operation" : `${cards.length} operations`;
  document.getElementById("about").textContent = `Version ${version} · ${count} · `;
  document.getElementById("operations").append(...cards);
}

await show();
