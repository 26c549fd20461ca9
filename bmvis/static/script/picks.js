// Picked rows, as texts that name exactly their modules: for PEFT's target_modules and OpenDelta's modified_modules.

const pickedItems = (root) => all(root, ".bmvis-picked").map(itemOf);

// Show the tray with the number of picked modules, or hide it.
function showPicks(root) {
  const count = new Set(pickedItems(root).flatMap((item) => pathsOf(entryOf(item)))).size;
  const tray = root.querySelector(".bmvis-picks");
  tray.hidden = !count;
  tray.firstChild.textContent = `Modules picked: ${count}. Copy`;
}

function togglePick(root, item) {
  rowOf(item).classList.toggle("bmvis-picked");
  showPicks(root);
}

// The ends of a path, the shortest first: `c`, `b.c`, `a.b.c`.
const endsOf = (path) =>
  path
    .split(".")
    .map((_, place, parts) => parts.slice(place).join("."))
    .reverse();

function countEnds(paths) {
  const counts = new Map();
  for (const end of [...new Set(paths)].flatMap(endsOf)) counts.set(end, (counts.get(end) ?? 0) + 1);
  return counts;
}

// The shortest ends of paths that name no other module, as a list in Python; null where there are none.
function listOf(root, paths) {
  const every = countEnds(indexOf(root).flatMap(pathsOf));
  const picked = countEnds(paths);
  // Modules that are not shown could end alike.
  const isCut = root.querySelector(".bmvis-tree small");
  const found = paths.map((path) =>
    endsOf(path).find((end) => every.get(end) === picked.get(end) && (!isCut || end === path)));
  return found.includes(undefined) ? null : `["${[...new Set(found)].join('", "')}"]`;
}

const escapeRegex = (text) => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
const eitherOf = (texts) => (texts.length > 1 ? `(?:${texts.join("|")})` : texts[0]);

// One regular expression that matches the whole paths of all modules that the items stand for.
const regexOf = (items) =>
  eitherOf(
    items.map((item) =>
      chainOf(entryOf(item))
        .map(({ before, names }) => escapeRegex(before) + eitherOf(names.map(escapeRegex)))
        .join("\\.")));

// Copy the picked modules as `form` takes them: a list where ends of paths will do, else an expression.
function copyPicks(root, form) {
  const items = pickedItems(root);
  const regex = regexOf(items);
  if (form === "regex") return copy(root, regex);
  const asRegex = form === "target_modules" ? `r"${regex}"` : `[r"[r]^${regex}$"]`;
  return copy(root, `${form}=${listOf(root, items.flatMap((item) => pathsOf(entryOf(item)))) ?? asRegex}`);
}

async function copy(root, text) {
  announce(root, text);
  // An insecure origin: the text is there to be copied by hand.
  if (!navigator.clipboard) return;
  await navigator.clipboard.writeText(text);
  announce(root, `copied ${text}`);
}
