// The tables of the page: each is read again when what it shows has changed.

import { call, query } from "./api.js";
import { complain } from "./say.js";
import { table } from "./table.js";

// Return a function that shows a table. It reads it if `mark` differs from the one of the last read.
//
// `path` returns the path and the query of the table, or null if there is nothing to read.
export function pages(name, path) {
  let page = 0;
  let read = "";
  let busy = false;
  let again = false;
  const fill = table(document.querySelector(`[data-table="${name}"]`), (wanted) => {
    page = wanted;
    load();
  });

  async function load() {
    if (busy) {
      again = true;
      return;
    }
    const where = path();
    if (where === null) return;
    busy = true;
    again = false;
    try {
      const data = await call("GET", where.path + query({ ...where.query, page: String(page) }));
      if (page >= data.pages) {
        page = data.pages - 1;
        again = true;
      }
      const now = path();
      if (now !== null && now.path === where.path) fill(data);
    } catch (error) {
      // A Hub that is gone says so at the top of the page.
      if (error.status && error.status !== 403 && error.status !== 404) complain(error);
    } finally {
      busy = false;
      if (again) load();
    }
  }

  return {
    // Show what belongs to a mark.
    show(mark) {
      if (mark === read) return;
      read = mark;
      load();
    },
    // Begin at the first page, because something else is shown.
    first() {
      page = 0;
      read = "";
    },
  };
}
