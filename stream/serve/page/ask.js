// What is asked of the server, and its answers in sentences.

const LONGEST_MS = 10_000; // a server that stands still answers when it goes on, to whom it may be of no use

// A reason why not; `again` says whether the same may be granted a little later.
export class Refusal extends Error {
  constructor(text, again) {
    super(sentence(text));
    this.again = again;
  }
}

export async function ask(path, options) {
  let response, body;
  try {
    response = await fetch(path, { signal: AbortSignal.timeout(LONGEST_MS), ...options });
    body = response.status === 204 ? null : await response.json().catch(() => ({}));
  } catch {
    throw new Refusal("the server does not answer", true);
  }
  if (response.ok) return body;
  const again = response.status >= 500 || [408, 409, 429].includes(response.status);
  throw new Refusal(body.error ?? `the server answered ${response.status}`, again);
}

export const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1) + (text.endsWith(".") ? "" : ".");
