// The start of the script. It listens on the document, because trees can be added later.

// What the second script, `on_first_use/`, uses of this one. It adds `rows`, its functions. Inline, it runs right after this one.
window.bmvis = {
  all, announce, boxesBelow, buttonHtml, equipNew, focusRow, itemOf, listen, makeSection, opener, parentOf, pressWithin, rootOf, rowOf, showLinked,
};

listen("keydown", pressKey);
listen("pointerover", bringOpener);
listen("focusin", bringOpener);
listen("focusin", ({ target }) => {
  // Loaded and read before the first letter is typed.
  if (target.matches?.(".bmvis-tools input")) useRows("indexOf", rootOf(target));
});
listen("input", ({ target }) => {
  if (target.closest?.(".bmvis-tools")) useRows("filterTree", rootOf(target));
});
listen("click", ({ target }) => {
  const button = target.closest?.(".bmvis [data-do]");
  const leaf = target.closest?.(".bmvis-tree li > div");
  const opened = target.closest?.(".bmvis-tree summary");
  if (opened) pressLevel(rootOf(opened));
  if (button?.dataset.do === "level") openToLevel(rootOf(button), button.dataset.level);
  else if (button) useRows("act", button);
  else if (leaf && !target.closest("a")) focusRow(leaf);
});
listen("click", followLink);
addEventListener("hashchange", openLinked);

let equipped;

function start() {
  const [first] = document.getElementsByClassName("bmvis");
  if (first && first === equipped) return;
  equipped = first;
  equipNew();
  openLinked();
}

// Equip the trees without a toolbar: those of a page, or of a new output of a notebook.
function equipNew() {
  for (const tree of all(document, ":not(.bmvis-tools) + .bmvis-tree")) if (!tree.closest(PLAIN)) equip(tree);
  all(document, ".bmvis").forEach(followBackground);
}

// Material and Zensical put the next page into the same document, and notify `document$`; on a page from disk with instant
// navigation, they never do so for the first page.
function begin() {
  watchScheme();
  start();
  window.document$?.subscribe(start);
}

if (document.readyState === "loading") listen("DOMContentLoaded", begin);
else begin();
