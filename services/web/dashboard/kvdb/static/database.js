// The database that the page looks at: one of sixteen, kept in the address.

import { byId, h } from "/static/dom.js";
import { number } from "/static/format.js";

const DATABASES = 16;

const select = byId("db");
const listeners = new Set();
let current = readAddress();

function readAddress() {
  const wanted = Number(new URLSearchParams(location.search).get("db") ?? 0);
  return Number.isInteger(wanted) && wanted >= 0 && wanted < DATABASES ? wanted : 0;
}

select.append(
  ...Array.from({ length: DATABASES }, (_, n) => h("option", { value: n }, String(n))),
);
select.value = String(current);
select.addEventListener("change", () => chooseDatabase(Number(select.value)));

/** Its number. */
export const database = () => current;

/** Look at another one; whoever shows keys is told. */
export function chooseDatabase(wanted) {
  if (wanted === current) return;
  current = wanted;
  select.value = String(wanted);
  const address = new URL(location.href);
  if (wanted) address.searchParams.set("db", wanted);
  else address.searchParams.delete("db");
  history.replaceState(null, "", address);
  for (const listener of listeners) listener(wanted);
}

export function onDatabase(listener) {
  listeners.add(listener);
}

/** How many keys each has, beside its number. */
export function showSizes(keysByDatabase) {
  for (const option of select.options) {
    const keys = keysByDatabase[option.value] ?? 0;
    const label = keys ? `${option.value} · ${number(keys)}` : option.value;
    if (option.textContent !== label) option.textContent = label;
  }
}

/** The API's name of a key that a person has typed. */
export function hrefOf(name) {
  const suffix = current ? `&db=${current}` : "";
  return `/api/kvdb/key?key=${encodeURIComponent(name)}${suffix}`;
}
