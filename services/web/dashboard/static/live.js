// Live data: one stream of server-sent events for all that a page watches.
//
//   watch("services", "tasks");                  topics, until unwatch(…)
//   on("tasks", (data) => …);                    events, by their names
//   onConnection((state) => …);                  "connecting", "live", "lost"
//
// When the topics change, a new stream is opened, and the old one is closed when the new one
// stands: no event falls in between. One may come twice, which handlers must not mind.

const topics = new Set();
const handlers = new Map();
const watchers = new Set();
let current = null;
let next = null;
let timer = 0;
let retryDelay = 0;

export function watch(...names) {
  const before = topics.size;
  for (const name of names) topics.add(name);
  if (topics.size !== before) soon(0);
}

export function unwatch(name) {
  if (topics.delete(name)) soon(0);
}

export function on(event, handler) {
  if (!handlers.has(event)) handlers.set(event, []);
  handlers.get(event).push(handler);
}

export function onConnection(watcher) {
  watchers.add(watcher);
}

/** All calls of watch() in one turn of the page make one stream. */
function soon(delay) {
  clearTimeout(timer);
  timer = setTimeout(connect, delay);
}

function connect() {
  next?.close();
  const query = new URLSearchParams([...topics].map((topic) => ["topic", topic]));
  const source = new EventSource(`/api/stream?${query}`);
  next = source;
  source.onopen = () => {
    if (current && current !== source) current.close();
    current = source;
    if (next === source) next = null;
    retryDelay = 0;
    tell("live");
  };
  source.onerror = () => {
    if (source !== current && source !== next) return;
    if (source === current || !current) tell("lost");
    // The browser tries again by itself, except after an answer that was no stream.
    if (source.readyState === EventSource.CLOSED) {
      retryDelay = Math.min(8000, retryDelay * 2 || 1000);
      soon(retryDelay);
    }
  };
  for (const [event, listeners] of handlers) {
    source.addEventListener(event, (message) => {
      const data = JSON.parse(message.data);
      for (const listener of listeners) listener(data);
    });
  }
}

function tell(state) {
  for (const watcher of watchers) watcher(state);
}

// A page that is kept for the way back must not keep its stream.
addEventListener("pagehide", () => {
  current?.close();
  next?.close();
});
addEventListener("pageshow", (event) => {
  if (event.persisted) soon(0);
});
