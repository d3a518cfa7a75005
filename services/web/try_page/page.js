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

async function call(url, options, output) {
  const began = performance.now();
  try {
    const reply = await fetch(url, options);
    const text = await reply.text();
    const took = Math.round(performance.now() - began);
    output.className = reply.ok ? "" : "error";
    let shown = text;
    try {
      shown = JSON.stringify(JSON.parse(text), null, 2);
    } catch {
      // Not every answer is JSON.
    }
    output.textContent = `${reply.status} ${reply.statusText} · ${took} ms\n\n${shown}`;
  } catch (error) {
    output.className = "error";
    output.textContent = String(error);
  }
  output.hidden = false;
}

function operationCard(path, method, operation) {
  const inputs = inputsOf(operation);
  const fields = new Map();
  const output = element("pre", { hidden: true });
  output.setAttribute("aria-live", "polite");
  const form = element("form");
  for (const input of inputs) {
    const field = element(input.in === "whole" ? "textarea" : "input", {
      name: input.name,
      required: Boolean(input.required),
      autocomplete: "off",
    });
    fields.set(input, field);
    const note = `${typeOf(input.schema)}${input.required ? "" : ", optional"}`;
    form.append(element("label", {}, element("span", {}, input.name, " ", element("small", {}, note)), field));
  }
  form.append(element("button", {}, "Call"), output);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    call(...requestOf(path, method, inputs, fields), output);
  });
  const summary = element("summary", {}, element("b", {}, `${method.toUpperCase()} ${path}`), " ");
  summary.append(element("span", {}, operation.summary ?? ""));
  const card = element("details", {}, summary);
  if (operation.description) form.prepend(element("p", {}, operation.description));
  card.append(form);
  return card;
}

async function show() {
  const description = await (await fetch("openapi.json")).json();
  document.title = description.info.title;
  document.getElementById("title").textContent = description.info.title;
  document.getElementById("description").textContent = description.info.description ?? "";
  const list = document.getElementById("operations");
  for (const [path, methods] of Object.entries(description.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      list.append(operationCard(path, method, operation));
    }
  }
}

await show();
