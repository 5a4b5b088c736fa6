// The state of the Hub: one request for everything that the page shows, once a second. It rests
// while the tab is hidden.

import { call, query, Refused } from "./api.js";

const EVERY = 1000;
const LONGEST = 8000;

const watchers = [];
const scope = { account: "", campaign: "" };
const lost = document.getElementById("lost");
let latest = 0;
let controller;
let timer;
let failures = 0;
// The last state that was read.
export let state = null;

export const watch = (watcher) => watchers.push(watcher);

// Read the state for another account or campaign.
export function look(change) {
  Object.assign(scope, change);
  return read();
}

export async function read() {
  clearTimeout(timer);
  controller?.abort();
  controller = new AbortController();
  const mine = ++latest;
  try {
    const found = await call("GET", `state${query(scope)}`, { signal: controller.signal });
    if (mine !== latest) return;
    state = found;
    failures = 0;
    show("");
    for (const watcher of watchers) watcher(state);
    document.dispatchEvent(new Event("kataven-update"));
  } catch (error) {
    if (mine !== latest) return;
    failures += 1;
    show(trouble(error));
    if (!(error instanceof Refused) && error.name !== "TypeError") throw error;
  } finally {
    if (mine === latest && !document.hidden) {
      timer = setTimeout(read, Math.min(LONGEST, EVERY * 2 ** failures / (failures ? 2 : 1)));
    }
  }
}

function trouble(error) {
  if (!(error instanceof Refused)) {
    return "The Hub does not respond. It was probably stopped; this page tries again.";
  }
  return error.status === 403 ? "The Hub was started again: reload this page." : error.message;
}

function show(text) {
  if (lost.textContent === text) return;
  lost.textContent = text;
  lost.hidden = !text;
  document.body.classList.toggle("is-lost", Boolean(text));
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) read();
  else {
    latest += 1;
    clearTimeout(timer);
    controller?.abort();
  }
});
