// Extended JSON: which type a value has, how it is shown, and how it is written for editing.

const SCALARS = {
  $numberInt: ["int", (v) => v],
  $numberLong: ["long", (v) => v],
  $numberDouble: ["double", (v) => v],
  $numberDecimal: ["decimal", (v) => v],
  $oid: ["objectId", (v) => v],
  $date: ["date", (v) => isoDate(v) ?? JSON.stringify(v)],
  $binary: ["binary", (v) => binaryText(v)],
  $regularExpression: ["regex", (v) => `/${v.pattern}/${v.options}`],
  $timestamp: ["timestamp", (v) => `${v.t}, ${v.i}`],
  $minKey: ["minKey", () => "MinKey"],
  $maxKey: ["maxKey", () => "MaxKey"],
  $undefined: ["undefined", () => "undefined"],
  $symbol: ["symbol", (v) => v],
  $code: ["code", (v) => v],
  $dbPointer: ["dbPointer", (v) => JSON.stringify(v)],
};

/** {type, text} of a value that holds no others, {type, entries} of an object or an array. */
export function described(value) {
  if (value === null) return { type: "null", text: "null" };
  if (typeof value === "boolean") return { type: "bool", text: String(value) };
  if (typeof value === "string") return { type: "string", text: value };
  if (typeof value === "number") return { type: "number", text: String(value) };
  if (Array.isArray(value)) return { type: "array", entries: value.map((item, place) => [place, item]) };
  const scalar = scalarOf(value);
  if (scalar) return scalar;
  return { type: "object", entries: Object.entries(value) };
}

function scalarOf(value) {
  const names = Object.keys(value);
  const kind = SCALARS[names[0]];
  const isScalar = kind && (names.length === 1 || (names[0] === "$code" && names[1] === "$scope"));
  return isScalar ? { type: kind[0], text: kind[1](value[names[0]]) } : null;
}

function isoDate(date) {
  const ms = typeof date === "string" ? Date.parse(date) : Number(date?.$numberLong ?? Number.NaN);
  const moment = new Date(ms);
  return Number.isNaN(moment.getTime()) ? null : moment.toISOString();
}

function binaryText({ base64, subType }) {
  const bytes = atob(base64);
  if (subType === "04" && bytes.length === 16) {
    const hex = [...bytes].map((c) => c.charCodeAt(0).toString(16).padStart(2, "0")).join("");
    return hex.replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, "$1-$2-$3-$4-$5");
  }
  return `${bytes.length} bytes${subType === "00" ? "" : `, subtype ${subType}`}`;
}

/** As a person writes it: plain where JSON means the same type, spelt out where it would not. */
export function editable(value) {
  if (Array.isArray(value)) return value.map(editable);
  if (value === null || typeof value !== "object") return value;
  if ("$numberInt" in value) return Number(value.$numberInt);
  if ("$numberDouble" in value) {
    const number = Number(value.$numberDouble);
    return Number.isFinite(number) && !Number.isInteger(number) ? number : value;
  }
  if ("$date" in value) {
    const iso = isoDate(value.$date);
    return iso && !iso.startsWith("-") && !iso.startsWith("+") ? { $date: iso } : value;
  }
  if (scalarOf(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, editable(item)]));
}
