// The life of a task as bars over time: one line for each attempt, what it waited and what it ran.
//
//   attempt 1   ░░░░▓▓▓▓▓▓▓▓
//   attempt 2               ░░░░░░░░▓▓▓▓▓▓▓▓▓▓▓
//                                                  0 s … 3.2 s

import { h, svg } from "/static/dom.js";
import { elapsed } from "/static/format.js";

const WIDTH = 1000;
const ROW = 26;
const BAR = 14;
// What took no time at all is still to be seen.
const MIN_WIDTH = 6;
const MAX_ROWS = 8;

export function drawTimeline(figure, task) {
  const segments = segmentsOf(task);
  if (!segments.length) {
    figure.replaceChildren();
    return;
  }
  const rows = attemptsOf(segments);
  const hidden = Math.max(0, rows.length - MAX_ROWS);
  const begin = segments[0].from;
  const span = Math.max(1, segments.at(-1).to - begin);
  figure.replaceChildren(
    ...rows.slice(hidden).map((row) => drawRow(row, begin, span)),
    h(
      "figcaption",
      { class: "quiet" },
      h("span", {}, hidden ? `${hidden} attempts before these` : ""),
      h("span", {}, elapsed(span)),
    ),
  );
}

/** Each state that lasts, from when to when; the last one until now, unless it is the end. */
function segmentsOf({ history, finished_at: finishedAt }) {
  return history.flatMap((step, index) => {
    const from = Date.parse(step.at);
    const next = history[index + 1];
    if (!next && finishedAt) return [];
    return [{ state: step.state, from, to: next ? Date.parse(next.at) : Date.now() }];
  });
}

/** The segments of each attempt: what was waited before it, and its run. */
function attemptsOf(segments) {
  const rows = [];
  let row = [];
  for (const segment of segments) {
    row.push(segment);
    if (segment.state === "running") {
      rows.push(row);
      row = [];
    }
  }
  if (row.length) rows.push(row);
  return rows.map((parts, index) => ({ number: index + 1, parts }));
}

function drawRow({ number, parts }, begin, span) {
  const runs = parts.some(({ state }) => state === "running");
  const label = runs ? `attempt ${number}` : "waiting";
  const took = parts.map(({ state, from, to }) => `${state} ${elapsed(to - from)}`).join(", ");
  return h(
    "div",
    { class: "timeline-row", title: took },
    h("span", { class: "quiet" }, label),
    svg(
      "svg",
      {
        viewBox: `0 0 ${WIDTH} ${ROW}`,
        preserveAspectRatio: "none",
        role: "img",
        "aria-label": `${label}: ${took}`,
      },
      svg("path", { class: "timeline-base", d: `M0 ${ROW / 2}H${WIDTH}` }),
      ...parts.map((part) => drawBar(part, begin, span)),
    ),
  );
}

function drawBar({ state, from, to }, begin, span) {
  const width = Math.max(MIN_WIDTH, ((to - from) / span) * WIDTH);
  const x = Math.min(WIDTH - width, ((from - begin) / span) * WIDTH);
  return svg("rect", {
    class: "timeline-bar",
    "data-state": state,
    x: x.toFixed(1),
    y: (ROW - BAR) / 2,
    width: width.toFixed(1),
    height: BAR,
  });
}
