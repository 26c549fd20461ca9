// Links to rows that are folded into a repeat, or that the filter hides.

// The item with an id; of a repeat that it is folded into that member alone is taken out. Null where no row has it.
function reach(id) {
  const found = document.getElementById(id);
  if (found || !id.includes(".")) return found;
  // A repeat above it.
  reach(aboveId(id));
  for (const item of all(document, ".bmvis-tree .bmvis-x").map(itemOf)) {
    // Reading the names of all repeats of a page is slow.
    if (aboveId(item.id) !== aboveId(id)) continue;
    const name = namesOf(item).find((name) => siblingId(item, name) === id);
    if (name === undefined) continue;
    split(item, [name]);
    return refresh(document.getElementById(id));
  }
  return document.getElementById(id);
}

function openFolded(id) {
  const item = reach(id);
  if (item?.closest(".bmvis-tree")) showLinked(item);
}

// Show a row that the filter hides.
function uncover(item) {
  if (memoryOf(rootOf(item)).closed) resetFilter(rootOf(item));
}
