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

// The id in the URL fragment. A fragment with an invalid escape, such as `#100%`, is not decoded.
function idInAddress() {
  const hash = location.hash.slice(1);
  try {
    return decodeURIComponent(hash);
  } catch {
    return hash;
  }
}

// Open what is above the row that the address names, mark it, and scroll to it: to the middle of the window, where no
// header of a theme covers it. `:target` would not do: it is not looked up again for a row that was just unfolded.
function openLinked() {
  const item = reach(idInAddress());
  for (const row of all(document, ".bmvis-linked")) row.classList.remove("bmvis-linked");
  if (!item?.closest(".bmvis-tree")) return;
  const { closed } = memoryOf(rootOf(item));
  if (closed && !item.checkVisibility()) resetFilter(rootOf(item));
  rowOf(item).classList.add("bmvis-linked");
  for (let above = parentOf(item); above; above = parentOf(above)) boxOf(above).open = true;
  rowOf(item).scrollIntoView({ block: "center" });
}

// A link to the address that is there already changes nothing that `hashchange` would notice, and some themes change the
// address by themselves.
function followLink({ target }) {
  const link = target.closest?.("a[href*='#']");
  if (!link) return;
  // A link in a map is an element of SVG, without these properties.
  const { pathname, hash } = new URL(link.getAttribute("href"), document.baseURI);
  if (pathname === location.pathname && hash.includes(".")) setTimeout(openLinked);
}
