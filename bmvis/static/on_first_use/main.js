// The functions that the first script, `on_load/`, calls, and the events that only this one listens to.

window.bmvis.rows = { act, filterTree, indexOf, openFolded, openMenu, resetFilter, stepHits, uncover };

listen("keydown", (event) => pressWithin(".bmvis-menu button", MENU_KEYS, event));
// Also of what is inside the page, such as a tree that is wider than its column. The event is late: it can be that of a
// scroll before the menu opened.
addEventListener("scroll", () => menu.isConnected && placeOfOpener() !== openedAt && closeMenu(), true);
listen("change", ({ target }) => {
  if (target.matches(".bmvis-check")) togglePick(rootOf(target), itemOf(target));
});
