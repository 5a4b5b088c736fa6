// One campaign in detail: its contacts, its calls, and its events as the Hub sends them.

import { open, Refused } from "./api.js";
import { look, watch } from "./live.js";
import { pages } from "./pages.js";
import { current, onRoute } from "./router.js";

const MOST_EVENTS = 200;

const detail = document.getElementById("detail");
const tabs = [...document.querySelectorAll('[role="tab"]')];
const status = document.getElementById("contact-status");
const error = document.getElementById("contact-error");
const events = document.getElementById("events");
const eventsState = document.getElementById("events-state");

const path = (part, query) =>
  current.id ? { path: `campaigns/${encodeURIComponent(current.id)}/${part}`, query } : null;
const contacts = pages("contacts", () =>
  path("contacts", { status: status.value, error: error.value }),
);
const calls = pages("calls", () => path("calls"));

let stream = null;
let tab = tabs[0];

function choose(chosen, focus) {
  tab = chosen;
  for (const one of tabs) {
    const on = one === chosen;
    one.setAttribute("aria-selected", on);
    one.tabIndex = on ? 0 : -1;
    document.getElementById(one.getAttribute("aria-controls")).hidden = !on;
  }
  if (focus) chosen.focus();
  refresh();
}

// Show the chosen part of the campaign as it is in the last state.
let seen = null;
function refresh() {
  const shown = tab.id.replace("tab-", "");
  if (shown === "contacts" && seen) contacts.show(`${seen.key} ${seen.mark}`);
  if (shown === "calls" && seen) calls.show(`${seen.key} ${seen.mark}`);
  const wanted = shown === "events" && current.id && !document.hidden ? current.id : null;
  if (stream?.id !== wanted) {
    stream?.controller.abort();
    stream = wanted && { id: wanted, controller: new AbortController() };
    if (stream) follow(stream);
  }
}

// Read the Hub's own event stream, frame by frame.
async function follow(mine) {
  events.replaceChildren();
  eventsState.textContent = "Connecting …";
  try {
    const response = await open("GET", path("events").path, { signal: mine.controller.signal });
    eventsState.textContent = "Connected: each line is one frame of the stream.";
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      const frames = (rest + value).split("\n\n");
      rest = frames.pop();
      for (const frame of frames) line(frame);
    }
    eventsState.textContent = "The stream has ended.";
  } catch (problem) {
    if (mine !== stream) return;
    eventsState.textContent =
      problem instanceof Refused ? problem.message : "The stream broke off. Open it again to continue.";
  }
}

function line(frame) {
  const item = document.createElement("li");
  item.textContent = frame;
  item.className = frame.startsWith("data:") ? "" : "mark";
  events.prepend(item);
  if (events.childElementCount > MOST_EVENTS) events.lastElementChild.remove();
}

for (const select of [status, error]) {
  select.addEventListener("change", () => {
    contacts.first();
    refresh();
  });
}
for (const one of tabs) {
  one.addEventListener("click", () => choose(one, false));
  one.addEventListener("keydown", (event) => {
    const place = tabs.indexOf(one);
    const to = {
      ArrowRight: tabs[(place + 1) % tabs.length],
      ArrowLeft: tabs.at(place - 1),
      Home: tabs[0],
      End: tabs.at(-1),
    }[event.key];
    if (!to) return;
    event.preventDefault();
    choose(to, true);
  });
}
document.addEventListener("visibilitychange", refresh);

onRoute((view, id) => {
  if (id !== detail.dataset.key) {
    detail.dataset.key = id;
    seen = null;
    status.value = error.value = "";
    contacts.first();
    calls.first();
  }
  look({ campaign: id });
  refresh();
});
watch(({ campaign }) => {
  if (campaign.key !== current.id) return;
  seen = campaign;
  refresh();
});
