// What every page does: theme, shortcuts, the states in the navigation, the connection.

import { renewToken } from "./api.js";
import { byId, set, text } from "./dom.js";
import { showShortcuts, shortcut } from "./keys.js";
import { on, onConnection, watch } from "./live.js";

const STATE_WORDS = {
  ok: "is well",
  degraded: "is degraded",
  down: "is down",
  unknown: "is out of sight",
};
const GRAVITY = ["ok", "unknown", "degraded", "down"];

function toggleTheme() {
  const root = document.documentElement;
  const isDark = root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = isDark ? "light" : "dark";
  try {
    localStorage.setItem("theme", root.dataset.theme);
  } catch {
    // Without storage the choice ends with the page.
  }
}

byId("theme-toggle").addEventListener("click", toggleTheme);
byId("help-open").addEventListener("click", showShortcuts);

const entries = [...document.querySelectorAll(".nav a")];
entries.forEach((entry, index) => {
  const title = entry.querySelector(".nav-label").textContent;
  shortcut(String(index + 1), `Go to ${title}`, () => entry.click());
});
shortcut("d", "Dark or light", toggleTheme);
shortcut("?", "Show these shortcuts", showShortcuts);

const CONNECTION_WORDS = {
  connecting: "Connecting",
  live: "Live",
  lost: "Connection lost, trying again",
};

let wasLost = false;

onConnection((state) => {
  if (state === "live" && wasLost) renewToken();
  // A stream that is refused says not why; this question does, where a login is missing.
  if (state === "lost" && !wasLost) renewToken().catch(() => {});
  wasLost = state === "lost";
  const element = document.querySelector(".connection");
  set(element, { "data-state": state });
  text(element.querySelector(".connection-text"), CONNECTION_WORDS[state]);
  byId("main").classList.toggle("is-stale", state === "lost");
});

const known = new Map();

on("services", ({ services }) => {
  for (const entry of entries) showNavigationState(entry, services);
  const changes = [];
  for (const { name, state } of services) {
    if (known.has(name) && known.get(name) !== state) changes.push(`${name} ${STATE_WORDS[state]}`);
    known.set(name, state);
  }
  // A screen reader hears of changes, and not of every round.
  if (changes.length) text(byId("announcer"), changes.join(", "));
});

function showNavigationState(entry, services) {
  const about = entry.dataset.services.split(" ");
  const states = services.filter(
    ({ service, name }) => about.includes(service) || about.includes(name),
  );
  const worst = GRAVITY[Math.max(-1, ...states.map(({ state }) => GRAVITY.indexOf(state)))];
  const dot = entry.querySelector(".nav-state");
  dot.hidden = !worst;
  if (worst) set(dot, { "data-state": worst, title: worst });
}

watch("services");
