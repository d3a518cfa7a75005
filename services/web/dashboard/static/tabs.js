// The tabs of a page: one stop for the Tab key, arrows between them, and the address names one.

import { byId, set } from "/static/dom.js";

const names = [...byId("tabs").children].map((tab) => tab.dataset.tab);
const listeners = new Map();
let chosen = names[0];

export const chosenTab = () => chosen;

/** Call `shown` when the tab is chosen, and `hidden` when another one is. */
export function onTab(name, shown, hidden = () => {}) {
  listeners.set(name, { shown, hidden });
}

export function chooseTab(name, { isFocused = false } = {}) {
  const left = chosen;
  chosen = name;
  for (const other of names) {
    const isChosen = other === name;
    set(byId(`tab-${other}`), {
      "aria-selected": String(isChosen),
      tabindex: isChosen ? null : -1,
    });
    byId(`panel-${other}`).hidden = !isChosen;
  }
  if (isFocused) byId(`tab-${name}`).focus();
  if (left !== name) {
    listeners.get(left)?.hidden();
    history.replaceState(null, "", name === names[0] ? location.pathname + location.search : `#${name}`);
    listeners.get(name)?.shown();
  }
}

byId("tabs").addEventListener("click", (event) => {
  const tab = event.target.closest("[data-tab]");
  if (tab) chooseTab(tab.dataset.tab);
});

byId("tabs").addEventListener("keydown", (event) => {
  const at = names.indexOf(chosen);
  const place = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: names.length - 1 }[event.key];
  if (place === undefined) return;
  event.preventDefault();
  chooseTab(names.at(place % names.length), { isFocused: true });
});

/** Begin with the tab that the address names; called when all of them are ready. */
export function startTabs() {
  const wanted = location.hash.slice(1);
  if (names.includes(wanted)) chooseTab(wanted);
}
