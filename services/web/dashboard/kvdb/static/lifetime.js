// How long something lives on: moments instead of durations, so that they run down by themselves.

import { duration } from "/static/format.js";

/** The moment at which it ends, in milliseconds; null for never. */
export const endOf = ({ ttl_ms: left }) => (left ? Date.now() + left : left === 0 ? Date.now() : null);

/** What is left, in milliseconds, as people read it. */
export const lifeText = (left) =>
  left === null ? "ever" : left < 1000 ? "< 1 s" : duration(left / 1000);

/** The seconds that a field asks for; null where it is empty. */
export function secondsOf(input) {
  const seconds = input.valueAsNumber;
  return Number.isNaN(seconds) ? null : seconds;
}
