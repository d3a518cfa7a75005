// The channels: subscriptions are topics of the page's stream, messages its events.

import { api } from "/static/api.js";
import { byId, h, icon, keyed, set, text } from "/static/dom.js";
import { clock, count, number, size } from "/static/format.js";
import { shortcut } from "/static/keys.js";
import { on, unwatch, watch } from "/static/live.js";
import { failed } from "/static/notices.js";

const MAX_SHOWN = 500;

/** Source ("channel:news") → its state, in the order in which they were asked for. */
const subscriptions = new Map();
let messages = [];
let received = 0;
let isPaused = false;
// Messages carry a number that only grows. While one stream replaces another both bring the same
// ones, and the number tells what has been seen.
let latestNumber = 0;

function listen(source) {
  if (subscriptions.has(source)) return;
  subscriptions.set(source, "connecting");
  watch(source);
  remember();
  showSubscriptions();
}

function leave(source) {
  subscriptions.delete(source);
  unwatch(source);
  remember();
  showSubscriptions();
}

/** The address says what is listened to, so that a reload or a link listens to it again. */
function remember() {
  const query = new URLSearchParams([...subscriptions.keys()].map((source) => ["listen", source]));
  history.replaceState(null, "", subscriptions.size ? `?${query}` : location.pathname);
}

function showSubscriptions() {
  keyed(
    byId("subscriptions"),
    [...subscriptions],
    ([source]) => source,
    ([source]) => createSubscription(source),
    (element, [source, state]) => {
      set(element, { "data-state": state });
      text(element.querySelector(".visually-hidden"), state);
    },
  );
}

function createSubscription(source) {
  const [kind, name] = split(source);
  return h(
    "li",
    { class: "subscription", "data-testid": `pub-subscription-${source}` },
    h(
      "span",
      { class: "truncate" },
      kind === "pattern" ? h("em", {}, "pattern ") : null,
      h("code", {}, name),
    ),
    h("span", { class: "visually-hidden" }),
    h(
      "button",
      {
        type: "button",
        class: "icon-button",
        "aria-label": `Stop listening to ${kind} ${name}`,
        onclick: () => leave(source),
      },
      icon("close"),
    ),
  );
}

function split(source) {
  const colon = source.indexOf(":");
  return [source.slice(0, colon), source.slice(colon + 1)];
}

on("subscription", ({ source, state, reason }) => {
  if (!subscriptions.has(source)) return;
  subscriptions.set(source, state);
  showSubscriptions();
  if (state === "lost") outage(reason);
  else if (state === "live") outage(null);
});

on("message", (message) => {
  if (message.number <= latestNumber || !subscriptions.has(message.source)) return;
  latestNumber = message.number;
  received += 1;
  messages = [message, ...messages].slice(0, MAX_SHOWN);
  showSoon();
});

let isShowingSoon = false;

/** Once for each frame, however many messages have come in it. */
function showSoon() {
  if (isShowingSoon) return;
  isShowingSoon = true;
  requestAnimationFrame(() => {
    isShowingSoon = false;
    if (!isPaused) showMessages();
    showReceived();
  });
}

function showMessages() {
  keyed(byId("messages"), messages, (message) => message.number, createMessage);
  byId("no-messages").hidden = messages.length > 0;
}

function createMessage(message) {
  const [kind, name] = split(message.source);
  return h(
    "li",
    { "data-testid": "pub-message-row", "data-channel": message.channel },
    h(
      "time",
      { datetime: new Date(message.at_ms).toISOString() },
      clock(message.at_ms, { milliseconds: true }),
    ),
    h(
      "div",
      { class: "truncate" },
      h("code", { title: message.channel }, message.channel),
      kind === "pattern" ? h("div", { class: "source truncate" }, `by ${name}`) : null,
    ),
    h(
      "div",
      { class: "payload" },
      message.text,
      message.is_cut ? h("div", { class: "source" }, `… ${size(message.size)} in all`) : null,
    ),
  );
}

function showReceived() {
  text(byId("received"), received ? count(received, "message") + (isPaused ? ", paused" : "") : "");
}

byId("pause").addEventListener("click", () => {
  isPaused = !isPaused;
  set(byId("pause"), { "aria-pressed": String(isPaused) });
  text(byId("pause"), isPaused ? "Go on" : "Pause");
  if (!isPaused) showMessages();
  showReceived();
});

byId("clear").addEventListener("click", () => {
  messages = [];
  received = 0;
  showMessages();
  showReceived();
});

const nameField = byId("listen-name");

// Stars and brackets are rare in the names of channels: whoever types one most likely means a
// pattern, and may still choose otherwise.
nameField.addEventListener("input", () => {
  byId("listen-kind").value = /[*?[]/.test(nameField.value) ? "pattern" : "channel";
});

byId("listen-form").addEventListener("submit", (event) => {
  event.preventDefault();
  listen(`${byId("listen-kind").value}:${nameField.value}`);
  if (byId("listen-kind").value === "channel" && !byId("channel").value)
    byId("channel").value = nameField.value;
  event.target.reset();
});

byId("publish-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    const { receivers } = await api("POST", "/api/pubsub/messages", {
      channel: byId("channel").value,
      message: byId("message").value,
    });
    text(
      byId("reached"),
      receivers ? `Reached ${count(receivers, "subscriber")}` : "Nobody was listening",
    );
    byId("message").select();
  } catch (error) {
    text(byId("reached"), "");
    failed("Could not publish", error);
  }
});

// Enter sends, as in a chat; with Shift it begins a new line.
byId("message").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  byId("publish-form").requestSubmit();
});

on("pubsub", (statistics) => {
  outage(statistics.error ?? null);
  if (statistics.error) return;
  const figures = {
    clients: statistics.clients,
    channels: statistics.channels_total,
    patterns: statistics.patterns_total,
    in: statistics.messages_in,
    out: statistics.messages_out,
  };
  for (const [name, figure] of Object.entries(figures))
    text(document.querySelector(`[data-figure="${name}"]`), number(figure));
  keyed(
    byId("active"),
    statistics.channels,
    ({ channel }) => channel,
    createChannel,
    (row, { subscribers }) => text(row.children[1], number(subscribers)),
  );
  byId("no-active").hidden = statistics.channels.length > 0;
});

function createChannel({ channel }) {
  return h(
    "tr",
    { "data-testid": `pub-active-${channel}` },
    h("th", { scope: "row", class: "truncate", title: channel }, channel),
    h("td", { class: "numeric" }),
    h(
      "td",
      { class: "numeric" },
      h(
        "button",
        {
          type: "button",
          class: "button is-small",
          "aria-label": `Listen to ${channel}`,
          onclick: () => listen(`channel:${channel}`),
        },
        "Listen",
      ),
    ),
  );
}

function outage(reason) {
  byId("outage").hidden = reason === null;
  text(byId("outage"), reason === null ? "" : `pubsub does not answer. ${reason}`);
}

shortcut("/", "Listen to a channel", () => nameField.focus());
shortcut("n", "Publish a message", () =>
  byId(byId("channel").value ? "message" : "channel").focus(),
);

watch("pubsub");
for (const source of new URLSearchParams(location.search).getAll("listen")) {
  if (/^(channel|pattern):./.test(source)) listen(source);
}
