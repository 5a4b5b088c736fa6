// Which view is shown. The address says it, so that Back and a bookmark work.

const sections = [...document.querySelectorAll("section[data-view]")];
const links = [...document.querySelectorAll("[data-view-link]")];
const title = document.title;
const watchers = [];

export const current = { view: "campaigns", id: "" };

// Call with (view, id) whenever it changes, and once at the beginning.
export const onRoute = (watcher) => watchers.push(watcher);

export const go = (hash) => {
  location.hash = hash;
};

function route(moveFocus) {
  const [, view = "", id = ""] = location.hash.split("/").map(decodeSafely);
  current.view = view === "campaigns" && id ? "campaign" : view;
  current.id = current.view === "campaign" ? id : "";
  if (!sections.some((one) => one.dataset.view === current.view)) current.view = "campaigns";
  for (const section of sections) section.hidden = section.dataset.view !== current.view;
  const tab = current.view === "campaign" ? "campaigns" : current.view;
  for (const link of links) {
    if (link.dataset.viewLink === tab) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  for (const watcher of watchers) watcher(current.view, current.id);
  const shown = sections.find((one) => !one.hidden);
  document.title = `${links.find((one) => one.dataset.viewLink === tab).firstChild.textContent.trim()} · ${title}`;
  if (moveFocus) {
    shown.querySelector("h1").focus({ preventScroll: true });
    scrollTo(0, 0);
  }
}

function decodeSafely(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

export function start() {
  addEventListener("hashchange", () => {
    if (location.hash !== "#main") route(true);
  });
  route(false);
}
