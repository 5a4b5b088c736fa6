// Start, pause, resume, stop and delete: by the buttons of a campaign, in the list or in detail.

import { call, post } from "./api.js";
import { ask } from "./dialogs.js";
import { read, state } from "./live.js";
import { current, go } from "./router.js";
import { complain, note, say } from "./say.js";

const QUESTIONS = {
  stop: ["Stop", "Contacts that were not called yet are cancelled. A stopped campaign cannot be started again."],
  delete: ["Delete", "The campaign and its contacts are gone; calls in flight still end. The journal keeps its entries."],
};

// Find a campaign of the last state.
export const campaignOf = (key) =>
  state?.campaigns.find((one) => one.key === key) ??
  (state?.campaign.key === key ? state.campaign : undefined);

// Do what a button of a campaign says.
export async function act(button) {
  const campaign = campaignOf(button.closest("[data-key]").dataset.key);
  if (!campaign) return;
  const what = button.dataset.do;
  if (button.getAttribute("aria-disabled") === "true") {
    say(button.title);
    return;
  }
  const question = QUESTIONS[what];
  if (question && !(await ask(`${question[0]} ${campaign.name}?`, question[1], question[0]))) return;
  await perform(what === "primary" ? campaign.primary : what, campaign);
}

async function perform(what, campaign) {
  const path = `campaigns/${encodeURIComponent(campaign.key)}`;
  try {
    if (what === "delete") {
      await call("DELETE", path);
      if (current.id === campaign.key) go("#/campaigns");
      note(`Deleted ${campaign.name}`);
    } else if (what === "end") {
      await post("sandbox/run-to-end", { campaign: campaign.key });
    } else {
      await post(`${path}/${what}`);
    }
  } catch (error) {
    complain(error);
  }
  await read();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-do]");
  if (button) act(button);
});
