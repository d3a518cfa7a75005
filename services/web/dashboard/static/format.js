// Numbers, sizes and times as people read them; the same forms as the filters of our templates.

const SIZES = ["bytes", "KiB", "MiB", "GiB", "TiB"];

/** 1536 → "1.5 KiB" */
export function size(bytes) {
  if (bytes === null || bytes === undefined) return "–";
  let amount = bytes;
  let unit = 0;
  while (amount >= 1024 && unit < SIZES.length - 1) {
    amount /= 1024;
    unit += 1;
  }
  return unit ? `${amount.toFixed(1)} ${SIZES[unit]}` : `${amount} bytes`;
}

/** 93784 → "1 d 2 h": the two largest units that are not nothing. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  let rest = Math.floor(seconds);
  const parts = [];
  for (const [unit, length] of [
    ["d", 86400],
    ["h", 3600],
    ["min", 60],
    ["s", 1],
  ]) {
    const count = Math.floor(rest / length);
    rest -= count * length;
    if (count) parts.push(`${count} ${unit}`);
  }
  return parts.slice(0, 2).join(" ") || "0 s";
}

/** 0.4821 → "482 ms", 3.2 → "3.2 s": how long something took. */
export function elapsed(milliseconds) {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 60_000) return `${(milliseconds / 1000).toFixed(1)} s`;
  return duration(milliseconds / 1000);
}

/** 0.5 → "0.5", 48211 → "48,211" */
export function number(value) {
  if (value === null || value === undefined) return "–";
  if (value !== 0 && Math.abs(value) < 10 && !Number.isInteger(value)) return value.toFixed(1);
  return Math.round(value).toLocaleString("en-US");
}

/** Digits of any length with separators: "-1234567" → "−1,234,567". */
export function digits(textual) {
  const grouped = textual.replace(/^-/, "").replace(/\B(?=(\d{3})+$)/g, ",");
  return textual.startsWith("-") ? `−${grouped}` : grouped;
}

/** The time of day of a moment in milliseconds, with milliseconds where wanted. */
export function clock(atMs, { milliseconds = false } = {}) {
  const at = new Date(atMs);
  const pad = (value, width = 2) => String(value).padStart(width, "0");
  const time = `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
  return milliseconds ? `${time}.${pad(at.getMilliseconds(), 3)}` : time;
}

/** "just now", "12 s ago", "3 min ago" */
export function ago(atMs, nowMs = Date.now()) {
  const seconds = Math.max(0, (nowMs - atMs) / 1000);
  if (seconds < 2) return "just now";
  return `${duration(seconds).split(" ").slice(0, 2).join(" ")} ago`;
}

/** 1, "key" → "1 key"; 2, "key" → "2 keys" */
export function count(amount, noun, plural = `${noun}s`) {
  return `${number(amount)} ${amount === 1 ? noun : plural}`;
}
