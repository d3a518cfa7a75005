// What is chosen: a schema and a name in it, kept in the address, so that a link leads to it.

const listeners = new Set();
let chosen = fromAddress();

function fromAddress() {
  const query = new URLSearchParams(location.search);
  const schema = query.get("schema");
  const name = query.get("name");
  return schema && name ? { schema, name } : null;
}

/** {schema, name}, or null where nothing is chosen. */
export const place = () => chosen;

/** Call `listener` whenever something is chosen, the same thing again too. */
export function onPlace(listener) {
  listeners.add(listener);
}

export function choosePlace(next) {
  chosen = next;
  history.replaceState(null, "", `${location.pathname}${next ? `?${queryOf(next)}` : ""}${location.hash}`);
  for (const listener of listeners) listener(next);
}

/** The place as the query of an address. */
export const queryOf = ({ schema, name }) => new URLSearchParams({ schema, name }).toString();

/** A name as SQL has it: in quotes where it needs them. */
export const quoted = (name) => (/^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`);
