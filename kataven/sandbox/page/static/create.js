// A new campaign: from the dialog, or from a list that is dropped on the page.

import { call, query } from "./api.js";
import { isOpen } from "./dialogs.js";
import { read } from "./live.js";
import { go } from "./router.js";
import { note } from "./say.js";

const dialog = document.getElementById("create");
const form = document.getElementById("create-form");
const file = document.getElementById("create-file");
const name = document.getElementById("create-name");
const account = document.getElementById("create-account");
const error = document.getElementById("create-error");
const drop = document.getElementById("drop");

function nameFromFile() {
  const [chosen] = file.files;
  if (chosen && !name.value) name.value = chosen.name.replace(/\.[^.]+$/, "");
}

export function openCreate() {
  error.hidden = true;
  account.value = document.getElementById("account").value || account.options[0].value;
  dialog.showModal();
}

function body() {
  const data = new FormData();
  for (const [key, value] of new FormData(form)) {
    // An empty field is left out, so that the Hub's default holds, but required ones are sent.
    if (key !== "contacts" && key !== "account" && value) data.append(key, value);
  }
  if (file.files.length) data.append("contacts", file.files[0]);
  return data;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector('[type="submit"]');
  button.setAttribute("aria-busy", "true");
  try {
    const made = await call("POST", `campaigns${query({ account: account.value })}`, { body: body() });
    form.reset();
    dialog.close();
    note(`Created ${made.name}`);
    go(`#/campaigns/${encodeURIComponent(made.id)}`);
    await read();
  } catch (problem) {
    error.textContent = problem.message;
    error.hidden = false;
  } finally {
    button.removeAttribute("aria-busy");
  }
});
file.addEventListener("change", nameFromFile);
document.getElementById("new-button").addEventListener("click", openCreate);

// A file may be dropped anywhere. Without this, the browser would leave the page to show it.
const hasFile = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
let depth = 0;
addEventListener("dragenter", (event) => {
  if (!hasFile(event)) return;
  depth += 1;
  drop.hidden = false;
});
addEventListener("dragleave", (event) => {
  if (!hasFile(event)) return;
  depth = Math.max(0, depth - 1);
  drop.hidden = depth === 0;
});
addEventListener("dragover", (event) => {
  if (hasFile(event)) event.preventDefault();
});
addEventListener("drop", (event) => {
  if (!hasFile(event)) return;
  event.preventDefault();
  depth = 0;
  drop.hidden = true;
  if (isOpen() && !dialog.open) return;
  file.files = event.dataTransfer.files;
  name.value = "";
  nameFromFile();
  if (!dialog.open) openCreate();
});
