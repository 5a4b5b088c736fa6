// Adding and clearing scripted faults.

import { call, post } from "./api.js";
import { read } from "./live.js";
import { note } from "./say.js";

const form = document.getElementById("fault-form");
const preset = document.getElementById("fault-preset");
const kind = document.getElementById("fault-kind");
const error = document.getElementById("fault-error");
const valueField = document.getElementById("fault-value-field");
const retryField = document.getElementById("fault-retry-field");

function showKind() {
  const name = kind.selectedOptions[0].dataset.value;
  valueField.hidden = !name;
  document.getElementById("fault-value-name").textContent = name || "Value";
  retryField.hidden = kind.value !== "status";
}

function fromPreset() {
  const { match, kind: of, value, times, retryAfter } = preset.selectedOptions[0].dataset;
  if (match === undefined) return;
  Object.assign(form.elements.match, { value: match });
  kind.value = of;
  form.elements.value.value = value;
  form.elements.times.value = times;
  form.elements.after.value = "";
  form.elements.retry_after.value = retryAfter;
  showKind();
}

// A number if it is one; the Hub says what is wrong with anything else.
const numberOf = (text) => (/^\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : text.trim());

function fault() {
  const { match, value, times, after, retry_after: retryAfter } = form.elements;
  const made = { match: match.value.trim(), times: times.value ? numberOf(times.value) : null };
  if (after.value) made.after = numberOf(after.value);
  made[kind.value] = kind.selectedOptions[0].dataset.value ? numberOf(value.value) : true;
  if (kind.value === "status" && retryAfter.value) made.retry_after = numberOf(retryAfter.value);
  return made;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    await post("sandbox/faults", fault());
    error.hidden = true;
    note("Added the fault");
  } catch (problem) {
    error.textContent = problem.message;
    error.hidden = false;
  }
  await read();
});
document.getElementById("faults-clear").addEventListener("click", async () => {
  await call("DELETE", "sandbox/faults");
  note("Cleared all faults");
  await read();
});
preset.addEventListener("change", fromPreset);
kind.addEventListener("change", () => {
  preset.value = "";
  showKind();
});
form.elements.match.addEventListener("input", () => (preset.value = ""));
fromPreset();
