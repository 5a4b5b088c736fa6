// Fills values into the marks of page.html: data-text, data-attr, data-show and data-list. An
// element is only touched when its value changed, and an update never takes the focus away.

const MARKS = "[data-text], [data-attr], [data-show]";

// Move the focus to something near, because the element that has it is about to go.
function leave(element) {
  if (!element.contains(document.activeElement)) return;
  const row = element.closest("[data-key]");
  const near =
    row && row !== element
      ? row.querySelector("a, h1")
      : (element.nextElementSibling ?? element.previousElementSibling)?.querySelector("a, button");
  (near ?? element.closest("section")?.querySelector("h1"))?.focus();
}

// Return a function that fills values into the marks of an element and of what is in it.
function filler(nodes) {
  const steps = [];
  for (const node of nodes) {
    const { text, attr, show } = node.dataset;
    if (text) steps.push([text, node.textContent, (value) => (node.textContent = value)]);
    for (const pair of attr?.split(" ") ?? []) {
      const [name, field] = pair.split(":");
      steps.push([field, node.getAttribute(name), (value) => node.setAttribute(name, value)]);
    }
    if (show) {
      steps.push([
        show,
        !node.hidden,
        (value) => {
          if (!value) leave(node);
          node.hidden = !value;
        },
      ]);
    }
  }
  return (values) => {
    for (const step of steps) {
      const value = values[step[0]];
      if (value === undefined || value === step[1]) continue;
      step[1] = value;
      step[2](value);
    }
  };
}

const marked = (root) => [root, ...root.querySelectorAll(MARKS)].filter((one) => one.matches(MARKS));

// The marks of the page outside of lists; values are named like "hub.now".
export function page() {
  const nodes = marked(document.body).filter((node) => !node.closest("[data-list]"));
  const fill = filler(nodes);
  return (scopes) => {
    const values = {};
    for (const [scope, fields] of Object.entries(scopes)) {
      for (const [name, value] of Object.entries(fields)) values[`${scope}.${name}`] = value;
    }
    fill(values);
  };
}

// Keep the children of an element equal to items, by their keys. `make` returns an element and a
// function that fills an item into it.
export function keyed(container, make, adopt) {
  const rows = new Map();
  if (adopt) {
    for (const element of container.children) {
      rows.set(element.dataset.key, { element, fill: adopt(element) });
    }
  }
  return (items) => {
    const keys = new Set(items.map((item) => item.key));
    for (const [key, row] of rows) {
      if (keys.has(key)) continue;
      leave(row.element);
      row.element.remove();
      rows.delete(key);
    }
    let next = container.firstElementChild;
    for (const item of items) {
      let row = rows.get(item.key);
      if (row === undefined) {
        row = make(item);
        row.fill(item);
        container.insertBefore(row.element, next);
        rows.set(item.key, row);
        continue;
      }
      row.fill(item);
      if (row.element === next) next = next.nextElementSibling;
      else container.insertBefore(row.element, next);
    }
  };
}

// A list of page.html, whose rows are copies of a template.
export function list(name) {
  const container = document.querySelector(`[data-list="${name}"]`);
  const template = document.getElementById(`row-${container.dataset.row}`).content;
  const make = () => {
    const element = template.firstElementChild.cloneNode(true);
    return { element, fill: filler(marked(element)) };
  };
  return keyed(container, make, (element) => filler(marked(element)));
}
