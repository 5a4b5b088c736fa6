// Copying keys, the address and snippets.

import { note } from "./say.js";

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.textContent);
    note("Copied");
  } catch {
    // Without the permission, the text is at least selected.
    getSelection().selectAllChildren(source);
    note("Selected: copy it with your keyboard");
  }
});
