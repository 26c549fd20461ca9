// The actions of a row: one set for the page, that comes to the row under the pointer or with the focus.

const menuHolder = makeSection(
  "actions",
  `<details><summary aria-label="Row actions" title="Row actions (m)">⋯</summary>
    ${buttonHtml("path", "path", "Copy as Python")}
    ${buttonHtml("key", "key", "Copy as state-dict key")}
    ${buttonHtml("link", "link", "Copy a link")}
    ${buttonHtml("unfold")}
    ${buttonHtml("pick", "pick", "Pick for target_modules")}</details>`,
);
const menu = menuHolder.querySelector("details");
const menuOpener = menu.querySelector("summary");
const unfoldButton = menu.querySelector("[data-do=unfold]");

// The item whose row has the menu.
const menuItem = () => menuHolder.parentElement;

function hideMenu() {
  menu.open = false;
  menuHolder.remove();
}

function showMenu(row) {
  const item = itemOf(row);
  if (!item.id || !pathOf(item) || item === menuItem()) return;
  menu.open = false;
  const isUnfolded = origins.has(item);
  unfoldButton.hidden = !isUnfolded && namesOf(item).length < 2;
  unfoldButton.textContent = unfoldButton.title = isUnfolded ? "fold" : "unfold";
  item.prepend(menuHolder);
}

// The menu follows the focus always, the pointer only while it is not in use.
function bringMenu({ type, target }) {
  const row = target.closest?.(ROW);
  const isInUse = menuHolder.querySelector("[open], :focus-visible");
  if (row && (type === "focusin" || !isInUse)) showMenu(row);
}

// What buttons do, by their `data-do`: with the tree, the item they are in, and themselves.
const ACTIONS = {
  level: (root, _, button) => openToLevel(root, button.dataset.level),
  state: (root, _, entry) => {
    entry.ariaPressed = String(entry.ariaPressed !== "true");
    filterTree(root);
  },
  path: (root, item) => copy(root, pythonPath(pathOf(item))),
  key: (root, item) => copy(root, pathOf(item)),
  link: (root, item) => copy(root, new URL("#" + item.id, location).href),
  pick: togglePick,
  unfold: (_, item) => focusRow(rowOf(refresh(origins.has(item) ? foldAgain(item) : unfold(item)[0]))),
  reset: (root) => {
    resetFilter(root);
    fieldOf(root).focus();
  },
  clear: (root) => pickedItems(root).forEach((item) => togglePick(root, item)),
  target_modules: (root) => copyPicks(root, "target_modules"),
  modified_modules: (root) => copyPicks(root, "modified_modules"),
  regex: (root) => copyPicks(root, "regex"),
};
