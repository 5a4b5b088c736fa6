// Puts the parts of the page together.

import "./actions.js";
import "./campaign.js";
import "./clock.js";
import "./copy.js";
import "./faults.js";
import "./keys.js";

import { list, page } from "./bind.js";
import { look, watch } from "./live.js";
import { pages } from "./pages.js";
import { current, onRoute, start } from "./router.js";
import { say } from "./say.js";

const fillPage = page();
const fillCampaigns = list("campaigns");
const fillLimits = list("limits");
const fillFaults = list("faults");
const fillKeys = list("keys");
const fillTwice = list("twice_rows");
const account = document.getElementById("account");

const journal = pages("journal", () => ({ path: "journal" }));
const requests = pages("requests", () => ({ path: "requests" }));
let marks = null;

function showTables() {
  if (!marks) return;
  if (current.view === "journal") journal.show(marks.journal);
  if (current.view === "requests") requests.show(marks.requests);
}

// An account that was made after the page was loaded.
function addAccounts(names) {
  for (const select of [account, document.getElementById("create-account")]) {
    const known = new Set([...select.options].map((option) => option.value));
    for (const name of names) if (!known.has(name)) select.add(new Option(name, name));
  }
}

// Screen readers hear when a campaign begins, pauses or ends.
const statuses = new Map();
function announce(campaigns) {
  const news = [];
  for (const { key, name, status } of campaigns) {
    const before = statuses.get(key);
    if (before && before !== status) news.push(`${name} is ${status}`);
    statuses.set(key, status);
  }
  if (news.length) say(news.slice(0, 3).join(", "));
}

watch((state) => {
  fillPage({ hub: state.hub, twice: state.twice, campaign: state.campaign });
  fillCampaigns(state.campaigns);
  if (current.view === "requests") fillLimits(state.limits);
  fillFaults(state.faults);
  fillTwice(state.twice.rows);
  fillKeys(state.keys);
  addAccounts(state.accounts);
  announce(state.campaigns);
  ({ marks } = state);
  showTables();
});
onRoute(showTables);
account.addEventListener("change", () => look({ account: account.value }));
account.value = new URLSearchParams(location.search).get("account") ?? "";
if (account.value) look({ account: account.value });
start();
document.documentElement.dataset.ready = "true";
