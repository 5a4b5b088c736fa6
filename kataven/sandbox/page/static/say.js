// What the page tells: news for screen readers, and messages that everybody sees.

const live = document.getElementById("say");
const toasts = document.getElementById("toasts");
const SHOWN = 4000;

// Tell a screen reader, politely.
export function say(text) {
  live.textContent = text;
}

// Tell everybody, for some seconds.
export function note(text) {
  say(text);
  const toast = document.createElement("p");
  toast.className = "toast";
  toast.textContent = text;
  toasts.append(toast);
  setTimeout(() => toast.remove(), SHOWN);
}

// Tell everybody what failed, until it is closed.
export function complain(error) {
  const toast = document.createElement("div");
  toast.className = "toast bad";
  toast.setAttribute("role", "alert");
  const text = document.createElement("p");
  text.textContent = error.message;
  const close = document.createElement("button");
  close.type = "button";
  close.className = "small";
  close.textContent = "Close";
  close.addEventListener("click", () => {
    toast.remove();
    document.querySelector("section:not([hidden]) h1").focus();
  });
  toast.append(text, close);
  toasts.replaceChildren(toast);
}
