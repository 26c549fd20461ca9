// Keys: arrows go through a tree as in a file manager, `m` opens a row's menu, arrows go through that too.

// Go to the next row that is drawn, up or down.
function step(row, by) {
  const rows = all(rootOf(row), ROW);
  let place = rows.indexOf(row) + by;
  while (rows[place] && !rows[place].checkVisibility()) place += by;
  if (rows[place]) focusRow(rows[place]);
}

// By key: what is done with a row, and whether its rows are shown; undefined for a leaf.
const ROW_KEYS = {
  ArrowDown: (row) => step(row, 1),
  ArrowUp: (row) => step(row, -1),
  ArrowRight: (row, isOpen) => (isOpen === false ? row.click() : step(row, 1)),
  ArrowLeft: (row, isOpen) => (isOpen ? row.click() : focusRow(rowOf(parentOf(itemOf(row)) ?? itemOf(row)))),
  m: (row) => itemOf(row) === owner && openMenu(owner),
};

const stepMenu = (entry) => (entry ?? menu.firstChild).focus();
const MENU_KEYS = {
  ArrowDown: (entry) => stepMenu(entry.nextSibling),
  ArrowUp: (entry) => stepMenu(entry.previousSibling ?? menu.lastChild),
  Home: () => stepMenu(menu.firstChild),
  End: () => stepMenu(menu.lastChild),
  Tab: () => menu.hidePopover(),
};

const FIELD_KEYS = {
  Enter: (field, _, { shiftKey }) => stepHits(rootOf(field), shiftKey ? -1 : 1),
  Escape: (field) => resetFilter(rootOf(field)),
};

function pressKey(event) {
  const { target, key } = event;
  const isIn = (selector) => target.matches?.(selector);
  const keys = isIn(ROW) ? ROW_KEYS : isIn(".bmvis-menu button") ? MENU_KEYS : isIn(".bmvis-tools input") ? FIELD_KEYS : {};
  if (!Object.hasOwn(keys, key) || event.ctrlKey || event.metaKey || event.altKey) return;
  keys[key](target, target.parentElement.open, event);
  event.preventDefault();
}
