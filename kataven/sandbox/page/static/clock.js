// Moving the clock of the Hub, one move after the other.

import { post } from "./api.js";
import { read, state } from "./live.js";
import { complain, say } from "./say.js";

const clock = document.querySelector(".clock");
const GOING = new Set(["running", "scheduled"]);
let moves = Promise.resolve();
let waiting = 0;

async function toTheEnd() {
  for (const one of state.campaigns.filter((campaign) => GOING.has(campaign.status))) {
    await post("sandbox/run-to-end", { campaign: one.key });
  }
}

async function move(how) {
  clock.setAttribute("aria-busy", "true");
  waiting += 1;
  try {
    if (how === "end") await toTheEnd();
    else await post("sandbox/advance", { seconds: Number(how) });
    await read();
    say(`The Hub's time is ${state.hub.now}`);
  } catch (error) {
    complain(error);
    await read();
  }
  waiting -= 1;
  if (!waiting) clock.removeAttribute("aria-busy");
}

// Press a button of the clock.
export function press(button) {
  if (button.getAttribute("aria-disabled") === "true") {
    say(button.title);
    return;
  }
  moves = moves.then(() => move(button.dataset.move));
}

clock.addEventListener("click", (event) => {
  const button = event.target.closest("[data-move]");
  if (button) press(button);
});
