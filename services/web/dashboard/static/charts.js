// Charts as SVG, drawn by hand: the sparkline of a rate over the last minutes, and bars of sizes.

import { h, keyed, set, svg, text } from "./dom.js";

const WIDTH = 100;
const HEIGHT = 28;

/**
 * A line over time with its area, for `points` of [seconds ago, value], the oldest first.
 * `minimum` is what the top of the chart stands for at least, so that noise looks like noise.
 */
export function sparkline(element, points, spanSeconds, { minimum = 1 } = {}) {
  if (!element.firstChild) {
    set(element, { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none" });
    element.append(
      svg("path", { class: "area" }),
      svg("path", { class: "base", d: `M0 ${HEIGHT - 1}H${WIDTH}` }),
      svg("path", { class: "line" }),
    );
  }
  const [area, , line] = element.children;
  if (points.length < 2) {
    set(line, { d: "" });
    set(area, { d: "" });
    return;
  }
  const top = Math.max(minimum, ...points.map(([, value]) => value)) * 1.1;
  const path = points
    .map(([ago, value], index) => {
      const x = WIDTH * (1 - Math.min(1, ago / spanSeconds));
      const y = HEIGHT - 1 - (HEIGHT - 3) * (value / top);
      return `${index ? "L" : "M"}${x.toFixed(2)} ${y.toFixed(2)}`;
    })
    .join("");
  const first = WIDTH * (1 - Math.min(1, points[0][0] / spanSeconds));
  const last = WIDTH * (1 - Math.min(1, points.at(-1)[0] / spanSeconds));
  set(line, { d: path });
  set(area, { d: `${path}L${last.toFixed(2)} ${HEIGHT}L${first.toFixed(2)} ${HEIGHT}Z` });
}

/** The sum of several histories, each interpolated at the moments of the longest one. */
export function sumOf(histories) {
  const longest = histories.reduce((best, one) => (one.length > best.length ? one : best), []);
  return longest.map(([ago]) => [ago, histories.reduce((sum, one) => sum + valueAt(one, ago), 0)]);
}

function valueAt(points, ago) {
  // From the oldest to the newest: the first point that is not older than asked for.
  const point = points.find(([at]) => at <= ago + 0.05);
  return point && points[0][0] >= ago - 0.05 ? point[1] : 0;
}

/**
 * Bars of {name, label, title, first, second}, one below the other in a list: two amounts in a row,
 * as shares of the longest bar.
 */
export function bars(list, items) {
  const whole = Math.max(1, ...items.map(({ first, second }) => first + second));
  keyed(list, items, ({ name }) => name, createBar, (bar, { label, title, first, second }) => {
    text(bar.querySelector(".bar-text"), label);
    bar.title = title;
    set(bar.querySelector(".bar-first"), { width: (100 * first) / whole });
    set(bar.querySelector(".bar-second"), { x: (100 * first) / whole, width: (100 * second) / whole });
  });
}

const createBar = ({ name }) =>
  h(
    "li",
    { class: "bar" },
    h("span", { class: "mono truncate" }, name),
    h("span", { class: "quiet bar-text" }),
    svg(
      "svg",
      { viewBox: "0 0 100 4", preserveAspectRatio: "none", "aria-hidden": "true" },
      svg("rect", { class: "bar-first", height: 4 }),
      svg("rect", { class: "bar-second", height: 4 }),
    ),
  );
