// The toolbar of a tree: the filter box, and the buttons that open levels. Below the tree: the tray of picked modules.

const DEEPEST = 999;

// A selector of what can be opened at a level and below it; the root's level is 0.
const boxesBelow = (level) => `.bmvis-tree ${"li ".repeat(level)}li > details`;

function openToLevel(root, level) {
  for (const box of all(root, boxesBelow(0))) box.open = !box.matches(boxesBelow(level));
  pressLevel(root, level);
}

// Have the button of a level pressed, or none: a row that is opened by hand is of no level.
function pressLevel(root, level) {
  for (const button of all(root, "[data-level]")) button.ariaPressed = String(button.dataset.level === level);
}

// Have the button pressed that shows how far the tree is open when the page loads.
function pressFirst(root) {
  const boxes = all(root, boxesBelow(0));
  const isAt = ({ dataset }) => boxes.every((box) => box.open !== box.matches(boxesBelow(dataset.level)));
  pressLevel(root, all(root, "[data-level]").reverse().find(isAt)?.dataset.level);
}

function levelButtons(tree) {
  const levels = [0, 1, 2, 3, 4].filter((level) => tree.querySelector(boxesBelow(level)));
  const button = (level, label, title) => buttonHtml("level", label, `title="${title}" aria-label="${title}" aria-pressed="false" data-level=${level}`);
  return levels
    .map((level) => (level ? button(level, level, `Open to level ${level}`) : button(0, "−", "Collapse all")))
    .concat(button(DEEPEST, "+", "Expand all"))
    .join("");
}

function equip(tree) {
  const root = rootOf(tree);
  const tools = makeSection("tools", `${FILTER_BOX}<span role="group" aria-label="Levels">${levelButtons(tree)}</span>`);
  const nothing = makeSection("nothing", NO_MATCH);
  const forms = buttonHtml("target_modules") + buttonHtml("modified_modules") + buttonHtml("regex", "regular expression");
  const picks = makeSection("picks", `<span role="status"></span>${forms}${buttonHtml("clear", "Clear")}`);
  nothing.hidden = picks.hidden = true;
  tree.before(tools);
  tree.after(nothing, picks);
  all(root, ".bmvis-legend > span[class]").forEach(makeButton);
  pressFirst(root);
}
