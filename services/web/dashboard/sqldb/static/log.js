// The log, the checkpoints, the transactions, the cache of plans: figures as the views tell them.

import { api } from "/static/api.js";
import { byId, h, set, text } from "/static/dom.js";
import { ago, duration, number, size } from "/static/format.js";
import { done, failed } from "/static/notices.js";

export function startLog() {
  const button = byId("checkpoint");
  button.addEventListener("click", async () => {
    set(button, { disabled: true });
    try {
      await api("POST", "/api/sqldb/checkpoint");
      done("The checkpoint stands");
    } catch (error) {
      failed("Could not make a checkpoint", error);
    } finally {
      set(button, { disabled: false });
    }
  });
}

export function showLog({ wal, storage, checkpoints, database, plan_cache: plans, server, settings }) {
  facts("wal", walFacts(wal ?? {}, storage, settings ?? {}));
  facts("checkpoints", checkpointFacts(storage, checkpoints ?? {}));
  facts("transactions", transactionFacts(database));
  facts("plans", planFacts(plans));
  facts("recovery", recoveryFacts(storage, server, settings ?? {}));
}

/** Write pairs of a label and a text; a list that stays the same is left alone. */
function facts(id, pairs) {
  const list = byId(id);
  const known = pairs.filter(([, value]) => value !== null && value !== undefined);
  if ([...list.children].filter(({ tagName }) => tagName === "DT").map(({ textContent }) => textContent).join() !== known.map(([label]) => label).join())
    list.replaceChildren(...known.flatMap(([label]) => [h("dt", {}, label), h("dd")]));
  const values = list.querySelectorAll("dd");
  known.forEach(([, value], place) => text(values[place], value));
}

const figure = (value) => (value === null || value === undefined ? null : number(Number(value)));
const bytes = (value) => (value === null || value === undefined ? null : size(Number(value)));
const ms = (value) => (value === null || value === undefined ? null : `${Number(value) < 10 ? Number(value).toFixed(1) : number(Number(value))} ms`);
/** "2026-11-23 13:14:25.08+00" is what the server writes, and no form that every browser reads. */
const moment = (value) => (value ? Date.parse(value.replace(" ", "T").replace(/([+-]\d\d)$/, "$1:00")) : null);
const since = (value) => (value ? ago(moment(value)) : null);

function walFacts(wal, storage, settings) {
  const records = Number(wal.wal_records ?? 0);
  const syncs = Number(wal.wal_sync ?? 0);
  return [
    ["written since the start", bytes(wal.wal_bytes)],
    ["records", figure(wal.wal_records)],
    ["syncs", figure(wal.wal_sync)],
    ["records to a sync", syncs ? (records / syncs).toFixed(1) : "–"],
    ["log since the checkpoint", storage ? bytes(storage.wal_file_bytes) : null],
    ["fsync", settings.fsync],
    ["synchronous_commit", settings.synchronous_commit],
  ];
}

function checkpointFacts(storage, counts) {
  const made = Number(counts.checkpoints_timed ?? 0) + Number(counts.checkpoints_req ?? 0);
  if (!storage) return [["made", `${number(made)}${counts.checkpoints_timed === undefined ? "" : ` (${number(Number(counts.checkpoints_timed))} by the clock)`}`]];
  return [
    ["last", storage.checkpoint_is_running === "t" ? "being written" : (since(storage.checkpoint_at) ?? "none since the start")],
    ["failed", storage.checkpoint_error],
    ["took", ms(storage.checkpoint_ms)],
    ["nobody was served for", ms(storage.checkpoint_pause_ms)],
    ["size", bytes(storage.checkpoint_bytes)],
    ["made since the start", `${number(made)} (${number(Number(counts.checkpoints_timed))} by the clock)`],
    ["made every", `${duration(Number(storage.checkpoint_interval_s))} or ${bytes(storage.checkpoint_wal_bytes)} of log`],
    ["generation", figure(storage.generation)],
  ];
}

function transactionFacts(database) {
  return [
    ["committed", figure(database.xact_commit)],
    ["rolled back", figure(database.xact_rollback)],
    ["deadlocks broken", figure(database.deadlocks)],
    ["rows inserted", figure(database.tup_inserted)],
    ["rows updated", figure(database.tup_updated)],
    ["rows deleted", figure(database.tup_deleted)],
  ];
}

function planFacts(plans) {
  if (!plans) return [["plans", "this server does not tell of them"]];
  const hits = Number(plans.hits);
  const all = hits + Number(plans.misses);
  return [
    ["plans kept, in all sessions", figure(plans.entries)],
    ["of prepared statements", figure(plans.of_prepared)],
    ["of texts that came again", figure(plans.of_texts)],
    ["used again", figure(plans.hits)],
    ["had to be made", figure(plans.misses)],
    ["used again, of all", all ? `${((100 * hits) / all).toFixed(1)} %` : "–"],
  ];
}

function recoveryFacts(storage, server, settings) {
  return [
    ["version", settings.version],
    ["started", since(server?.started)],
    ["recovery took", storage ? ms(storage.recovery_ms) : null],
    ["rows and definitions read", storage ? figure(storage.recovered_changes) : null],
    ["transactions replayed", storage ? figure(storage.recovered_records) : null],
    ["statements since", figure(server?.statements)],
    ["memory", bytes(server?.memory_bytes)],
    ["on the disk", storage ? null : server ? "nothing: the server has no data directory" : null],
  ];
}
