// Find, make and focus elements of trees.

const ROW = ".bmvis-tree li > details > summary, .bmvis-tree li > div";

// A small tree of a notebook, which has no styles for what the script adds.
const PLAIN = ".bmvis-plain + .bmvis";

const all = (root, selector) => [...root.querySelectorAll(selector)];
// Keys are taken before listeners of the theme: with Sphinx's `navigation_with_keys`, an arrow key goes to another page.
const listen = (kind, act) => document.addEventListener(kind, act, kind === "keydown");

// The element of a whole tree: sums, toolbar, rows, legend.
const rootOf = (element) => element.closest(".bmvis");
// The list item of a row, and the row of a list item.
const itemOf = (row) => row.closest("li");
const rowOf = (item) => item.querySelector(":scope > details > summary, :scope > div");
// The item that an item is below; null for the first.
const parentOf = (item) => item.parentElement.closest(".bmvis-tree li");
// Where an item's rows below it are, to open and to close; a leaf's has no `open`.
const boxOf = (item) => rowOf(item).parentElement;

// Show words in the toolbar; a screen reader reads them out.
const announce = (root, words) => {
  root.querySelector("output").textContent = words;
};

// The HTML of a button that does what `ACTIONS` has under `action`.
const buttonHtml = (action, label = action, attributes = "") =>
  `<button type="button" data-do="${action}" ${attributes}>${label}</button>`;

// An element of ours, such as the toolbar. No name of a model ever goes into `html`.
function makeSection(name, html) {
  const section = document.createElement("section");
  section.className = `bmvis-${name}`;
  section.innerHTML = html;
  return section;
}

// Give a row the focus. A leaf takes none from the Tab key, so that Tab passes over it.
function focusRow(row) {
  if (row.localName === "div") row.tabIndex = -1;
  row.focus();
}
