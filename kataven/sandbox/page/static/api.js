// Requests to the Hub. Only this page knows the token that each of them carries.

const token = document.querySelector('meta[name="kataven-page"]').content;

// The Hub refused a request: its status, and its own words as the message.
export class Refused extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

export async function open(method, path, { body, signal } = {}) {
  const response = await fetch(`/_page/api/${path}`, {
    method,
    body,
    signal,
    headers: { "X-Kataven-Page": token },
    cache: "no-store",
    credentials: "omit",
  });
  if (!response.ok) throw new Refused(response.status, await response.text());
  return response;
}

export async function call(method, path, options) {
  const response = await open(method, path, options);
  return response.status === 204 ? null : response.json();
}

export const post = (path, value) =>
  call("POST", path, value === undefined ? {} : { body: JSON.stringify(value) });

export const query = (values) => {
  const given = Object.entries(values).filter(([, value]) => value);
  return given.length ? `?${new URLSearchParams(given)}` : "";
};
