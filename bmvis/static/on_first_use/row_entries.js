// The rows of a tree as entries: the path of the module, and what the filter compares.

// Names as ids have them: `~20~` is a character that ids cannot contain.
const encodeName = (name) => name.replace(/[^\p{L}\p{N}_-]/gu, (one) => `~${one.codePointAt().toString(16)}~`);
const decodeName = (text) => text.replace(/~(\w+)~/g, (_, code) => String.fromCodePoint(parseInt(code, 16)));

// An item's id is `anchor.path`; a folded item has the first member's.
const pathOf = (item, anchor = rootOf(item).id) => decodeName(item.id.slice(anchor.length + 1));

const lastPart = (path) => path.slice(path.lastIndexOf(".") + 1);

// The id without its last name.
const aboveId = (id) => id.slice(0, id.lastIndexOf("."));

// The id that a sibling called `name` has, or would have.
const siblingId = (item, name) => item.id.replace(/[^.]*$/, () => encodeName(name));

// A path as Python writes it: `layer[0].weight`.
const pythonPath = (path) => path.replace(/(^|\.)(\d+)(?=\.|$)/g, "[$2]");

// `4-6` as 4, 5, 6; any other part of a label unchanged.
function expandRange(part) {
  if (!/^\d+-\d+$/.test(part)) return [part];
  const [first, last] = part.split("-").map(Number);
  return Array.from({ length: last - first + 1 }, (_, step) => String(first + step));
}

// The names of all siblings that an item represents; only its own if the label does not list them.
function namesOf(item, own = decodeName(lastPart(item.id))) {
  const lists = listsOf(item);
  if (lists) return [...new Set(lists.flat())];
  const label = rowOf(item).querySelector(".bmvis-x");
  // Renamed: the label's names are not the model's.
  if (!label || label.dataset.p) return [own];
  const names = (label.title || label.textContent).split(/, ?/).flatMap(expandRange);
  return names.includes(own) && names.length === Number(label.dataset.x) ? names : [own];
}

const isNumber = (name) => /^(0|[1-9]\d*)$/.test(name);

// The label of some names, as the renderer writes it: `0-4,6-11` for numbers; other names unchanged.
// `head`: what the names of a series have before their numbers, written once.
function labelOf(names, head = "") {
  const numbers = names.map((name) => name.startsWith(head) && name.slice(head.length));
  if (!numbers.every(isNumber)) return names.join(",");
  const runs = [];
  for (const number of numbers.map(Number).sort((a, b) => a - b)) {
    if (runs.at(-1)?.[1] === number - 1) runs.at(-1)[1] = number;
    else runs.push([number, number]);
  }
  return head + runs.map(([first, last]) => (first === last ? first : `${first}-${last}`)).join(",");
}

// The words that the filter knows for marks, by the mark's class; the legend's entries have the same classes.
const MARKS = { p: "trainable", x: "repeated", tie: "tied", other: "uncommon", flow: "returns" };
for (const mark of "frozen delta buffer similar match added removed changed virtual differs".split(" ")) MARKS[mark] = mark;
const MARKED = Object.keys(MARKS).map((mark) => `.bmvis-tree .bmvis-${mark}`).join();
const entries = new WeakMap();

// What is above the rows of the first level of a tree that leaves out the row of the whole model.
const WHOLE = { path: "" };

// What the filter finds in a row: its text, but not its number of parameters.
const wordsOf = (row) => [...row.childNodes].map((part) => (part.localName === "data" ? "" : part.textContent)).join("").toLowerCase();

// The entry of an item, whose place in the model is given by:
// `above`: the entry of the row above it; `base`: that of the nearest module above it, whose path its own goes on from;
// `before`: the part of the path between that module and its own name: levels that are not drawn, as in `encoder.`;
// `names`: all names that it represents; in a renamed repeat, whole ends of paths;
// `lists`: in a row of similar modules, the names in each module of the row above;
// `steps`: the same in lower case, name by name: [["encoder"], ["0", "1"]];
// `below`: entries of the modules that the depth limit hides, of which `shown` is the path from the row;
// `label`: what is written for the names of a repeat.
function readEntry(item, above, anchor) {
  const row = rowOf(item);
  const path = item.id ? pathOf(item, anchor) : null;
  const entry = { item, row, above, path, text: wordsOf(row), marks: "", tensors: [], steps: [] };
  entries.set(item, entry);
  if (!path) return entry;
  let base = above ?? WHOLE;
  entry.lists = listsOf(item);
  // Rows that are no modules of the model (a virtual level) have no part in its paths.
  while (base.path === null || (!entry.lists && !path.startsWith(base.path && base.path + "."))) base = base.above ?? WHOLE;
  entry.base = base;
  const below = (path) => path.slice(base.path.length).replace(/^\./, "");
  const renamed = row.querySelector("[data-p]")?.dataset.p.split(" ").map(below);
  const own = lastPart(path);
  entry.before = renamed || !path.startsWith(base.path) ? "" : below(path).slice(0, -own.length);
  entry.names = renamed ?? namesOf(item, own);
  entry.steps = stepsOf(entry);
  // The names of a repeat are looked at one by one: in the text, `1` would find `0-11`.
  if (entry.names.length > 1 && !renamed) {
    entry.label = row.querySelector(".bmvis-x").textContent.toLowerCase();
    entry.text = entry.text.slice(entry.label.length);
  }
  return entry;
}

function stepsOf({ before, names }) {
  const ways = names.map((name) => (before + name).toLowerCase().split("."));
  return ways[0].map((_, position) => [...new Set(ways.map((way) => way[position] ?? ""))]);
}

// Note the marks and the tensors of rows in their entries.
function readMarks(elements) {
  for (const element of elements) {
    const entry = entries.get(itemOf(element));
    const classes = element.className.match(/bmvis-\w+/g).map((name) => MARKS[name.slice(6)]);
    const isTrainable = !/frozen|buffer/.test(element.className);
    entry.marks += classes.filter((word) => word !== "trainable" || isTrainable).map((word) => ` ${word}`).join("");
    if (!element.matches(".bmvis-p")) continue;
    entry.marks += ` ${element.title.toLowerCase()}`;
    entry.tensors.push(...element.textContent.toLowerCase().replace(/:[^:]*$/, "").split(","));
  }
}

// Read what a row hides below the depth limit: a line of `levels names type words` for each group of equal modules. Each
// becomes an entry that is not on the page.
function readHidden(small, entry) {
  const levels = [entry];
  entry.below = small.dataset.below.split("\n").map((line) => {
    const [level, names, type, ...words] = line.split(" ");
    const own = names.split(",").flatMap(expandRange).map(decodeName);
    const base = levels[level - 1];
    const isTensor = (word) => word[0] === ".";
    levels[level] = {
      base,
      steps: [own.map((name) => name.toLowerCase())],
      shown: [base.shown, own.length > 1 ? labelOf(own) : own].filter(Boolean).join("."),
      text: `(${decodeName(type)})`.toLowerCase(),
      tensors: words.filter(isTensor).map((word) => decodeName(word.slice(1)).toLowerCase()),
      marks: words.filter((word) => !isTensor(word)).map((word) => ` ${word}`).join(""),
    };
    return levels[level];
  });
}

// Read the rows of some items with all below them, in preorder.
function readRows(items, above, anchor) {
  const rows = items.flatMap((item) => [item, ...item.querySelectorAll("li")]);
  const read = rows.map((item) => readEntry(item, entries.get(parentOf(item)) ?? above, anchor));
  readMarks(items.flatMap((item) => all(item, MARKED)));
  for (const small of items.flatMap((item) => all(item, "[data-below]"))) readHidden(small, entries.get(itemOf(small)));
  return read;
}

// All entries of a tree; reading 10,000 rows for each letter in the filter would be too slow.
function indexOf(root) {
  const memory = memoryOf(root);
  memory.index ??= readRows(all(root, ".bmvis-tree > li"), undefined, root.id);
  return memory.index;
}

function entryOf(item) {
  indexOf(rootOf(item));
  return entries.get(item);
}

// The entries from the first level down to one, those above it whose path goes on in its own.
const chainOf = (entry) => (entry?.path ? [...chainOf(entry.base), entry] : []);

// The paths of all modules that an entry represents, including those of repeats above it.
function pathsOf(entry) {
  let paths = [""];
  for (const { before, names, lists = [names] } of chainOf(entry))
    paths = paths.flatMap((path, position) => lists[position % lists.length].map((name) => (path && path + ".") + before + name));
  return paths.filter(Boolean);
}
