// Operations that took long: read while their tab is open.

import { api } from "/static/api.js";
import { byId, h, keyed, text } from "/static/dom.js";
import { clock, elapsed, number } from "/static/format.js";
import { done, failed } from "/static/notices.js";
import { chosenTab } from "/static/tabs.js";
import { place } from "./place.js";

const INTERVAL_MS = 4000;

export function startSlow() {
  byId("profile-form").addEventListener("submit", apply);
  setInterval(() => chosenTab() === "slow" && loadOperations(), INTERVAL_MS);
  return { load: () => Promise.all([loadOperations(), loadProfile()]) };
}

async function loadOperations() {
  try {
    const { operations } = await api("GET", "/api/docdb/slow");
    byId("no-slow").hidden = operations.length > 0;
    keyed(byId("slow"), operations, (one) => `${one.at} ${one.namespace} ${one.command}`, createRow);
  } catch (error) {
    byId("no-slow").hidden = false;
    text(byId("no-slow"), error.message);
  }
}

async function loadProfile() {
  const db = place()?.db;
  byId("profile-form").hidden = !db;
  if (!db) return;
  text(byId("profile-db"), `${db}:`);
  try {
    const profile = await api("GET", `/api/docdb/profile?${new URLSearchParams({ db })}`);
    byId("slow-ms").value = profile.slow_ms;
    byId("profile-form").dataset.level = profile.level;
  } catch {
    byId("profile-form").hidden = true;
  }
}

async function apply(event) {
  event.preventDefault();
  const { db } = place();
  const level = Number(byId("profile-form").dataset.level ?? 0);
  try {
    const body = { level, slow_ms: byId("slow-ms").valueAsNumber };
    await api("PUT", `/api/docdb/profile?${new URLSearchParams({ db })}`, body);
    done(`In ${db}, slow is what takes ${body.slow_ms} ms or more`);
  } catch (error) {
    failed("Could not change that", error);
  }
}

function createRow({ at, kind, namespace, millis, plan, keys, documents, returned, command }) {
  const moment = new Date(at);
  const figure = (value) => h("td", { class: "numeric" }, value === null || value === undefined ? "–" : number(value));
  return h(
    "tr",
    {},
    h("td", { class: "quiet", title: moment.toLocaleString() }, clock(moment.getTime())),
    h("td", { class: "numeric" }, elapsed(millis)),
    h("td", { class: "mono command-words" }, h("div", { class: "clamped" }, h("b", {}, `${kind} ${namespace} `), command)),
    h("td", { class: "mono" }, h("span", { class: `badge is-square ${plan === "COLLSCAN" ? "is-bad" : ""}` }, plan || "–")),
    figure(keys),
    figure(documents),
    figure(returned),
  );
}
