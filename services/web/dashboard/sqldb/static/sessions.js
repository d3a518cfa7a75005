// Who is connected, who waits for whom, and which locks are held: read while the tab is open.

import { api } from "/static/api.js";
import { asksTwice } from "/static/asking.js";
import { byId, h, keyed, set, text } from "/static/dom.js";
import { count, duration } from "/static/format.js";
import { done, failed } from "/static/notices.js";
import { onTab } from "/static/tabs.js";

const INTERVAL_MS = 2000;
const STATES = {
  active: "is-ok",
  "idle in transaction": "is-warn",
  "idle in transaction (aborted)": "is-bad",
};

export function startSessions() {
  let timer = 0;
  onTab(
    "sessions",
    () => {
      load();
      timer = setInterval(load, INTERVAL_MS);
    },
    () => clearInterval(timer),
  );
}

async function load() {
  try {
    show(await api("GET", "/api/sqldb/activity"));
  } catch (error) {
    text(byId("sessions-shown"), error.message);
  }
}

function show({ sessions, locks, is_cut: isCut }) {
  text(byId("sessions-shown"), `${count(sessions.length, "session")}${isCut ? ", and more that are not shown" : ""}`);
  keyed(byId("sessions"), sessions, ({ pid, application }) => `${pid} ${application}`, createRow, showRow);
  byId("no-locks").hidden = locks.length > 0;
  keyed(byId("locks"), locks, ({ pid, kind, about, mode }) => `${pid} ${kind} ${about} ${mode}`, createLock, showLock);
  showWaits(sessions, locks);
}

function createRow({ pid, user, application, address, is_own: isOwn }) {
  const cell = (name, kind = "") => h("td", { class: kind, "data-field": name });
  const button = (action, label, question) =>
    asksTwice(
      h(
        "button",
        { type: "button", class: "button is-small is-danger", "data-testid": `sql-${action}-${pid}`, "aria-label": `${label} session ${pid}` },
        label,
      ),
      () => interrupt(pid, action),
      question,
    );
  const who = [h("b", {}, application || user), h("span", { class: "quiet who" }, application ? `${user} ${address}` : address)];
  return h(
    "tr",
    { "data-testid": `sql-session-${pid}` },
    h("td", { class: "numeric quiet" }, pid),
    h("td", {}, isOwn ? h("span", { class: "quiet" }, "this dashboard") : who),
    h("td", {}, h("span", { class: "badge", "data-field": "state" })),
    cell("waits"),
    h("td", { class: "command-words" }, h("div", { "data-field": "query" })),
    cell("since", "numeric quiet"),
    cell("open", "numeric quiet"),
    h("td", { class: "numeric" }, isOwn ? null : h("span", { class: "session-buttons" }, button("cancel", "Cancel"), button("terminate", "End"))),
  );
}

function showRow(row, session) {
  const field = (name) => row.querySelector(`[data-field="${name}"]`);
  const { state, query, waits_for: waits, blocked_by: blockers, state_s: since, transaction_s: open, is_own: isOwn } = session;
  const isWaiting = state === "active" && waits !== "" && blockers.length > 0;
  text(field("state"), isWaiting ? "waiting" : state || "background");
  set(field("state"), { class: `badge ${isWaiting ? "is-warn" : (STATES[state] ?? "")}` });
  text(field("waits"), blockers.length ? `session ${blockers.join(", ")}` : waits || "–");
  set(field("waits"), { class: blockers.length ? "is-blocked" : "quiet" });
  text(field("query"), isOwn ? "asks for what is shown here" : query.trim().replace(/\s+/g, " "));
  set(field("query"), { class: isOwn ? "quiet" : "clamped mono" });
  text(field("since"), since === null ? "–" : duration(since));
  text(field("open"), open === null ? "–" : duration(open));
  set(row, { "data-state": state });
}

async function interrupt(pid, action) {
  try {
    await api("POST", "/api/sqldb/sessions", { pid, action });
    done(action === "cancel" ? `Asked session ${pid} to stop its statement` : `Ended session ${pid}`);
  } catch (error) {
    failed(`Could not ${action === "cancel" ? "cancel" : "end"} session ${pid}`, error);
  }
  load();
}

// Locks.

function createLock({ pid, kind, about, mode }) {
  const name = mode.replace(/(?<=[a-z])(?=[A-Z])/g, " ").toLowerCase();
  return h(
    "tr",
    { "data-testid": `sql-lock-${pid}-${kind}` },
    h("td", { class: "numeric quiet" }, pid),
    h("td", {}, kind === "relation" || kind === "transactionid" || kind === "advisory" ? "" : h("span", { class: "quiet" }, `${kind} of `), h("span", { class: "mono" }, about || kind)),
    h("td", {}, name),
    h("td", {}, h("span", { class: "badge", "data-field": "granted" })),
  );
}

function showLock(row, { is_granted: isGranted, waits_s: waits }) {
  const badge = row.querySelector('[data-field="granted"]');
  text(badge, isGranted ? "held" : `waits${waits === null ? "" : ` for ${duration(waits)}`}`);
  set(badge, { class: `badge ${isGranted ? "" : "is-warn"}` });
}

/** Who is in the way stands above those who wait for him. */
function showWaits(sessions, locks) {
  const byPid = new Map(sessions.map((session) => [session.pid, session]));
  const waiting = sessions.filter(({ blocked_by: blockers }) => blockers.length);
  byId("waits-card").hidden = waiting.length === 0;
  const blockers = new Set(waiting.flatMap(({ blocked_by: pids }) => pids));
  const roots = [...blockers].filter((pid) => !byPid.get(pid)?.blocked_by.length);
  // All of them wait in a circle: the server is about to break it.
  const tops = roots.length || !waiting.length ? roots : [waiting[0].pid];
  const seen = new Set();
  const branch = (pid) => {
    if (seen.has(pid)) return [];
    seen.add(pid);
    const below = waiting.filter(({ blocked_by: pids }) => pids.includes(pid)).flatMap((one) => branch(one.pid));
    return [h("li", { "data-testid": `sql-wait-${pid}` }, sentence(byPid.get(pid), pid, locks), below.length ? h("ul", {}, below) : null)];
  };
  byId("waits").replaceChildren(...tops.flatMap(branch));
}

function sentence(session, pid, locks) {
  const wanted = locks.find((lock) => lock.pid === pid && !lock.is_granted);
  const words = wanted
    ? ` waits for ${wanted.kind === "tuple" ? "a row of " : ""}${wanted.about || wanted.kind}${wanted.waits_s === null ? "" : `, since ${duration(wanted.waits_s)}`}`
    : ` ${session?.state ?? "gone"}`;
  return h(
    "p",
    {},
    h("b", {}, `Session ${pid}`),
    h("span", { class: wanted ? "is-blocked" : "quiet" }, words),
    session ? h("code", { class: "wait-query" }, session.query.trim().replace(/\s+/g, " ").slice(0, 160)) : null,
  );
}
