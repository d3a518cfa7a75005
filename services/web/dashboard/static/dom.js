// Making and changing elements. Text is only ever set as text, never parsed as markup: what a key
// or a message holds cannot become part of the page.

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element: h("button", {class: "button", onclick: send}, "Send"). */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** An SVG element. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  set(element, attributes);
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** Set attributes and listeners; false, null and undefined remove, true sets an empty one. */
export function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === false || value === null || value === undefined)
      element.removeAttribute(name);
    else {
      const text = value === true ? "" : String(value);
      if (element.getAttribute(name) !== text) element.setAttribute(name, text);
    }
  }
  return element;
}

/** Set the text, if it is another one: what has not changed is not announced or repainted. */
export function text(element, content) {
  const wanted = String(content);
  if (element.textContent !== wanted) element.textContent = wanted;
}

/** The element with this id. */
export const byId = (id) => document.getElementById(id);

/**
 * Let the children of `parent` be those of `items`, in their order. An item keeps its element as
 * long as its key is there, and with it the focus, the selection and the scroll position. Of two
 * items with one key only the first is shown.
 */
export function keyed(parent, items, keyOf, create, update) {
  const old = new Map([...parent.children].map((child) => [child.itemKey, child]));
  const done = new Set();
  let place = parent.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    if (done.has(key)) continue;
    done.add(key);
    let element = old.get(key);
    if (element) old.delete(key);
    else {
      element = create(item);
      element.itemKey = key;
    }
    update?.(element, item);
    if (element === place) place = place.nextElementSibling;
    else parent.insertBefore(element, place);
  }
  for (const gone of old.values()) gone.remove();
}

/** Where one column stands below the other, bring what has been asked for into sight. */
export function reveal(element) {
  if (matchMedia("(max-width: 60rem)").matches)
    element.scrollIntoView({ block: "start", behavior: "smooth" });
}

/** The line icons that buttons of several pages show. */
const ICONS = {
  close: "M5.5 5.5l9 9M14.5 5.5l-9 9",
  remove: "M4.5 6h11M8 6V4h4v2M6 6l.7 10h6.6L14 6M8.7 9v4M11.3 9v4",
  plus: "M10 4.5v11M4.5 10h11",
  edit: "M4 16l.9-3.6 8.3-8.3a1.4 1.4 0 0 1 2 0l.7.7a1.4 1.4 0 0 1 0 2l-8.3 8.3L4 16M11.7 5.6l2.7 2.7",
};

export function icon(name) {
  return svg(
    "svg",
    { viewBox: "0 0 20 20", "aria-hidden": "true" },
    svg("path", { d: ICONS[name], class: "stroke" }),
  );
}
