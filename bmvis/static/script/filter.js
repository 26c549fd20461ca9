// The filter: words of the search field, and the legend's entries that are pressed.

// The rows of a tree in preorder, read once: reading 10,000 rows for each letter would be too slow.
function indexOf(root) {
  const memory = memoryOf(root);
  if (memory.index) return memory.index;
  const places = new Map();
  memory.index = all(root, ".bmvis-tree li").map((item, place) => {
    places.set(item, place);
    const row = rowOf(item);
    return { item, row, text: row.textContent.toLowerCase(), parent: places.get(parentOf(item)) };
  });
  return memory.index;
}

// Selectors of the marks whose legend entries are pressed.
const pressedMarks = (root) =>
  all(root, '[aria-pressed="true"]').map((entry) => {
    const selector = entry.className.replace(/(\S+) ?/g, ".$1");
    return selector === ".bmvis-p" ? ".bmvis-p:not(.bmvis-frozen, .bmvis-buffer)" : selector;
  });

// Show the rows that match, and those above them; all rows where nothing is asked for.
function filterTree(root) {
  const words = root.querySelector(".bmvis-tools input").value.toLowerCase().split(/\s+/).filter(Boolean);
  const marks = pressedMarks(root);
  const rows = indexOf(root);
  if (!words.length && !marks.length) return clearFilter(root);
  memoryOf(root).closed ??= all(root, boxesBelow(0)).filter((box) => !box.open);
  const kept = [];
  let hits = 0;
  for (let place = rows.length; place--; ) {
    const { row, text, parent } = rows[place];
    const isHit = words.every((word) => text.includes(word)) && marks.every((mark) => row.querySelector(mark));
    row.classList.toggle("bmvis-hit", isHit);
    if (kept[place]) row.parentElement.open = true;
    if (isHit) kept[place] = true;
    if (kept[place]) kept[parent] = true;
    hits += isHit;
  }
  hideRest(rows, kept);
  announce(root, `${hits} of ${rows.length} rows`);
}

// Hide the rows that are not kept. Below a hidden row all is hidden already: those are left as they are.
function hideRest(rows, kept) {
  rows.forEach(({ item, parent }, place) => {
    if ((kept[parent] ?? true) && item.hidden === Boolean(kept[place])) item.hidden = !kept[place];
  });
}

// Show all rows, those closed that were closed before.
function clearFilter(root) {
  const memory = memoryOf(root);
  for (const { item, row } of indexOf(root)) {
    row.classList.remove("bmvis-hit");
    if (item.hidden) item.hidden = false;
  }
  for (const box of memory.closed ?? []) box.open = false;
  memory.closed = null;
  announce(root, "");
}
