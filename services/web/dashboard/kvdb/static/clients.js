// Who is connected: read while the tab is open, and each to be closed.

import { api } from "/static/api.js";
import { asksTwice } from "/static/asking.js";
import { byId, h, keyed, text } from "/static/dom.js";
import { count, duration } from "/static/format.js";
import { done, failed } from "/static/notices.js";
import { onTab } from "/static/tabs.js";

const INTERVAL_MS = 2000;

export function startClients() {
  let timer = 0;
  onTab(
    "clients",
    () => {
      load();
      timer = setInterval(load, INTERVAL_MS);
    },
    () => clearInterval(timer),
  );
}

async function load() {
  try {
    const { clients, count: amount } = await api("GET", "/api/kvdb/clients");
    const isPart = clients.length < amount;
    text(byId("clients-shown"), isPart ? `${clients.length} of ${amount}` : count(amount, "client"));
    keyed(byId("clients"), clients, ({ id }) => id, createRow, showRow);
  } catch (error) {
    text(byId("clients-shown"), error.message);
  }
}

function createRow(client) {
  const close = asksTwice(
    h(
      "button",
      {
        type: "button",
        class: "button is-small is-danger",
        "aria-label": `Close the connection of client ${client.id}`,
        "data-testid": `kv-kill-${client.id}`,
      },
      "Close",
    ),
    () => kill(client),
  );
  const cell = (name, kind = "") => h("td", { class: kind, "data-field": name });
  return h(
    "tr",
    { "data-testid": `kv-client-${client.id}` },
    cell("id", "numeric quiet"),
    cell("address", "mono"),
    cell("name"),
    cell("db", "numeric"),
    cell("command", "mono"),
    cell("age", "numeric quiet"),
    cell("idle", "numeric quiet"),
    h("td", { class: "numeric" }, close),
  );
}

function showRow(row, client) {
  const shown = {
    id: client.id,
    address: client.address,
    name: client.name || client.library || "–",
    db: client.db,
    command: client.command,
    age: duration(client.age_s),
    idle: duration(client.idle_s),
  };
  for (const [name, content] of Object.entries(shown))
    text(row.querySelector(`[data-field="${name}"]`), content ?? "–");
}

async function kill(client) {
  try {
    await api("DELETE", `/api/kvdb/clients?id=${client.id}`);
    done(`Closed the connection of ${client.address}`);
  } catch (error) {
    failed("Could not close the connection", error);
  }
  load();
}
