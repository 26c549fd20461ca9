// The menu of a row. What its entries and the other buttons of a tree do.

// A popover: a click elsewhere and Escape close it, and nothing cuts it off.
const menu = makeSection("menu", "");
menu.popover = "auto";
menu.role = "menu";
menu.ariaLabel = "Row actions";
// `toggle` would be late: until then, the pointer could take the button to another row.
menu.addEventListener("beforetoggle", ({ newState }) => {
  opener.ariaExpanded = newState === "open";
});

// The row takes the focus back from the button: arrow keys go on from it, and the pointer takes the button to other rows.
menu.addEventListener("toggle", () => {
  if (opener.matches(":focus")) focusRow(rowOf(opener.parentElement));
});

let closing;
let openedAt;

const closeMenu = () => menu.matches(":popover-open") && menu.hidePopover();

function hideMenu() {
  closeMenu();
  opener.remove();
}

const placeOfOpener = () => JSON.stringify(opener.getBoundingClientRect());

function openMenu(item) {
  const count = namesOf(item).length;
  const isPicked = rowOf(item).classList.contains("bmvis-picked");
  const actions = [
    ["path", "Copy Python path"],
    ["key", "Copy state-dict key"],
    ["link", "Copy link"],
    ["pick", isPicked ? "Remove from target_modules" : "Pick for target_modules"],
    count > 1 && ["unfold", `Unfold into ${count} rows`],
    origins.has(item) && ["fold", "Fold again"],
  ];
  menu.innerHTML = actions.filter(Boolean).map(([action, label]) => buttonHtml(action, label, 'role="menuitem"')).join("");
  clearTimeout(closing);
  rootOf(item).append(menu);
  menu.showPopover();
  placeMenu(rowOf(item).getBoundingClientRect(), opener.getBoundingClientRect().right);
  openedAt = placeOfOpener();
  menu.firstChild.focus({ preventScroll: true });
}

// Below the row, or above it where there is no room; never over it, and inside the window.
function placeMenu(row, right) {
  const { width, height } = menu.getBoundingClientRect();
  const fitsBelow = row.bottom + height <= innerHeight || row.top < height;
  menu.style.top = `${fitsBelow ? row.bottom : row.top - height}px`;
  menu.style.left = `${Math.max(8, Math.min(right, innerWidth - 8) - width)}px`;
}

// Close the menu after the reader has seen what was done.
async function copyFromMenu(root, text, entry) {
  entry.textContent = (await copy(root, text)) ? "Copied" : text;
  closing = setTimeout(closeMenu, 900);
}

// What buttons do, by their `data-do`: with the tree, the item that has the opener, and themselves.
const ACTIONS = {
  state: (root, _, entry) => {
    entry.ariaPressed = entry.ariaPressed !== "true";
    filterTree(root);
  },
  menu: (_, item) => openMenu(item),
  path: (root, item, entry) => copyFromMenu(root, pythonPath(pathOf(item)), entry),
  key: (root, item, entry) => copyFromMenu(root, pathOf(item), entry),
  link: (root, item, entry) => copyFromMenu(root, new URL("#" + item.id, location).href, entry),
  pick: (root, item) => {
    closeMenu();
    togglePick(root, item);
  },
  unfold: (_, item) => focusRow(rowOf(refresh(unfold(item)[0]))),
  fold: (_, item) => focusRow(rowOf(refresh(foldAgain(item)))),
  reset: (root) => {
    resetFilter(root);
    fieldOf(root).focus();
  },
  clear: endPicking,
  target_modules: copyPicks,
  modified_modules: copyPicks,
  regex: copyPicks,
};

const act = (button) => ACTIONS[button.dataset.do](rootOf(button), opener.parentElement, button);

const stepMenu = (entry) => (entry ?? menu.firstChild).focus();
const MENU_KEYS = {
  ArrowDown: (entry) => stepMenu(entry.nextSibling),
  ArrowUp: (entry) => stepMenu(entry.previousSibling ?? menu.lastChild),
  Home: () => stepMenu(menu.firstChild),
  End: () => stepMenu(menu.lastChild),
  Tab: closeMenu,
};
