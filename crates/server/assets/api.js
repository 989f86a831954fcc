// The public API, as anybody else would call it.

/** A refusal: what was wrong, and where. */
export class Refusal extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.title || `The server answered ${status}.`);
    this.status = status;
    this.errors = problem.errors ?? [];
    this.uses = problem.uses ?? [];
  }

  /** All that is wrong, in one sentence for people. */
  get sentence() {
    const text = this.errors.length ? this.errors.map((error) => error.detail).join("; ") : this.message;
    return text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?…]$/.test(text) ? "" : ".");
  }
}

/** Calls the API; gives the document that it answers, and the response. Throws a Refusal. */
export async function call(method, path, body, headers = {}) {
  let response;
  try {
    response = await fetch(path, {
      method,
      headers: { accept: "application/json", "fanfare-csrf": "1", ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new Refusal(0, { detail: "The server does not answer. Nothing was changed; try again in a moment." });
  }
  const text = await response.text();
  const document_ = read(text);
  if (response.status === 401) {
    location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
  }
  if (!response.ok) throw new Refusal(response.status, document_ ?? {});
  return { document: document_, response };
}

function read(text) {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return null;
  }
}
