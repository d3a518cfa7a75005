// The lines that were typed into the console, as a shell keeps them: until the tab is closed.

const STORAGE_KEY = "kvdb-console";
const MAX_LINES = 200;

export class CommandHistory {
  #lines = load();
  #at = this.#lines.length;
  #draft = "";

  add(line) {
    if (this.#lines.at(-1) !== line) this.#lines.push(line);
    this.#lines = this.#lines.slice(-MAX_LINES);
    this.#at = this.#lines.length;
    this.#draft = "";
    try {
      sessionStorage.setItem(STORAGE_KEY, JSON.stringify(this.#lines));
    } catch {
      // A browser may forbid it; then the history ends with the page.
    }
  }

  /** The line before this one; `draft` is what stands there now, to come back to. */
  earlier(draft) {
    if (this.#at === this.#lines.length) this.#draft = draft;
    this.#at = Math.max(0, this.#at - 1);
    return this.#lines[this.#at] ?? this.#draft;
  }

  later() {
    this.#at = Math.min(this.#lines.length, this.#at + 1);
    return this.#lines[this.#at] ?? this.#draft;
  }
}

function load() {
  try {
    const lines = JSON.parse(sessionStorage.getItem(STORAGE_KEY) ?? "[]");
    return Array.isArray(lines) ? lines.filter((line) => typeof line === "string") : [];
  } catch {
    return [];
  }
}
