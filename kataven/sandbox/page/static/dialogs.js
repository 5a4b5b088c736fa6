// The dialogs: asking before something ends, and help.

const confirmed = document.getElementById("confirm");
const form = document.getElementById("confirm-form");

for (const button of document.querySelectorAll("dialog [data-close]")) {
  button.addEventListener("click", () => button.closest("dialog").close());
}
for (const dialog of document.querySelectorAll("dialog")) {
  // A click on the backdrop is a click on the dialog itself.
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
}

// Ask a question, and resolve to whether the answer was yes.
export function ask(title, text, yes) {
  document.getElementById("confirm-title").textContent = title;
  document.getElementById("confirm-text").textContent = text;
  document.getElementById("confirm-yes").textContent = yes;
  return new Promise((resolve) => {
    let answer = false;
    form.onsubmit = (event) => {
      event.preventDefault();
      answer = true;
      confirmed.close();
    };
    confirmed.addEventListener("close", () => resolve(answer), { once: true });
    confirmed.showModal();
  });
}

export const isOpen = () => document.querySelector("dialog[open]") !== null;

const help = document.getElementById("help");
export const showHelp = () => help.showModal();
document.getElementById("help-button").addEventListener("click", showHelp);
help.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
