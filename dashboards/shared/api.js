// Requests to the gateway.
// In: a path below /api/v1 and, where something changes, a body. Out: the answer's JSON with its status.
// Refuses to hide failures: every one becomes an `ApiFailure` that says what is wrong and how to mend it.

/** Longer than any answer takes on a busy board; after it, staff should hear that something is wrong. */
const ANSWER_MS_MAX = 10_000;

/** A request that was not answered as hoped. `status` is 0 where nothing came back at all. */
export class ApiFailure extends Error {
  constructor(status, what, mend) {
    super(what);
    this.status = status;
    this.mend = mend;
  }
}

/** The JSON at a path. */
export async function read(path) {
  return (await ask("GET", path, undefined, [])).body;
}

/** Sends a body. Statuses in `expected` are answers too, not failures. Gives `{status, body}`. */
export function send(method, path, body, expected = []) {
  return ask(method, path, body, expected);
}

async function ask(method, path, body, expected) {
  let response;
  let text;
  try {
    response = await fetch(`/api/v1${path}`, {
      method,
      cache: "no-store",
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
      headers: body === undefined ? {} : { "content-type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    text = await response.text();
  } catch {
    throw new ApiFailure(0, "", "");
  }
  const answer = parsed(text);
  if (response.ok || expected.includes(response.status)) return { status: response.status, body: answer };
  throw new ApiFailure(response.status, answer?.error ?? "", answer?.mend ?? "");
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
