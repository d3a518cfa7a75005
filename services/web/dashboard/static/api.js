// Requests to the dashboard's own API.

/** What went wrong, as the server's problem document (RFC 9457) says it. */
export class Problem extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.title || `The dashboard answered with status ${status}`);
    this.status = status;
    this.title = problem.title;
    this.code = problem.code;
  }
}

const tokenElement = document.querySelector('meta[name="csrf-token"]');

/** Send a request; gives the JSON of the answer, null where there is none. Throws Problem. */
export async function api(method, path, body) {
  let response = await send(method, path, body);
  if (response.status === 403 && (await problemOf(response.clone())).code === "csrf") {
    await renewToken();
    response = await send(method, path, body);
  }
  if (response.status === 401) logIn();
  if (!response.ok) throw new Problem(response.status, await problemOf(response));
  return response.status === 204 ? null : response.json();
}

/** After a restart of the dashboard the tokens of its former life are worth nothing. */
export async function renewToken() {
  const session = await send("GET", "/api/session");
  if (session.ok) tokenElement.content = (await session.json()).csrf_token;
  if (session.status === 401) logIn();
}

/** The session has aged, was ended in another tab, or is of the dashboard's former life. */
function logIn() {
  const here = location.pathname + location.search;
  location.assign(`/login?next=${encodeURIComponent(here)}`);
}

async function send(method, path, body) {
  const headers = { Accept: "application/json", "X-CSRF-Token": tokenElement.content };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  try {
    return await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new Problem(0, { title: "No answer", detail: "The dashboard itself does not answer." });
  }
}

async function problemOf(response) {
  try {
    return await response.json();
  } catch {
    return {};
  }
}
