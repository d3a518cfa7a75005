// The documents of a collection, page by page, and the editor for one of them.

import { api } from "/static/api.js";
import { asksTwice } from "/static/asking.js";
import { byId, h, icon, reveal, text } from "/static/dom.js";
import { number } from "/static/format.js";
import { done, failed } from "/static/notices.js";
import { editable } from "./extended_json.js";
import { place, queryOf } from "./place.js";
import { identity, tree } from "./tree.js";

const PAGE = 20;

export class Documents {
  #skip = 0;
  #edited = null;
  #turn = 0;

  /** `changed()` when the number of documents may be another. */
  constructor({ changed }) {
    this.changed = changed;
    byId("filter-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#skip = 0;
      this.load();
    });
    byId("insert").addEventListener("click", () => this.insert());
    byId("editor").addEventListener("submit", (event) => this.#save(event));
    byId("editor-cancel").addEventListener("click", () => this.#close());
    byId("previous").addEventListener("click", () => this.#turnTo(this.#skip - PAGE));
    byId("next").addEventListener("click", () => this.#turnTo(this.#skip + PAGE));
    byId("document").addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) byId("editor").requestSubmit();
      if (event.key === "Escape") this.#close();
    });
  }

  /** Another collection: what was asked of the last one is of no use. */
  forget() {
    this.#skip = 0;
    byId("filter").value = "";
    byId("sort").value = "";
    this.#close();
  }

  #turnTo(skip) {
    this.#skip = Math.max(0, skip);
    this.load();
  }

  async load() {
    const where = place();
    const turn = ++this.#turn;
    byId("insert").disabled = byId("find").disabled = where === null;
    if (where === null) {
      byId("documents").replaceChildren();
      byId("pages").hidden = true;
      byId("no-documents").hidden = false;
      text(byId("no-documents"), "Choose a collection on the left.");
      return;
    }
    const query = queryOf(where, {
      filter: byId("filter").value,
      sort: byId("sort").value,
      skip: this.#skip,
      limit: PAGE,
    });
    try {
      const page = await api("GET", `/api/docdb/documents?${query}`);
      if (turn !== this.#turn) return;
      this.#complain("");
      this.#show(page);
    } catch (error) {
      if (turn === this.#turn) this.#complain(error.message);
    }
  }

  #complain(message) {
    byId("filter-error").hidden = !message;
    text(byId("filter-error"), message);
  }

  #show({ documents, skip, total }) {
    byId("documents").replaceChildren(...documents.map((document) => this.#row(document)));
    byId("no-documents").hidden = documents.length > 0;
    text(byId("no-documents"), byId("filter").value.trim() ? "No document matches." : "The collection is empty.");
    byId("pages").hidden = documents.length === 0 && skip === 0;
    const of = total === null ? "" : ` of ${number(total)}`;
    text(byId("shown"), documents.length ? `${number(skip + 1)} to ${number(skip + documents.length)}${of}` : "none");
    byId("previous").disabled = skip === 0;
    byId("next").disabled = total === null ? documents.length < PAGE : skip + documents.length >= total;
  }

  #row(document) {
    const name = identity(document);
    const edit = h(
      "button",
      {
        type: "button",
        class: "icon-button is-small",
        "aria-label": `Edit ${name}`,
        "data-testid": `doc-edit-${name}`,
        onclick: () => this.#edit(document),
      },
      icon("edit"),
    );
    const remove = asksTwice(
      h(
        "button",
        { type: "button", class: "button is-small is-danger", "aria-label": `Delete ${name}`, "data-testid": `doc-delete-${name}` },
        "Delete",
      ),
      () => this.#remove(document),
    );
    return h(
      "li",
      { class: "document", "data-testid": `doc-document-${name}` },
      tree(document),
      h("div", { class: "document-buttons" }, edit, remove),
    );
  }

  insert() {
    this.#open(null, "A new document", "{\n  \n}");
    byId("document").setSelectionRange(4, 4);
  }

  #edit(document) {
    this.#open(document, `Change ${identity(document)}`, JSON.stringify(editable(document), null, 2));
  }

  #open(document, title, content) {
    this.#edited = document;
    byId("editor").hidden = false;
    byId("editor-error").hidden = true;
    text(byId("editor-title"), title);
    byId("document").value = content;
    byId("document").rows = Math.min(24, Math.max(6, content.split("\n").length + 1));
    byId("document").focus();
    byId("editor").scrollIntoView({ block: "nearest" });
    reveal(byId("editor"));
  }

  #close() {
    byId("editor").hidden = true;
    this.#edited = null;
  }

  async #save(event) {
    event.preventDefault();
    const url = `/api/docdb/documents?${queryOf(place())}`;
    const document = byId("document").value;
    const before = this.#edited;
    try {
      if (before) await api("PUT", url, { before: JSON.stringify(before), document });
      else await api("POST", url, { document });
      done(before ? `Changed ${identity(before)}` : "Inserted a document");
      this.#close();
      await Promise.all([this.load(), this.changed()]);
    } catch (error) {
      byId("editor-error").hidden = false;
      text(byId("editor-error"), error.message);
      byId("document").focus();
    }
  }

  async #remove(document) {
    try {
      await api("DELETE", `/api/docdb/documents?${queryOf(place())}`, { before: JSON.stringify(document) });
      done(`Deleted ${identity(document)}`);
    } catch (error) {
      failed("Could not delete the document", error);
    }
    await Promise.all([this.load(), this.changed()]);
  }
}
