// Keys of a row: arrows go through the tree, as in a file manager, and `m` to the row's menu.

// Go to the next row that is drawn, up or down.
function step(row, by) {
  const rows = all(rootOf(row), ROW);
  let place = rows.indexOf(row) + by;
  while (rows[place] && !rows[place].checkVisibility()) place += by;
  if (rows[place]) focusRow(rows[place]);
}

const KEYS = {
  ArrowDown: (row) => step(row, 1),
  ArrowUp: (row) => step(row, -1),
  ArrowRight: (row, isOpen) => (isOpen === false ? row.click() : step(row, 1)),
  ArrowLeft: (row, isOpen) => (isOpen ? row.click() : focusRow(rowOf(parentOf(itemOf(row)) ?? itemOf(row)))),
  m: () => menuOpener.focus(),
};

function pressKey(event) {
  const { target, key } = event;
  if (target.matches?.(".bmvis-tools input")) return pressKeyInFilter(event);
  if (key === "Escape" && menuItem()?.contains(target)) {
    menu.open = false;
    focusRow(rowOf(menuItem()));
  } else if (KEYS[key] && target.matches?.(ROW) && !(event.ctrlKey || event.metaKey || event.altKey)) {
    // Undefined for a leaf.
    KEYS[key](target, target.parentElement.open);
    event.preventDefault();
  }
}

function pressKeyInFilter({ target, key, shiftKey }) {
  if (key === "Enter") stepHits(rootOf(target), shiftKey ? -1 : 1);
  if (key === "Escape") resetFilter(rootOf(target));
}
