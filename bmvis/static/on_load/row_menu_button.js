// The button that opens the menu of a row: one for the page, which comes to the row under the pointer or with the focus.

const opener = document.createElement("button");
opener.className = "bmvis-opener";
opener.textContent = "⋯";
opener.title = opener.ariaLabel = "Row actions (m)";
opener.ariaHasPopup = "menu";
opener.ariaExpanded = "false";
opener.dataset.do = "menu";

// The first row is no module of its own: it has nothing to copy.
const isModule = (item) => item.id.length > rootOf(item).id.length + 1;

// The button follows the focus always, the pointer only while it is not in use.
function bringOpener({ type, target }) {
  const row = target.closest?.(ROW);
  const item = row && itemOf(row);
  if (!item?.id || !isModule(item) || item === opener.parentElement || item.closest(PLAIN)) return;
  if (opener.ariaExpanded === "true" || (type !== "focusin" && opener.matches(":focus-visible"))) return;
  item.prepend(opener);
}
