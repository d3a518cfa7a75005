// The collection that the page is about; the address names it, so that a link leads back to it.

const listeners = new Set();
let chosen = fromAddress();

function fromAddress() {
  const query = new URLSearchParams(location.search);
  const db = query.get("db");
  const collection = query.get("collection");
  return db && collection ? { db, collection } : null;
}

/** {db, collection}, or null where none is chosen. */
export const place = () => chosen;

/** Call `listener` whenever another collection is chosen. */
export function onPlace(listener) {
  listeners.add(listener);
}

export function choosePlace(next) {
  if (next?.db === chosen?.db && next?.collection === chosen?.collection) return;
  chosen = next;
  history.replaceState(null, "", `${location.pathname}${next ? `?${queryOf(next)}` : ""}${location.hash}`);
  for (const listener of listeners) listener(next);
}

/** The place, and more, as the query of an address. */
export const queryOf = ({ db, collection }, more = {}) =>
  new URLSearchParams({ db, collection, ...more }).toString();
