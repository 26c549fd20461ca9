// Links to rows: what hides a row is opened, and the row taken out of the repeat that it is folded into.

// The item with an id; of a repeat that it is folded into that member alone is taken out. Null where no row has it.
function reach(id) {
  const found = document.getElementById(id);
  if (found || !id.includes(".")) return found;
  // A repeat above it.
  reach(id.slice(0, id.lastIndexOf(".")));
  for (const item of all(document, ".bmvis-tree .bmvis-x").map(itemOf)) {
    const name = namesOf(item).find((name) => siblingId(item, name) === id);
    if (name === undefined) continue;
    split(item, [name]);
    return refresh(document.getElementById(id));
  }
  return document.getElementById(id);
}

// The id that the address names; one with a broken escape, such as `#100%`, is taken as it is.
function idInAddress() {
  const hash = location.hash.slice(1);
  try {
    return decodeURIComponent(hash);
  } catch {
    return hash;
  }
}

// Open what is above the row that the address names, and scroll to it.
function openLinked() {
  const item = reach(idInAddress());
  if (!item?.closest(".bmvis-tree")) return;
  for (let above = parentOf(item); above; above = parentOf(above)) boxOf(above).open = true;
  rowOf(item).scrollIntoView({ block: "center" });
}
