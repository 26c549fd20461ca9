// Links to rows: what hides a row is opened and unfolded.

// The item with an id; a repeat that it is folded into is unfolded. Null where no row has it.
function reach(id) {
  const found = document.getElementById(id);
  if (found || !id.includes(".")) return found;
  reach(id.slice(0, id.lastIndexOf("."))); // a repeat above it
  const repeats = all(document, ".bmvis-tree .bmvis-x").map(itemOf);
  const folded = repeats.find((item) => namesOf(item).some((name) => siblingId(item, name) === id));
  if (!folded) return null;
  unfold(folded);
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
