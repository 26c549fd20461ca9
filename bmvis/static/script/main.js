// It begins here, and listens on the document: trees can arrive later.

listen("keydown", pressKey);
listen("pointerover", bringOpener);
listen("focusin", bringOpener);
// Also of what is inside the page, such as a tree that is wider than its column.
addEventListener("scroll", () => isMenuOpen() && menu.hidePopover(), { capture: true, passive: true });
listen("change", ({ target }) => {
  if (target.matches(".bmvis-check")) togglePick(rootOf(target), itemOf(target));
});
listen("focusin", ({ target }) => {
  // So that the first letter is quick.
  if (target.matches?.(".bmvis-tools input")) indexOf(rootOf(target));
});
listen("input", ({ target }) => {
  if (target.closest?.(".bmvis-tools")) filterTree(rootOf(target));
});
listen("click", ({ target }) => {
  const button = target.closest?.(".bmvis [data-do]");
  const leaf = target.closest?.(".bmvis-tree li > div");
  const opened = target.closest?.(".bmvis-tree summary");
  if (opened) pressLevel(rootOf(opened));
  if (button) ACTIONS[button.dataset.do](rootOf(button), owner, button);
  else if (leaf && !target.closest("a")) focusRow(leaf);
});
listen("click", followLink);
addEventListener("hashchange", openLinked);

function start() {
  // Those without a toolbar.
  all(document, ":not(.bmvis-tools) + .bmvis-tree").forEach(equip);
  all(document, ".bmvis").forEach(followBackground);
  openLinked();
}

// Material and Zensical put the next page into the same document, and notify `document$`.
function begin() {
  watchScheme();
  if (window.document$) window.document$.subscribe(start);
  else start();
}

if (document.readyState === "loading") listen("DOMContentLoaded", begin);
else begin();
