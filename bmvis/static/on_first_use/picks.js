// Picked rows, as text that selects exactly their modules: for PEFT's target_modules and OpenDelta's modified_modules.

const pickedItems = (root) => all(root, ".bmvis-picked").map(itemOf);

// Show the number of picked modules; the first pick gives each row a box to check.
function showPicks(root) {
  const count = new Set(pickedItems(root).flatMap((item) => pathsOf(entryOf(item)))).size;
  const tray = root.querySelector(".bmvis-picks");
  if (count && tray.hidden) startPicking(root);
  tray.firstChild.textContent = `Modules picked: ${count}. Copy`;
}

function startPicking(root) {
  root.querySelector(".bmvis-picks").hidden = false;
  root.classList.add("bmvis-picking");
  for (const { item, path, row } of indexOf(root)) {
    if (!path) continue;
    const facts = { type: "checkbox", className: "bmvis-check", ariaLabel: `Pick ${nameElement(item).textContent}` };
    item.prepend(Object.assign(document.createElement("input"), { ...facts, checked: row.classList.contains("bmvis-picked") }));
  }
}

function endPicking(root) {
  root.querySelector(".bmvis-picks").hidden = true;
  root.classList.remove("bmvis-picking");
  for (const box of all(root, ".bmvis-check")) box.remove();
  for (const row of all(root, ".bmvis-picked")) row.classList.remove("bmvis-picked");
}

function togglePick(root, item) {
  const isPicked = rowOf(item).classList.toggle("bmvis-picked");
  const box = item.querySelector(":scope > .bmvis-check");
  if (box) box.checked = isPicked;
  showPicks(root);
}

// The ends of a path, the shortest first: `c`, `b.c`, `a.b.c`.
const endsOf = (path) =>
  path
    .split(".")
    .map((_, position, parts) => parts.slice(position).join("."))
    .reverse();

function countEnds(paths) {
  const counts = new Map();
  for (const end of [...new Set(paths)].flatMap(endsOf)) counts.set(end, (counts.get(end) ?? 0) + 1);
  return counts;
}

// The shortest ends of paths that name no other module; empty where there are none.
function listOf(root, paths) {
  const every = countEnds(indexOf(root).flatMap(pathsOf));
  const picked = countEnds(paths);
  // Modules that are not shown could end alike.
  const isCut = root.querySelector(".bmvis-tree small");
  const found = paths.map((path) =>
    endsOf(path).find((end) => every.get(end) === picked.get(end) && (!isCut || end === path)));
  return found.includes(undefined) ? [] : [...new Set(found)];
}

const escapeRegex = (text) => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
const eitherOf = (texts) => (texts.length > 1 ? `(?:${texts.join("|")})` : texts[0]);

// One regular expression for some paths, part by part. `write` writes the parts that go on in the same way.
function regexFor(paths, write) {
  const ends = new Map();
  for (const [head, ...rest] of paths) ends.set(head, [...(ends.get(head) ?? []), rest]);
  const heads = new Map();
  for (const [head, rests] of ends) {
    const longer = rests.filter((rest) => rest.length);
    const rest = longer.length ? `\\.${regexFor(longer, write)}` : "";
    // A module and some below it.
    const end = rest && longer.length < rests.length ? `(?:${rest})?` : rest;
    heads.set(end, [...(heads.get(end) ?? []), head]);
  }
  return eitherOf([...heads].map(([end, names]) => write(names) + end));
}

// One regular expression that matches the whole paths of the modules that some entries represent: the numbers of a
// repeat are `\\d+` where that matches no other module of the tree.
function regexOf(root, picked) {
  const paths = new Set(picked.flatMap(pathsOf));
  const regexWith = (write) => regexFor([...paths].map((path) => path.split(".")), write);
  const writeExact = (names) => eitherOf(names.map(escapeRegex));
  const repeats = picked.flatMap(chainOf).flatMap(({ names, lists = [names] }) => lists.map(String));
  const isRepeat = (names) => names[1] && names.every(isNumber) && repeats.includes(String(names));
  const short = regexWith((names) => (isRepeat(names) ? "\\d+" : writeExact(names)));
  const isLeftOut = all(root, ".bmvis-tree small").some((words) => words.textContent.startsWith("…"));
  const pattern = new RegExp(`^(?:${short})$`);
  const isSame = indexOf(root).flatMap(pathsOf).every((path) => pattern.test(path) === paths.has(path));
  return isSame && !isLeftOut ? short : regexWith(writeExact);
}

// Names up to which a list is copied; one that is longer nobody reads.
const LONGEST_LIST = 8;

// Copy the picked modules in the form of a button, such as a setting of a library: a short list where ends of paths will do,
// else an expression.
function copyPicks(root, _, { dataset: { do: form } }) {
  const picked = pickedItems(root).map(entryOf);
  const regex = regexOf(root, picked);
  if (form === "regex") return copy(root, regex);
  const asRegex = form === "target_modules" ? `r"${regex}"` : `[r"[r]^${regex}$"]`;
  const list = listOf(root, picked.flatMap(pathsOf));
  const asList = `["${list.join('", "')}"]`;
  return copy(root, `${form}=${list.length && list.length <= LONGEST_LIST ? asList : asRegex}`);
}

// Copy text, and announce it. Returns whether it was copied: on an insecure origin it can only be shown.
async function copy(root, text) {
  announce(root, text);
  if (!navigator.clipboard) return false;
  await navigator.clipboard.writeText(text);
  announce(root, `copied ${text}`);
  return true;
}
