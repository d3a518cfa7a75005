// A fingerprint: a hash as a pattern of bars. Two hashes that differ in one digit look different,
// and two that are equal look equal, without reading sixty-four of them.

import { set, svg } from "/static/dom.js";

const BARS = 32;
const HEIGHT = 24;

export function fingerprint(element, hash) {
  const digits = [...hash.replace(/[^0-9a-f]/gi, "")].map((digit) => parseInt(digit, 16));
  if (!element.firstChild) {
    set(element, { viewBox: `0 0 ${BARS} ${HEIGHT}`, preserveAspectRatio: "none" });
    for (let bar = 0; bar < BARS; bar += 1)
      element.append(svg("rect", { x: bar + 0.1, width: 0.8 }));
  }
  [...element.children].forEach((bar, index) => {
    // One bar for two digits: the first is its height, the second its shade.
    const [height = 0, shade = 0] = digits.slice(index * 2, index * 2 + 2);
    const drawn = digits.length ? 2 + (height / 15) * (HEIGHT - 4) : 0;
    set(bar, {
      y: (HEIGHT - drawn) / 2,
      height: drawn,
      opacity: (0.3 + (0.7 * shade) / 15).toFixed(2),
    });
  });
}
