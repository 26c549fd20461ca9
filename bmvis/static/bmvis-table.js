// Sort a table of models by a click on a heading. Like bmvis.js it listens on the document: tables can arrive later.
(() => {
if (window.bmvisTable) return;
window.bmvisTable = true;

const all = (root, selector) => [...root.querySelectorAll(selector)];
const ORDERS = ["ascending", "descending"];

const valueOf = (row, column) => {
  const cell = row.cells[column];
  if (!cell || cell.colSpan > 1) return null;
  const text = cell.textContent.trim(), exact = cell.querySelector("[data-number]")?.dataset.number;
  if (exact !== undefined) return Number(exact);
  return text === "–" || text === "" ? null : text;
};

const compare = (a, b) => {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), undefined, { numeric: true });
};

// Rows without a value are last in both directions; those that are equal keep the order of the page.
const sorted = (rows, column, order) => {
  const sign = order === "descending" ? -1 : 1;
  const keyed = rows.map((row) => [row, order ? valueOf(row, column) : null]);
  keyed.sort(([one, a], [other, b]) => {
    if (order && (a === null) !== (b === null)) return a === null ? 1 : -1;
    return (order && a !== null && sign * compare(a, b)) || one.bmvisPlace - other.bmvisPlace;
  });
  return keyed.map(([row]) => row);
};

// A group stays in its place: only the rows between two of its headings change theirs.
const sort = (table, column, order) => {
  for (const body of table.tBodies) {
    const stripes = [...body.rows].map((row) => row.className);
    const runs = [[]];
    for (const row of body.rows) {
      if (row.matches(".bmvis-group")) runs.push([row], []);
      else runs.at(-1).push(row);
    }
    body.append(...runs.flatMap((run) => sorted(run, column, order)));
    [...body.rows].forEach((row, index) => (row.className = stripes[index]));
  }
};

const equip = (table) => {
  const heads = [...(table.tHead?.rows[0]?.cells ?? [])];
  if (table.bmvisSorts || !heads.length || all(table, "tbody tr:not(.bmvis-group)").length < 2) return;
  table.bmvisSorts = true;
  all(table, "tbody tr").forEach((row, index) => (row.bmvisPlace = index));
  for (const head of heads) {
    const button = Object.assign(document.createElement("button"), { type: "button" });
    button.append(...head.childNodes);
    head.append(button);
  }
};

document.addEventListener("click", ({ target }) => {
  const head = target.closest?.(".bmvis-table thead button")?.closest("th");
  if (!head) return;
  const cells = [...head.parentElement.cells], before = head.getAttribute("aria-sort");
  const order = head.matches(".bmvis-number") ? [...ORDERS].reverse() : ORDERS;
  const next = before ? order[order.indexOf(before) + 1] : order[0];
  for (const cell of cells) cell.removeAttribute("aria-sort");
  if (next) head.setAttribute("aria-sort", next);
  sort(head.closest("table"), cells.indexOf(head), next);
});

const start = () => {
  const equipAll = () => all(document, ".bmvis-table table").forEach(equip);
  equipAll();
  new MutationObserver(equipAll).observe(document.body, { childList: true, subtree: true });
};
if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
else start();
})();
