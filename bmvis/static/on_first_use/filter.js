// Filter the rows of a tree by the words of the filter box, and by the pressed entries of the legend.

// Repeats up to which the filter takes members out; where more match, it shows the repeats.
const MOST_SPLITS = 20;

const fieldOf = (root) => root.querySelector(".bmvis-tools input");

// The words of the marks whose entries in the legend are pressed.
const pressedMarks = (root) =>
  all(root, '.bmvis-legend [aria-pressed="true"]').map((entry) => MARKS[entry.className.match(/\w+$/)[0]]);

// Show the rows that match, and those above them; all rows where nothing is asked for.
function filterTree(root) {
  const memory = memoryOf(root);
  const words = fieldOf(root).value.toLowerCase().split(/\s+/).filter(Boolean).map(readWord);
  const marks = pressedMarks(root);
  const height = memory.taken.length ? root.querySelector(".bmvis-tree").offsetHeight : 0;
  hideMenu();
  unmarkHits(memory);
  mergeTaken(memory);
  if (!words.length && !marks.length) return clearFilter(root);
  memory.closed ??= all(root, boxesBelow(0)).filter((box) => !box.open);
  const count = indexOf(root).length;
  const { hits, used, tests, end } = searchRows(indexOf(root), words, marks);
  memory.hits = [...(takeOutParts(root, hits) ? matchRows(indexOf(root), used, tests, marks) : hits).keys()];
  if (memory.hits.length) showHits(root, memory.hits);
  showNoMatch(root, !memory.hits.length, height);
  announce(root, `${memory.hits.length} of ${count} rows${end ? ` end in ${end}` : ""}`);
}

function unmarkHits(memory) {
  for (const entry of memory.hits) {
    entry.row.classList.remove("bmvis-hit", "bmvis-current");
    showFound(entry, []);
  }
  for (const item of memory.last) item.classList.remove("bmvis-last");
  memory.hits = [];
  memory.current = -1;
}

// Name the modules below the depth limit that match on the row that hides them.
function showFound({ below, row }, [first, ...more]) {
  if (!below) return;
  const words = row.querySelector("[data-below]");
  if (first) words.dataset.found = first.shown + (more[0] ? ` and ${more.length} more` : "");
  else delete words.dataset.found;
}

// Mark some rows, and show those and all above them.
function showHits(root, hits) {
  const kept = new Set(hits);
  for (const entry of hits) {
    entry.row.classList.add("bmvis-hit");
    showFound(entry, entry.found ?? []);
  }
  // The set grows on the way.
  for (const entry of kept) {
    if (!entry.above) continue;
    kept.add(entry.above);
    if (!entry.above.row.parentElement.open) entry.above.row.parentElement.open = true;
  }
  const memory = memoryOf(root);
  const last = new Map();
  for (const entry of indexOf(root)) {
    const { item, above } = entry;
    const isKept = kept.has(entry);
    if (isKept) last.set(above, item);
    // Everything below a hidden row is hidden already.
    if ((!above || kept.has(above)) && item.hidden === isKept) item.hidden = !isKept;
  }
  memory.last = [...last.values()];
  for (const item of memory.last) item.classList.add("bmvis-last");
}

// Show all rows, those closed that were closed before.
function clearFilter(root) {
  const memory = memoryOf(root);
  if (!memory.closed) return;
  for (const { item } of indexOf(root)) if (item.hidden) item.hidden = false;
  for (const box of memory.closed) box.open = false;
  memory.closed = null;
  showNoMatch(root, false);
  announce(root, "");
}

// Where nothing matches, words take the tree's place and keep its height, so that the page does not jump.
function showNoMatch(root, isNothing, height) {
  const tree = root.querySelector(".bmvis-tree");
  const words = root.querySelector(".bmvis-nothing");
  if (isNothing && !tree.hidden) words.style.minHeight = `${height || tree.offsetHeight}px`;
  tree.hidden = isNothing;
  words.hidden = !isNothing;
  words.firstChild.textContent = `No row matches “${fieldOf(root).value.trim()}”. `;
}

// Empty the filter, its field and the legend's entries.
function resetFilter(root) {
  fieldOf(root).value = "";
  for (const entry of all(root, '.bmvis-legend [aria-pressed="true"]')) entry.ariaPressed = "false";
  filterTree(root);
}

// Go to the next row that matches, or to the one before.
function stepHits(root, by) {
  const memory = memoryOf(root);
  const count = memory.hits.length;
  if (!count) return;
  memory.hits[memory.current]?.row.classList.remove("bmvis-current");
  memory.current = (Math.max(memory.current, by < 0 ? 0 : -1) + by + count) % count;
  const { row } = memory.hits[memory.current];
  row.classList.add("bmvis-current");
  row.scrollIntoView({ block: "center" });
  announce(root, `${memory.current + 1} of ${count}`);
}

// Take the members that match out of repeats of which others do not. Returns whether there were any.
function takeOutParts(root, hits) {
  const memory = memoryOf(root);
  const wanted = new Map();
  for (const { entry, fits } of [...hits.values()].flat())
    for (const name of namesOf(entry.item).filter((name) => fits(name.toLowerCase())))
      wanted.set(entry.item, (wanted.get(entry.item) ?? new Set()).add(name));
  if (!wanted.size || wanted.size > MOST_SPLITS) return false;
  const index = indexOf(root);
  const toPosition = (item) => index.indexOf(entries.get(item));
  // The last first, so the innermost first: what is taken out of a repeat has its own repeats split already.
  const items = [...wanted.keys()].sort((a, b) => toPosition(b) - toPosition(a));
  const outermost = items.filter((item) => !items.some((other) => other !== item && other.contains(item)));
  const regions = outermost.map((item) => ({ position: toPosition(item), size: all(item, "li").length + 1, item }));
  for (const item of items) if (split(item, [...wanted.get(item)])) memory.taken.push(item);
  memory.whole = index;
  memory.index = [...index];
  for (const { position, size, item } of regions)
    memory.index.splice(position, size, ...readRows(membersOf(item), entries.get(item).above, root.id));
  return true;
}

// Put the repeats together again that the filter took members out of, but those with picked rows.
function mergeTaken(memory) {
  const isKept = memory.taken.some((item) => membersOf(item).some((member) => member.querySelector(".bmvis-picked")));
  if (memory.taken.length) memory.index = isKept ? null : memory.whole;
  for (const item of isKept ? [] : memory.taken.reverse()) merge(item);
  memory.taken = [];
}
