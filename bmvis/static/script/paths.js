// From list items to the paths of modules. An item's id is `anchor.path`; a folded item has the first member's.

// The path of an item's (first) module; `~20~` in an id is a character that an id cannot hold.
const pathOf = (item) =>
  item.id
    .slice(rootOf(item).id.length + 1)
    .replace(/~(\w+)~/g, (_, code) => String.fromCodePoint(parseInt(code, 16)));

const lastPart = (path) => path.slice(path.lastIndexOf(".") + 1);

// The id that a sibling called `name` has, or would have.
const siblingId = (item, name) => item.id.replace(/[^.]*$/, () => name);

// `4-6` as 4, 5, 6; any other part of a label as it is.
function expandRange(part) {
  if (!/^\d+-\d+$/.test(part)) return [part];
  const [first, last] = part.split("-").map(Number);
  return Array.from({ length: last - first + 1 }, (_, step) => String(first + step));
}

// The names of all siblings that an item stands for; its own alone where the label does not list them.
function namesOf(item) {
  const own = lastPart(pathOf(item));
  const label = rowOf(item).querySelector(".bmvis-x");
  if (!label || label.dataset.p) return [own]; // renamed: the label's names are not the model's
  const names = (label.title || label.textContent).split(/, ?/).flatMap(expandRange);
  return names.includes(own) && names.length === Number(label.dataset.x) ? names : [own];
}

// The way to an item: for each level the part of the path before its name (levels that are not drawn), and all its
// names, as in [["", ["encoder"]], ["layer.", ["0", "1"]]]. A renamed repeat has whole ends of paths for names.
function chainOf(item) {
  const path = item?.id && pathOf(item);
  if (!path) return [];
  let parent = parentOf(item);
  // Rows that are no modules of the model (a virtual level) have no part in its paths.
  while (!parent.id || !path.startsWith(pathOf(parent) && pathOf(parent) + ".")) parent = parentOf(parent);
  const below = (path) => path.slice(pathOf(parent).length).replace(/^\./, "");
  const renamed = rowOf(item).querySelector("[data-p]")?.dataset.p.split(" ").map(below);
  if (renamed) return [...chainOf(parent), ["", renamed]];
  const own = below(path);
  return [...chainOf(parent), [own.slice(0, own.length - lastPart(own).length), namesOf(item)]];
}

// The paths of all modules that an item stands for, those of repeats above it included.
function pathsOf(item) {
  let paths = [""];
  for (const [before, names] of chainOf(item))
    paths = paths.flatMap((path) => names.map((name) => (path && path + ".") + before + name));
  return paths.filter(Boolean);
}

// A path as Python writes it: `layer[0].weight`.
const pythonPath = (path) => path.replace(/(^|\.)(\d+)(?=\.|$)/g, "[$2]");
