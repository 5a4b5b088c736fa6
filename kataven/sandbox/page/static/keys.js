// Shortcuts of a single key. They can be switched off, and do nothing while something is typed.

import { act } from "./actions.js";
import { press } from "./clock.js";
import { openCreate } from "./create.js";
import { isOpen, showHelp } from "./dialogs.js";
import { current, go } from "./router.js";

const VIEWS = ["campaigns", "journal", "requests", "faults", "connect"];
const STORED = "kataven-shortcuts";
const on = document.getElementById("shortcuts-on");

on.checked = localStorage.getItem(STORED) !== "off";
on.addEventListener("change", () => localStorage.setItem(STORED, on.checked ? "on" : "off"));

// The campaign that a shortcut is about: the one in detail, or the one with the focus.
const chosen = () =>
  current.view === "campaign"
    ? document.getElementById("detail")
    : document.activeElement.closest('[data-list="campaigns"] > [data-key]');

function campaignKey(what) {
  const button = chosen()?.querySelector(`[data-do="${what}"]`);
  if (button && !button.hidden) act(button);
}

function step(by) {
  if (current.view !== "campaigns") return;
  const links = [...document.querySelectorAll('[data-list="campaigns"] .cell-name a')];
  const row = chosen();
  const place = links.findIndex((link) => row?.contains(link));
  const to = place < 0 ? 0 : Math.min(links.length - 1, Math.max(0, place + by));
  links[to]?.focus();
}

const KEYS = {
  "?": showHelp,
  n: openCreate,
  j: () => step(1),
  k: () => step(-1),
  s: () => campaignKey("primary"),
  x: () => campaignKey("stop"),
  Delete: () => campaignKey("delete"),
  m: () => press(document.querySelector('[data-move="60"]')),
  h: () => press(document.querySelector('[data-move="3600"]')),
  e: () => press(document.querySelector('[data-move="end"]')),
  Escape: () => {
    if (current.view === "campaign") go("#/campaigns");
  },
};
VIEWS.forEach((view, place) => (KEYS[place + 1] = () => go(`#/${view}`)));

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isOpen()) return;
  if (event.target.closest("input, select, textarea")) return;
  const action = KEYS[event.key];
  if (!action || (!on.checked && event.key.length === 1 && event.key !== "?")) return;
  event.preventDefault();
  action();
});
