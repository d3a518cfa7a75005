// The map: every process as a box, in the columns of the way that a request goes, and a line from
// whoever asks to whoever answers.

import { keyed, set, svg, text } from "/static/dom.js";
import { number } from "/static/format.js";

const BOX = { width: 150, height: 40 };
const GAP = 9;
// Above and below the boxes: for lines that pass a column by.
const LANE = 14;
const COLUMNS = 3;
const MIN_WIDTH = 600;

// Service → its column and the services that it talks to. One that is not here is new: it gets a
// box in the middle, and a line from the dashboard, which has seen it.
const PLACES = {
  web: { column: 0, needs: ["broker", "ledger", "kvdb", "pubsub"], page: "/" },
  broker: { column: 1, needs: ["kvdb", "pubsub"], page: "/tasks" },
  worker: { column: 1, needs: ["kvdb", "pubsub"], page: "/tasks" },
  ledger: { column: 1, needs: ["kvdb", "pubsub"], page: "/ledger" },
  kvdb: { column: 2, needs: [], page: "/kvdb" },
  pubsub: { column: 2, needs: [], page: "/pubsub" },
};
const ELSEWHERE = { column: 1, needs: [], page: "/" };
const ORDER = ["broker", "worker", "ledger"];

export function drawMap(root, services) {
  // Drawn at the size at which it is seen, so that text is as large as elsewhere on the page.
  const width = Math.max(MIN_WIDTH, root.clientWidth);
  const { boxes, height } = place(services, width);
  set(root, { viewBox: `0 0 ${width} ${height}` });
  if (!root.firstChild) root.append(svg("g"), svg("g"));
  const [edges, nodes] = root.children;
  keyed(
    edges,
    edgesBetween(boxes, height),
    (edge) => edge.key,
    () => svg("path"),
    drawEdge,
  );
  keyed(nodes, boxes, (box) => box.name, createBox, drawBox);
}

function place(services, width) {
  const columns = Array.from({ length: COLUMNS }, () => []);
  const sorted = [...services].sort((a, b) => ORDER.indexOf(a.service) - ORDER.indexOf(b.service));
  for (const one of sorted) columns[placeOf(one).column].push(one);
  const inner = Math.max(2, ...columns.map((column) => column.length)) * (BOX.height + GAP);
  const height = inner + 2 * LANE;
  const step = (width - BOX.width - 2) / (COLUMNS - 1);
  const boxes = columns.flatMap((column, index) => {
    // Few boxes spread over the height, so that lines do not all leave from one point.
    const room = inner / column.length;
    return column.map((one, row) => ({
      ...one,
      x: 1 + index * step,
      y: LANE + (row + 0.5) * room - BOX.height / 2,
      column: index,
    }));
  });
  return { boxes, height };
}

const placeOf = ({ service, name }) => PLACES[service] ?? PLACES[name] ?? ELSEWHERE;

function edgesBetween(boxes, height) {
  const edges = [];
  for (const from of boxes) {
    const place = placeOf(from);
    for (const to of boxes) {
      const isKnown = place.needs.includes(to.service);
      const isNew = from.service === "web" && placeOf(to) === ELSEWHERE;
      if (isKnown || isNew) edges.push({ key: `${from.name}>${to.name}`, from, to, height });
    }
  }
  return edges;
}

function drawEdge(path, { from, to, height }) {
  const isBroken = from.state === "down" || to.state === "down";
  const isActive = !isBroken && from.request_rate !== null && to.request_rate !== null;
  set(path, {
    class: `edge${isBroken ? " is-broken" : isActive ? " is-active" : ""}`,
    d: to.column - from.column > 1 ? lanePath(from, to, height) : curvePath(from, to),
  });
}

function curvePath(from, to) {
  const [x1, y1, x2, y2] = ends(from, to);
  const bend = (x2 - x1) / 2;
  return `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
}

/** Around the column in the middle: over it to a box in the upper half, else under it. */
function lanePath(from, to, height) {
  const [x1, y1, x2, y2] = ends(from, to);
  const lane = y2 < height / 2 ? 5 : height - 5;
  const left = (x1 + x2 - BOX.width) / 2;
  const right = left + BOX.width;
  const [rise, fall] = [(left - x1) / 2, (x2 - right) / 2];
  return (
    `M${x1} ${y1}C${x1 + rise} ${y1} ${left - rise} ${lane} ${left} ${lane}H${right}` +
    `C${right + fall} ${lane} ${x2 - fall} ${y2} ${x2} ${y2}`
  );
}

const ends = (from, to) => [
  from.x + BOX.width,
  from.y + BOX.height / 2,
  to.x,
  to.y + BOX.height / 2,
];

function createBox(box) {
  return svg(
    "a",
    { href: placeOf(box).page },
    svg("rect", { class: "box", width: BOX.width, height: BOX.height, rx: 9 }),
    svg("rect", { class: "bar", x: 9, y: 9, width: 4, height: BOX.height - 18, rx: 2 }),
    svg("text", { class: "name", x: 23, y: 17 }),
    svg("text", { class: "note", x: 23, y: 32 }),
  );
}

function drawBox(element, box) {
  const [, , name, note] = element.children;
  const rate = box.request_rate === null ? "" : `, ${number(box.request_rate)} req/s`;
  set(element, {
    transform: `translate(${box.x.toFixed(1)} ${box.y.toFixed(1)})`,
    "data-state": box.state,
    "aria-label": `${box.name}: ${box.state}${rate}`,
  });
  text(name, box.name);
  text(note, `${box.state}${rate}`);
}
