// A long table, 100 rows at a time. The Hub sends columns and cells; a cell is a text, or a text
// with a link.

import { keyed } from "./bind.js";

const element = (name, properties) => Object.assign(document.createElement(name), properties);

// Make the table of an element with data-table. `onPage` is called with the page that is wanted.
export function table(root, onPage) {
  const label = root.dataset.label;
  const text = element("p", { className: "pager-text" });
  const newer = element("button", { type: "button", className: "small", textContent: "Previous" });
  const older = element("button", { type: "button", className: "small", textContent: "Next" });
  const pager = element("div", { className: "pager" });
  pager.append(text, newer, older);
  const scroll = element("div", { className: "scroll", tabIndex: 0 });
  scroll.setAttribute("role", "region");
  scroll.setAttribute("aria-label", label);
  const grid = element("table", {});
  const caption = element("caption", { className: "visually-hidden", textContent: label });
  const head = grid.createTHead().insertRow();
  const body = grid.createTBody();
  grid.prepend(caption);
  scroll.append(grid);
  const none = element("p", { className: "none", textContent: "Nothing here yet." });
  root.append(pager, scroll, none);

  let page = 0;
  let pages = 1;
  let columns = "";
  const turn = (by) => {
    if (page + by >= 0 && page + by < pages) onPage(page + by);
  };
  newer.addEventListener("click", () => turn(-1));
  older.addEventListener("click", () => turn(1));

  let fillRows = keyed(body, row);
  return (data) => {
    ({ page, pages } = data);
    if (text.textContent !== data.text) text.textContent = data.text;
    newer.setAttribute("aria-disabled", page === 0);
    older.setAttribute("aria-disabled", page + 1 >= pages);
    newer.hidden = older.hidden = pages === 1;
    if (columns !== data.columns.join("\n")) {
      columns = data.columns.join("\n");
      head.replaceChildren(...data.columns.map(heading));
      body.replaceChildren();
      fillRows = keyed(body, row);
    }
    scroll.hidden = !data.rows.length;
    none.hidden = Boolean(data.rows.length);
    fillRows(data.rows);
  };
}

function heading(name) {
  const cell = element("th", { scope: "col" });
  cell.append(element("bdi", { textContent: name }));
  return cell;
}

function row(item) {
  const line = document.createElement("tr");
  const holders = item.cells.map((cell) => {
    const holder = element(Array.isArray(cell) ? "a" : "bdi", {});
    line.insertCell().append(holder);
    return holder;
  });
  const shown = [];
  const fill = ({ cells, tone }) => {
    if (line.dataset.tone !== tone) line.dataset.tone = tone;
    cells.forEach((cell, place) => {
      const [text, link] = Array.isArray(cell) ? cell : [cell];
      if (shown[place] !== text) shown[place] = holders[place].textContent = text;
      if (link && holders[place].getAttribute("href") !== link) holders[place].href = link;
    });
  };
  return { element: line, fill };
}
