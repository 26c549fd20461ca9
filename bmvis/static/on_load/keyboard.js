// Keys: arrows go through a tree as in a file manager, `m` opens a row's menu.

// Go to the next row that is drawn, up or down.
function step(row, by) {
  const rows = all(rootOf(row), ROW);
  let position = rows.indexOf(row) + by;
  while (rows[position] && !rows[position].checkVisibility()) position += by;
  if (rows[position]) focusRow(rows[position]);
}

// By key: what is done with a row, and whether its rows are shown; undefined for a leaf.
const ROW_KEYS = {
  ArrowDown: (row) => step(row, 1),
  ArrowUp: (row) => step(row, -1),
  ArrowRight: (row, isOpen) => (isOpen === false ? row.click() : step(row, 1)),
  ArrowLeft: (row, isOpen) => (isOpen ? row.click() : focusRow(rowOf(parentOf(itemOf(row)) ?? itemOf(row)))),
  m: (row) => itemOf(row) === opener.parentElement && useRows("openMenu", itemOf(row)),
};

const FIELD_KEYS = {
  Enter: (field, _, { shiftKey }) => useRows("stepHits", rootOf(field), shiftKey ? -1 : 1),
  Escape: (field) => useRows("resetFilter", rootOf(field)),
};

const pressKey = (event) => pressWithin(ROW, ROW_KEYS, event) || pressWithin(".bmvis-tools input", FIELD_KEYS, event);

// Do what `keys` has for a key that is pressed in an element of `selector`. Returns whether the element is one.
function pressWithin(selector, keys, event) {
  const { target, key } = event;
  if (!target.matches?.(selector)) return false;
  if (!Object.hasOwn(keys, key) || event.ctrlKey || event.metaKey || event.altKey) return true;
  keys[key](target, target.parentElement.open, event);
  event.preventDefault();
  event.stopPropagation();
  return true;
}
