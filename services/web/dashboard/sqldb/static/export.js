// The rows of a result as a file: CSV as RFC 4180 has it, or JSON, an object for each row.

import { h } from "/static/dom.js";

/** NULL is nothing at all, and an empty text is "": as COPY … CSV writes them. */
const csvField = (value) => {
  if (value === null) return "";
  return value === "" || /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
};

export function downloadCsv({ columns, rows }) {
  const lines = [columns.map(({ name }) => name), ...rows].map((row) => row.map(csvField).join(","));
  download("result.csv", "text/csv", `${lines.join("\r\n")}\r\n`);
}

/** Values stay the text that the server has sent, so that no digit of a numeric is lost. */
export function downloadJson({ columns, rows }) {
  const names = unique(columns.map(({ name }) => name));
  const objects = rows.map((row) => Object.fromEntries(row.map((value, place) => [names[place], value])));
  download("result.json", "application/json", `${JSON.stringify(objects, null, 2)}\n`);
}

/** An object has no two fields of one name, a result may have two columns. */
function unique(names) {
  const seen = new Map();
  return names.map((name) => {
    const times = (seen.get(name) ?? 0) + 1;
    seen.set(name, times);
    return times === 1 ? name : `${name}_${times}`;
  });
}

function download(name, type, content) {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = h("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
