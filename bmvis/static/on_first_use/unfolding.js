// Unfold a repeated row: take one or all of its members out, and fold them again.

// For an item in the place of a folded one: the folded one. For a folded one: the items in its place.
const origins = new WeakMap();
const parts = new WeakMap();

// Put an item for each group of its members in the place of a folded one, and return these.
function replaceBy(folded, groups) {
  hideMenu();
  const items = groups.map((names) => copyOf(folded, names));
  for (const item of items) origins.set(item, folded);
  parts.set(folded, items);
  folded.replaceWith(...items);
  return items;
}

// Take some members out of a folded item, in one item, and leave the rest in another; null where all are taken.
function split(folded, names) {
  const taken = new Set(names);
  const rest = namesOf(folded).filter((name) => !taken.has(name));
  if (!rest.length) return null;
  const isFirst = taken.has(namesOf(folded)[0]);
  return replaceBy(folded, isFirst ? [names, rest] : [rest, names]);
}

// An item for each member.
const unfold = (folded) => replaceBy(folded, namesOf(folded).map((name) => [name]));

// The items on the page in the place of a folded one; itself where it was not taken apart.
const membersOf = (item) => parts.get(item)?.flatMap(membersOf) ?? [item];

// Undo all that was done to a folded item.
function merge(folded) {
  const [first, ...others] = membersOf(folded);
  if (!first.isConnected) return;
  hideMenu();
  first.replaceWith(folded);
  for (const item of others) item.remove();
  forgetParts(folded);
}

function forgetParts(folded) {
  parts.get(folded)?.forEach(forgetParts);
  parts.delete(folded);
}

// Undo what was done to the folded item that an item was taken out of, at first; return the folded one.
function foldAgain(item) {
  let folded = item;
  while (origins.has(folded)) folded = origins.get(folded);
  merge(folded);
  return folded;
}

// Read a tree again whose items changed, and return `item`.
function refresh(item) {
  const root = rootOf(item);
  const memory = memoryOf(root);
  memory.index = null;
  memory.taken = [];
  if (memory.closed) filterTree(root);
  showPicks(root);
  return item;
}
