// Links to rows: open what hides the row.

// The id in the URL fragment. A fragment with an invalid escape, such as `#100%`, is not decoded.
function idInAddress() {
  const hash = location.hash.slice(1);
  try {
    return decodeURIComponent(hash);
  } catch {
    return hash;
  }
}

// Show the row that the address names. Of a row that is folded into a repeat, the second script knows more.
function openLinked() {
  for (const row of all(document, ".bmvis-linked")) row.classList.remove("bmvis-linked");
  const id = idInAddress();
  const item = document.getElementById(id);
  if (item?.closest(".bmvis-tree")) showLinked(item);
  else if (!item && all(document, ".bmvis").some((root) => root.id && id.startsWith(`${root.id}.`))) useRows("openFolded", id);
}

// Open what is above an item, mark its row, and scroll to it: to the middle of the window, where no header of a theme
// covers it, and at once: a theme that scrolls smoothly can be interrupted halfway. `:target` would not do: it is not
// looked up again for a row that was just unfolded.
function showLinked(item) {
  if (item.closest("[hidden]")) useRows("uncover", item);
  rowOf(item).classList.add("bmvis-linked");
  for (let above = parentOf(item); above; above = parentOf(above)) boxOf(above).open = true;
  rowOf(item).scrollIntoView({ block: "center", behavior: "instant" });
}

// A link to the address that is there already changes nothing that `hashchange` would notice, and some themes change the
// address by themselves.
function followLink({ target }) {
  const link = target.closest?.("a[*|href*='#']");
  if (!link) return;
  // A link in a map is an element of SVG, without these properties.
  const { pathname, hash } = new URL(link.getAttribute("href") ?? link.getAttribute("xlink:href"), document.baseURI);
  if (pathname === location.pathname && hash.includes(".")) setTimeout(openLinked);
}
